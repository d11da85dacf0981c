// A whole server that ends without a word at a chosen step, while webhooks wait in its queue and
// for their answers, and while it deletes what is kept for a time only.

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/e2e/daemon.h"
#include "tests/ingest/http_client.h"
#include "tests/testing/rpc.h"
#include "tests/testing/temp_dir.h"
#include "tributary/generic/v1/workspace.pb.h"
#include "tributary/widget/v1/card_view.pb.h"

namespace tributary {
namespace {

using testing::Daemon;
using testing::HttpClient;
using testing::Process;
using testing::TempDir;
using testing::Webhook;

constexpr char kProgram[] = "dying_tributaryd";

// In the environment of the processes that are started while it lives.
class Setting {
 public:
  Setting(const char* name, const std::string& value) : name_(name) {
    setenv(name, value.c_str(), 1);
  }
  ~Setting() { unsetenv(name_); }
  Setting(const Setting&) = delete;
  Setting& operator=(const Setting&) = delete;

 private:
  const char* const name_;
};

// Send webhooks at once, each until it was answered, over the lives of a server.
class Senders {
 public:
  static constexpr int kSenders = 8;
  static constexpr int kEach = 25;

  // Until all were answered or the server has gone.
  void Run(int port) {
    std::vector<std::thread> threads;
    for (int sender = 0; sender < kSenders; ++sender) {
      threads.emplace_back([this, port, sender] { SendAll(port, sender); });
    }
    for (std::thread& thread : threads) thread.join();
  }

  bool done() const {
    return std::all_of(next_.begin(), next_.end(), [](int next) { return next == kEach; });
  }
  // By what was answered; each revision belongs to one webhook.
  std::map<int64_t, std::string> ByRevision() const {
    std::map<int64_t, std::string> all;
    for (const auto& answered : answered_) {
      for (const auto& [revision, id] : answered) {
        EXPECT_TRUE(all.emplace(revision, id).second) << revision << " twice";
      }
    }
    return all;
  }

 private:
  void SendAll(int port, int sender) {
    HttpClient client(port);
    int& next = next_[static_cast<size_t>(sender)];
    for (; next < kEach && client.connected(); ++next) {
      const std::string id = "w" + std::to_string(sender) + "-" + std::to_string(next);
      const auto reply =
          client.Ask(Webhook(R"({"event":"genericWorkspace::updated","data":{"id":")" + id +
                                 R"(","fields":{"name":"x"}}})",
                             id)
                         .Text());
      if (!reply.has_value()) return;
      EXPECT_EQ(reply->status, 200) << reply->body;
      answered_[static_cast<size_t>(sender)].emplace_back(reply->Json()["revision"], id);
    }
  }

  std::array<int, kSenders> next_ = {};
  std::array<std::vector<std::pair<int64_t, std::string>>, kSenders> answered_;
};

TEST(PipelineKill, WithAFullQueueAtAnyStepLosesAndRepeatsNothing) {
  for (const std::string step :
       {"before_late_work", "before_commit", "after_commit", "checkpoint", "settling"}) {
    SCOPED_TRACE(step);
    const TempDir dir;
    Senders senders;
    // Later in each life, for one that dies in every first commit answers nobody.
    int deaths = 0;
    // More than all that is sent leaves something to do for when it is quiet, which quick senders
    // do not let it be before they are done.
    const Setting gathers("LATE_CHANGES_MAX", step == "settling" ? "1000" : "7");
    for (int life = 1; !senders.done() && life < 100; ++life) {
      const Setting die("DIE_SERVING", step + ":" + std::to_string(life));
      Daemon daemon(dir.path(), {}, kProgram);
      senders.Run(daemon.http_port());
      if (senders.done() && deaths > 0) break;
      // What is done beside the commits may come after the last.
      EXPECT_EQ(daemon.process().Wait(), 9);
      ++deaths;
    }
    ASSERT_TRUE(senders.done());
    Daemon daemon(dir.path(), {}, kProgram);
    const auto by_revision = senders.ByRevision();
    constexpr int kAll = Senders::kSenders * Senders::kEach;
    EXPECT_EQ(by_revision.size(), static_cast<size_t>(kAll));
    EXPECT_EQ(by_revision.rbegin()->first, kAll) << "as many changes as webhooks";
    generic::v1::ListWorkspacesRequest request;
    request.set_page_size(1000);
    generic::v1::ListWorkspacesResponse response;
    ASSERT_TRUE(testing::Call(*testing::ChannelTo(daemon.grpc_port()),
                              "/tributary.generic.v1.WorkspaceService/ListWorkspaces", request,
                              &response)
                    .ok());
    EXPECT_EQ(response.revision(), kAll);
    EXPECT_EQ(response.workspaces_size(), kAll);
    for (const auto& workspace : response.workspaces()) {
      EXPECT_EQ(by_revision.at(workspace.revision()), workspace.id());
    }
    EXPECT_EQ(daemon.Stop(), 0);
  }
}

TEST(PipelineKill, WhileOldCardViewsAreDeletedDeletesThemOnce) {
  const TempDir dir;
  {
    Daemon daemon(dir.path(), {}, kProgram);
    HttpClient client(daemon.http_port());
    const auto reply = client.Ask(
        Webhook(R"({"event":"widgetCardView::created","data":{"id":"v","fields":{}}})").Text());
    ASSERT_TRUE(reply.has_value());
    EXPECT_EQ(reply->status, 200);
    daemon.Kill();
  }
  const Setting later("DAYS_AHEAD", "8");
  // Its deletion is the first thing that such a server commits.
  for (const char* step : {"before_commit:1", "after_commit:1"}) {
    const Setting die("DIE_AT", step);
    Process process({std::string(TRIBUTARY_BINARY_DIR) + "/bin/" + kProgram,
                     "--store=sqlite:" + dir.path() + "/test.db", "--grpc_address=127.0.0.1:0",
                     "--http_address=127.0.0.1:0"});
    (void)process.ReadRest();
    EXPECT_EQ(process.Wait(), 9) << step;
  }
  Daemon daemon(dir.path(), {}, kProgram);
  widget::v1::WatchCardViewsRequest request;
  request.set_start(v1::WATCH_START_BEGINNING);
  request.set_stop_at_head(true);
  testing::Stream<widget::v1::WatchCardViewsResponse> stream(
      testing::ChannelTo(daemon.grpc_port()), "/tributary.widget.v1.CardViewService/WatchCardViews",
      request);
  std::vector<int64_t> deleted;
  widget::v1::WatchCardViewsResponse response;
  while (stream.Read(&response)) {
    for (const auto& change : response.changes()) {
      if (change.type() == v1::CHANGE_TYPE_DELETED) deleted.push_back(change.revision());
    }
  }
  EXPECT_TRUE(stream.Finish().ok());
  EXPECT_THAT(deleted, ::testing::ElementsAre(2));
  EXPECT_EQ(response.head_revision(), 2);
  EXPECT_EQ(daemon.Stop(), 0);
}

}  // namespace
}  // namespace tributary
