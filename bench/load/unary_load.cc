#include "bench/load/unary_load.h"

#include <atomic>
#include <cstdio>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "bench/load/flags.h"
#include "bench/load/grpc_client.h"
#include "bench/load/report.h"
#include "grpcpp/client_context.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/support/client_callback.h"

namespace bench {
namespace {

// What all callers of a run share.
struct Run {
  std::string method;
  Clock::time_point counting_from;
  Clock::time_point end;
  double rate = 0;
  Clock::time_point start;
  int64_t count = 0;  // 0: until `end`
  std::atomic<int64_t> begun{0};
  std::atomic<int> running{0};
  std::atomic<int64_t> failed{0};
  std::mutex mutex;
  std::string failure;  // the first one, guarded by `mutex`

  // Whether one more call may begin, and when: callers share one schedule.
  std::optional<Clock::time_point> Next() {
    const int64_t number = begun.fetch_add(1, std::memory_order_relaxed);
    if (count > 0 && number >= count) return std::nullopt;
    if (rate == 0) return Clock::now() < end ? std::optional(Clock::time_point{}) : std::nullopt;
    const auto due = start + std::chrono::duration_cast<Clock::duration>(
                                 std::chrono::duration<double>(static_cast<double>(number) / rate));
    return due < end ? std::optional(due) : std::nullopt;
  }

  void Fail(const std::string& what) {
    const std::lock_guard lock(mutex);
    if (failed++ == 0) failure = what;
  }
};

class Line {
 public:
  Line(std::shared_ptr<grpc::Channel> channel, std::unique_ptr<Caller> caller, Run& run)
      : stub_(std::move(channel)), caller_(std::move(caller)), run_(run) {}

  // Begins the next call, unless the run is over.
  void Next() {
    const auto due = run_.Next();
    if (!due.has_value()) {
      --run_.running;
      return;
    }
    // Only with --rate, where a caller has a thread to itself for that long.
    if (*due > Clock::now()) std::this_thread::sleep_until(*due);
    request_ = ToBuffer(caller_->Request());
    response_.Clear();
    context_.emplace();
    begin_ = Clock::now();
    stub_.UnaryCall(&*context_, run_.method, grpc::StubOptions(), &request_, &response_,
                    [this](const grpc::Status& status) { Done(status); });
  }

  Latencies latencies;
  int64_t items = 0;
  int64_t bytes = 0;

 private:
  void Done(const grpc::Status& status) {
    const auto now = Clock::now();
    if (!status.ok()) {
      run_.Fail(status.error_message());
    } else {
      const int64_t brought = caller_->Answered(response_);
      if (brought < 0) run_.Fail("an answer is not what it should be");
      if (now >= run_.counting_from && now < run_.end) {
        latencies.Add(now - begin_);
        items += brought;
        bytes += static_cast<int64_t>(response_.Length());
      }
    }
    Next();
  }

  grpc::GenericStub stub_;
  const std::unique_ptr<Caller> caller_;
  Run& run_;
  std::optional<grpc::ClientContext> context_;
  grpc::ByteBuffer request_;
  grpc::ByteBuffer response_;
  Clock::time_point begin_;
};

int Report(const Run& run, const std::vector<std::unique_ptr<Line>>& lines,
           Clock::time_point ended) {
  Latencies latencies;
  int64_t items = 0;
  int64_t bytes = 0;
  for (const auto& line : lines) {
    latencies.Merge(line->latencies);
    items += line->items;
    bytes += line->bytes;
  }
  const double seconds =
      std::chrono::duration<double>(std::min(ended, run.end) - run.counting_from).count();
  const auto count = static_cast<double>(latencies.count());
  Figures figures = {{"per_second", count / seconds},
                     {"items_per_second", static_cast<double>(items) / seconds},
                     {"bytes_per_answer", count > 0 ? static_cast<double>(bytes) / count : 0},
                     {"items_per_answer", count > 0 ? static_cast<double>(items) / count : 0},
                     {"count", count},
                     {"seconds", seconds},
                     {"errors", static_cast<double>(run.failed)},
                     {"cpu", CpuSeconds() / seconds}};
  latencies.AppendTo(figures);
  Print(figures);
  if (run.failed > 0) std::fprintf(stderr, "first failure: %s\n", run.failure.c_str());
  return run.failed == 0 && count > 0 ? 0 : 1;
}

}  // namespace

int RunUnary(const UnaryLoad& load) {
  const auto channels = OpenChannels(absl::GetFlag(FLAGS_target), load.connections);
  const auto duration = [](double seconds) {
    return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  };
  Run run;
  run.method = load.method;
  run.rate = absl::GetFlag(FLAGS_rate);
  run.count = absl::GetFlag(FLAGS_count);
  run.running = load.in_flight;
  for (const auto& channel : channels) {
    if (!channel->WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(10))) {
      std::fprintf(stderr, "no connection to %s\n", absl::GetFlag(FLAGS_target).c_str());
      return 1;
    }
  }
  std::vector<std::unique_ptr<Line>> lines;
  for (int i = 0; i < load.in_flight; ++i) {
    lines.push_back(std::make_unique<Line>(channels[static_cast<size_t>(i % load.connections)],
                                           load.make_caller(i), run));
  }
  run.start = Clock::now();
  run.counting_from = run.count > 0 ? run.start : run.start + duration(absl::GetFlag(FLAGS_warmup));
  run.end = run.count > 0 ? run.start + std::chrono::hours(24)
                          : run.counting_from + duration(absl::GetFlag(FLAGS_seconds));
  for (const auto& line : lines) line->Next();
  while (run.running > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return Report(run, lines, Clock::now());
}

}  // namespace bench
