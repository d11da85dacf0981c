// Watchers: so many streams over so many connections, of ours, of etcd's or of the bare server's.

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "bench/load/etcd.h"
#include "bench/load/flags.h"
#include "bench/load/grpc_client.h"
#include "bench/load/report.h"
#include "bench/load/verbs.h"
#include "bench/load/webhook.h"
#include "grpcpp/client_context.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/support/client_callback.h"
#include "tributary/crm/v1/opportunity.pb.h"

ABSL_FLAG(int, watchers, 100, "Streams.");
ABSL_FLAG(bool, etcd, false, "Watch etcd.");
ABSL_FLAG(bool, each_owner, false, "Watcher N watches the owner --owner N.");
ABSL_FLAG(int64_t, after_revision, -1, "Begin after this revision; -1: now.");
ABSL_FLAG(bool, snapshot, false, "Begin with a snapshot.");
ABSL_FLAG(bool, latency, false, "Measure from when each webhook was sent.");
ABSL_FLAG(bool, stalled, false, "Read the first message of each stream and no more.");
ABSL_FLAG(std::string, until, "time",
          "time: --seconds from the first change; end: of all streams; snapshot: of all snapshots; "
          "stdin: its end.");

namespace bench {
namespace {

TallyFields FieldsToCount() {
  if (absl::GetFlag(FLAGS_etcd)) return {.item = etcd::kWatchEvents};
  return {.item = 1, .marker = 4};  // WatchOpportunitiesResponse: changes, snapshot_complete
}

// What all watchers of a run share.
struct Run {
  TallyFields fields = FieldsToCount();
  std::atomic<int> connected{0};
  std::atomic<int> snapshots{0};
  std::atomic<int> ended{0};
  std::atomic<int> failed{0};
  std::atomic<int64_t> first_change_us{0};
};

class Watcher final : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  explicit Watcher(Run& run) : run_(run) {}

  void Start(const std::shared_ptr<grpc::Channel>& channel, const std::string& method,
             const std::string& request) {
    grpc::GenericStub(channel).PrepareBidiStreamingCall(&context_, method, grpc::StubOptions(),
                                                        this);
    request_ = ToBuffer(request);
    // etcd's stream is over when its client has no more to say; ours begins then.
    if (absl::GetFlag(FLAGS_etcd)) {
      StartWrite(&request_);
    } else {
      StartWriteLast(&request_, grpc::WriteOptions());
    }
    StartRead(&response_);
    StartCall();
  }

  void Cancel() { context_.TryCancel(); }

  void OnReadDone(bool ok) override {
    if (!ok) return;
    Tally tally;
    if (!Count(response_, run_.fields, tally)) ++run_.failed;
    items_.fetch_add(tally.items, std::memory_order_relaxed);
    bytes_.fetch_add(tally.bytes, std::memory_order_relaxed);
    messages_.fetch_add(1, std::memory_order_relaxed);
    if (tally.has_marker) ++run_.snapshots;
    if (tally.items > 0) {
      int64_t none = 0;
      run_.first_change_us.compare_exchange_strong(none, MicrosNow());
      if (latency_) NoteLatencies();
    }
    if (std::exchange(first_, false)) {
      ++run_.connected;
      if (stalled_) return;
    }
    StartRead(&response_);
  }

  void OnDone(const grpc::Status& status) override {
    const bool expected = status.ok() || status.error_code() == grpc::StatusCode::CANCELLED;
    if (!expected && run_.failed++ == 0)
      std::fprintf(stderr, "a stream ended: %s\n", status.error_message().c_str());
    ++run_.ended;
  }

  int64_t items() const { return items_.load(std::memory_order_relaxed); }
  int64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }
  int64_t messages() const { return messages_.load(std::memory_order_relaxed); }
  const Latencies& latencies() const { return latencies_; }

 private:
  void NoteLatencies() {
    const int64_t now = MicrosNow();
    const std::string text = ToString(response_);
    for (size_t at = text.find(kSentMark); at != text.npos; at = text.find(kSentMark, at)) {
      at += sizeof kSentMark - 1;
      int64_t sent = 0;
      if (absl::SimpleAtoi(absl::string_view(text).substr(at, kSentDigits), &sent))
        latencies_.AddMicros(now - sent);
    }
  }

  Run& run_;
  const bool latency_ = absl::GetFlag(FLAGS_latency);
  const bool stalled_ = absl::GetFlag(FLAGS_stalled);
  grpc::ClientContext context_;
  grpc::ByteBuffer request_;
  grpc::ByteBuffer response_;
  bool first_ = true;
  Latencies latencies_;
  std::atomic<int64_t> items_{0};
  std::atomic<int64_t> bytes_{0};
  std::atomic<int64_t> messages_{0};
};

