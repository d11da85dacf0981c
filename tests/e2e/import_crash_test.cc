// kill -9 of the real server in the middle of a stream of events: what has no result is sent again,
// and each event is in the store once.

#include <cstdint>
#include <set>
#include <string>

#include "client/channel.h"
#include "client/ingest_client.h"
#include "gtest/gtest.h"
#include "tests/e2e/daemon.h"
#include "tests/testing/rpc.h"
#include "tests/testing/temp_dir.h"
#include "tributary/crm/v1/stage.pb.h"

namespace tributary {
namespace {

using ingest::v1::Event;
using ingest::v1::EventResult;
using testing::Daemon;
using testing::TempDir;

constexpr int kEvents = 20'000;
constexpr int kKills = 8;

Event Stage(int number) {
  Event event;
  event.set_connector_id("hubspot");
  event.set_owner_id("acme");
  event.set_client_ref(std::to_string(number));
  event.set_body(R"({"event":"crmStage::updated","data":{"id":"s)" + std::to_string(number) +
                 R"(","fields":{"name":"N","type":"open"}}})");
  return event;
}

TEST(ImportCrash, AServerKilledInTheMiddleOfAStreamHoldsEachEventOnce) {
  const TempDir dir;
  Daemon daemon(dir.path());
  int answered = 0;
  std::set<int64_t> revisions;
  IngestOptions options;
  options.window_events = 1000;
  IngestClient client(
      Connect("127.0.0.1:" + std::to_string(daemon.grpc_port())),
      [&](const Event& event, const EventResult& result) {
        EXPECT_EQ(event.client_ref(), std::to_string(answered));
        EXPECT_EQ(result.client_ref(), std::to_string(answered));
        revisions.insert(result.revision());
        ++answered;
      },
      options);
  for (int i = 0; i < kEvents; ++i) {
    if (i % (kEvents / kKills) == kEvents / kKills / 2) {
      daemon.Kill();
      daemon.Start();
    }
    const absl::Status sent = client.Send(Stage(i));
    ASSERT_TRUE(sent.ok()) << sent;
  }
  const absl::Status finished = client.Finish();
  ASSERT_TRUE(finished.ok()) << finished;
  EXPECT_EQ(answered, kEvents);
  EXPECT_EQ(revisions.size(), static_cast<size_t>(kEvents))
      << "each result is of a change of its own";

  crm::v1::WatchStagesRequest request;
  request.set_start(v1::WATCH_START_BEGINNING);
  request.set_stop_at_head(true);
  testing::Stream<crm::v1::WatchStagesResponse> stream(testing::ChannelTo(daemon.grpc_port()),
                                                       "/tributary.crm.v1.StageService/WatchStages",
                                                       request, 60);
  std::set<std::string> ids;
  int changes = 0;
  crm::v1::WatchStagesResponse response;
  while (stream.Read(&response)) {
    for (const auto& change : response.changes()) {
      EXPECT_EQ(change.type(), v1::CHANGE_TYPE_CREATED);
      ids.insert(change.resource().id());
      ++changes;
    }
  }
  EXPECT_TRUE(stream.Finish().ok());
  EXPECT_EQ(changes, kEvents);
  EXPECT_EQ(ids.size(), static_cast<size_t>(kEvents));
  EXPECT_EQ(daemon.Stop(), 0);
}

}  // namespace
}  // namespace tributary