std::string WatchRequest(int number) {
  const std::string raw = absl::GetFlag(FLAGS_raw_request);
  if (!raw.empty()) return raw;
  if (absl::GetFlag(FLAGS_etcd)) return etcd::WatchPrefix("/webhooks/");
  tributary::crm::v1::WatchOpportunitiesRequest request;
  request.set_connector_id("hubspot");
  request.set_owner_id(MixFromFlags().owner);
  if (absl::GetFlag(FLAGS_each_owner))
    request.set_owner_id(absl::StrCat(request.owner_id(), number));
  const int64_t after = absl::GetFlag(FLAGS_after_revision);
  if (after >= 0) request.set_after_revision(after);
  request.set_start(absl::GetFlag(FLAGS_snapshot) ? tributary::v1::WATCH_START_SNAPSHOT
                                                  : tributary::v1::WATCH_START_NOW);
  request.set_stop_at_head(absl::GetFlag(FLAGS_until) == "end");
  request.mutable_heartbeat_interval()->set_seconds(300);
  return request.SerializeAsString();
}

// Waits until `done()`; false if a stream failed before.
template <typename Done>
bool WaitFor(const Run& run, Done done) {
  while (!done()) {
    if (run.failed > 0) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

using Watchers = std::vector<std::unique_ptr<Watcher>>;

struct Sums {
  int64_t items = 0;
  int64_t bytes = 0;
  int64_t messages = 0;
};

Sums Sum(const Watchers& watchers) {
  Sums sums;
  for (const auto& watcher : watchers) {
    sums.items += watcher->items();
    sums.bytes += watcher->bytes();
    sums.messages += watcher->messages();
  }
  return sums;
}

struct Window {
  Sums sums;
  double seconds = 0;
};

// Lets the run go on to its end and answers what came in. With a time, counting begins a little
// after the first change, when all watchers are under way.
bool Measure(Run& run, const Watchers& watchers, int64_t started_us, Window& window) {
  const std::string until = absl::GetFlag(FLAGS_until);
  const int count = static_cast<int>(watchers.size());
  int64_t begin_us = started_us;
  Sums before;
  bool fine = true;
  if (until == "end") {
    fine = WaitFor(run, [&] { return run.ended == count; });
  } else if (until == "snapshot") {
    fine = WaitFor(run, [&] { return run.snapshots == count; });
  } else if (until == "stdin") {
    while (std::getchar() != EOF) {
    }
  } else {
    fine = WaitFor(run, [&] { return run.first_change_us > 0; });
    std::this_thread::sleep_for(std::chrono::duration<double>(absl::GetFlag(FLAGS_warmup)));
    begin_us = MicrosNow();
    before = Sum(watchers);
    std::this_thread::sleep_for(std::chrono::duration<double>(absl::GetFlag(FLAGS_seconds)));
  }
  window.seconds = static_cast<double>(MicrosNow() - begin_us) / 1e6;
  window.sums = Sum(watchers);
  window.sums.items -= before.items;
  window.sums.bytes -= before.bytes;
  window.sums.messages -= before.messages;
  return fine && run.failed == 0;
}

void Report(const Run& run, const Watchers& watchers, const Window& window) {
  const auto items = static_cast<double>(window.sums.items);
  const auto messages = static_cast<double>(window.sums.messages);
  const auto bytes = static_cast<double>(window.sums.bytes);
  Figures figures = {{"per_second", items / window.seconds},
                     {"bytes_per_second", bytes / window.seconds},
                     {"count", items},
                     {"messages", messages},
                     {"bytes", bytes},
                     {"bytes_per_message", messages > 0 ? bytes / messages : 0},
                     {"seconds", window.seconds},
                     {"errors", static_cast<double>(run.failed)},
                     {"cpu", CpuSeconds() / window.seconds}};
  Latencies latencies;
  for (const auto& watcher : watchers) latencies.Merge(watcher->latencies());
  latencies.AppendTo(figures);
  Print(figures);
}

}  // namespace

int RunWatch() {
  const int count = absl::GetFlag(FLAGS_watchers);
  const auto channels =
      OpenChannels(absl::GetFlag(FLAGS_target), std::min(absl::GetFlag(FLAGS_connections), count));
  std::string method = absl::GetFlag(FLAGS_method);
  if (method.empty()) {
    method = absl::GetFlag(FLAGS_etcd) ? etcd::kWatch
                                       : "/tributary.crm.v1.OpportunityService/WatchOpportunities";
  }
  // Connected before the clock starts: what is measured are streams.
  for (const auto& channel : channels)
    (void)channel->WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(10));
  Run run;
  Watchers watchers;
  const int64_t started_us = MicrosNow();
  for (int i = 0; i < count; ++i) {
    watchers.push_back(std::make_unique<Watcher>(run));
    watchers.back()->Start(channels[static_cast<size_t>(i) % channels.size()], method,
                           WatchRequest(i));
  }
  bool fine = WaitFor(run, [&] { return run.connected == count; });
  if (fine) PrintReady();
  Window window;
  fine = fine && Measure(run, watchers, started_us, window);
  for (const auto& watcher : watchers) watcher->Cancel();
  while (run.ended < count) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  if (fine) Report(run, watchers, window);
  return fine ? 0 : 1;
}

}  // namespace bench
