// Streams of events into a server whose writer is held back, fails or stops.

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/resources.h"
#include "server/base/limits.h"
#include "server/cards/card_exchange.h"
#include "server/ingest/committer.h"
#include "server/model/model.h"
#include "server/serve/grpc_server.h"
#include "server/store/sqlite/sqlite_store.h"
#include "server/watch/change_hub.h"
#include "tests/ingest/gated_store.h"
#include "tests/store/deliveries.h"
#include "tests/testing/rpc.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"
#include "tributary/ingest/v1/ingest.pb.h"

namespace tributary::testing {
namespace {

using ingest::v1::Event;
using ingest::v1::EventResult;
using ingest::v1::IngestEventsRequest;
using ingest::v1::IngestEventsResponse;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using EventStream = Conversation<IngestEventsRequest, IngestEventsResponse>;

constexpr char kStream[] = "/tributary.ingest.v1.IngestService/IngestEvents";

class IngestStreamTest : public ::testing::Test {
 protected:
  void SetUp() override {
    SqliteOptions file;
    file.path = dir_.File("t.db");
    TRIBUTARY_ASSERT_OK_AND_ASSIGN(sqlite_, OpenSqliteStore(file, clock_));
    store_ = std::make_unique<GatedStore>(*sqlite_);
    TRIBUTARY_ASSERT_OK_AND_ASSIGN(ModelRegistry models,
                                   ModelRegistry::Build(ResourceDescriptors()));
    models_ = std::make_unique<ModelRegistry>(std::move(models));
    decoder_ = std::make_unique<WebhookDecoder>(*models_);
  }
  void TearDown() override {
    store_->Release();
    if (committer_ != nullptr) committer_->Shutdown();
    grpc_.reset();
  }

  void Start(CommitterOptions queue = {}) {
    hub_ = std::make_unique<ChangeHub>(0, 0, limits::kWindowBytesMax, &executor_);
    committer_ = std::make_unique<Committer>(
        *store_, [this](const Committed& committed) { hub_->Publish(committed.changes); }, queue);
    const Intake intake{
        *decoder_,
        [this](Delivery delivery, Committer::Answer answer) {
          return committer_->Submit(std::move(delivery), std::move(answer));
        },
        [this](Delivery& delivery, Committer::Answer answer, std::function<void()> room) {
          return committer_->Offer(delivery, std::move(answer), std::move(room));
        },
        size_t{1024 * 1024}};
    GrpcServerOptions options;
    options.address = "127.0.0.1:0";
    TRIBUTARY_ASSERT_OK_AND_ASSIGN(grpc_, GrpcServer::Start(options, *models_, *store_, *hub_,
                                                            cards_, executor_, clock_, intake));
    channel_ = ChannelTo(grpc_->port());
  }

  static Event Stage(const std::string& id) {
    Event event;
    event.set_connector_id("hubspot");
    event.set_owner_id("acme");
    event.set_client_ref(id);
    event.set_body(R"({"event":"crmStage::updated","data":{"id":")" + id +
                   R"(","fields":{"name":"N","type":"open"}}})");
    return event;
  }
  // Stages with the ids from `first` up.
  static IngestEventsRequest Stages(int first, int count) {
    IngestEventsRequest request;
    for (int i = 0; i < count; ++i) *request.add_events() = Stage(std::to_string(first + i));
    return request;
  }

  // The results until the stream ends, or there are `count` of them.
  static std::vector<EventResult> Read(EventStream& stream, size_t count = SIZE_MAX) {
    std::vector<EventResult> results;
    IngestEventsResponse response;
    while (results.size() < count && stream.Read(&response)) {
      results.insert(results.end(), response.results().begin(), response.results().end());
    }
    return results;
  }
  static void ExpectApplied(const std::vector<EventResult>& results, size_t count) {
    ASSERT_EQ(results.size(), count);
    for (size_t i = 0; i < count; ++i) {
      ASSERT_EQ(results[i].client_ref(), std::to_string(i));
      ASSERT_EQ(results[i].verdict(), ingest::v1::VERDICT_APPLIED);
    }
  }

  template <typename Condition>
  static void WaitUntil(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!condition()) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "in vain";
      std::this_thread::yield();
    }
  }
  // What the writer has, in its queue and in its hands.
  size_t WithTheWriter() {
    size_t count = committer_->queue().deliveries;
    for (const size_t batch : store_->batches()) count += batch;
    return count;
  }

  TempDir dir_;
  SystemClock clock_;
  Executor executor_{4};
  CardExchange cards_;
  std::unique_ptr<Store> sqlite_;
  std::unique_ptr<GatedStore> store_;
  std::unique_ptr<ModelRegistry> models_;
  std::unique_ptr<WebhookDecoder> decoder_;
  std::unique_ptr<ChangeHub> hub_;
  std::unique_ptr<Committer> committer_;
  std::unique_ptr<GrpcServer> grpc_;
  std::shared_ptr<grpc::Channel> channel_;
};

TEST_F(IngestStreamTest, AResultComesOnlyAfterTheCommit) {
  Start();
  store_->Hold();
  EventStream stream(channel_, kStream);
  ASSERT_TRUE(stream.Write(Stages(0, 1)));
  std::atomic<bool> released = false;
  std::thread reader([&] {
    EXPECT_EQ(Read(stream, 1).size(), 1u);
    EXPECT_TRUE(released);
  });
  EXPECT_TRUE(store_->WaitForCommits(1));
  released = true;
  store_->Release();
  reader.join();
}

TEST_F(IngestStreamTest, NoMoreIsReadThanMayWaitForResults) {
  Start({.deliveries_max = 1'000'000, .bytes_max = size_t{1} << 30});
  store_->Hold();
  EventStream stream(channel_, kStream);
  constexpr int kMessages = 20;
  constexpr int kEach = limits::kIngestMessageEventsMax;
  std::thread writer([&] {
    for (int i = 0; i < kMessages; ++i) EXPECT_TRUE(stream.Write(Stages(i * kEach, kEach)));
    EXPECT_TRUE(stream.HalfClose());
  });
  WaitUntil([&] { return WithTheWriter() > limits::kIngestWindowEventsMax; });
  // Whatever the stream could still do, another one that comes now does after it.
  EventStream other(channel_, kStream);
  Event event = Stage("other");
  event.clear_owner_id();  // answered without the writer
  IngestEventsRequest request;
  *request.add_events() = event;
  ASSERT_TRUE(other.Write(request));
  EXPECT_EQ(Read(other, 1).size(), 1u);
  EXPECT_LE(WithTheWriter(), limits::kIngestWindowEventsMax + kEach);
  store_->Release();
  ExpectApplied(Read(stream), kMessages * kEach);
  writer.join();
  EXPECT_TRUE(stream.Finish().ok());
}

TEST_F(IngestStreamTest, LargeEventsFillTheWindowToo) {
  Start();
  store_->Hold();
  EventStream stream(channel_, kStream);
  constexpr int kEvents = 20;
  std::thread writer([&] {
    for (int i = 0; i < kEvents; ++i) {
      Event event = Stage(std::to_string(i));
      event.mutable_body()->append(std::string(1'000'000, ' '));
      IngestEventsRequest request;
      *request.add_events() = event;
      EXPECT_TRUE(stream.Write(request));
    }
    EXPECT_TRUE(stream.HalfClose());
  });
  WaitUntil([&] { return WithTheWriter() > limits::kIngestWindowBytesMax / 1'000'000; });
  EXPECT_LE(WithTheWriter(), limits::kIngestWindowBytesMax / 1'000'000 + 2);
  store_->Release();
  ExpectApplied(Read(stream), kEvents);
  writer.join();
}

TEST_F(IngestStreamTest, AQueueThatIsFullIsWaitedForAndLeavesRoomForWebhooks) {
  Start({.deliveries_max = 4});
  store_->Hold();
  EventStream stream(channel_, kStream);
  ASSERT_TRUE(stream.Write(Stages(0, 500)));
  ASSERT_TRUE(store_->WaitForCommits(1));
  WaitUntil([&] { return committer_->queue().deliveries == 2; });
  Delivery webhook = Updated("w").At(1).State("x");
  EXPECT_THAT(committer_->Submit(std::move(webhook), [](const absl::StatusOr<Outcome>&) {}),
              IsOk());
  store_->Release();
  ASSERT_TRUE(stream.HalfClose());
  ExpectApplied(Read(stream), 500);
  EXPECT_TRUE(stream.Finish().ok());
}

TEST_F(IngestStreamTest, SeveralStreamsShareAFullQueueAndAllGetThrough) {
  Start({.deliveries_max = 8});
  std::vector<std::thread> senders;
  for (int i = 0; i < 8; ++i) {
    senders.emplace_back([this] {
      EventStream stream(channel_, kStream);
      EXPECT_TRUE(stream.Write(Stages(0, 300)));
      EXPECT_TRUE(stream.HalfClose());
      EXPECT_EQ(Read(stream).size(), 300u);
      EXPECT_TRUE(stream.Finish().ok());
    });
  }
  for (std::thread& sender : senders) sender.join();
  EXPECT_EQ(
      committer_->metrics().deliveries[0].value() + committer_->metrics().deliveries[2].value(),
      2400u)
      << "applied once, and else duplicates";
}

TEST_F(IngestStreamTest, AStoreThatCannotWriteEndsTheStreamAndTheRestIsSentAgain) {
  Start();
  EventStream stream(channel_, kStream);
  ASSERT_TRUE(stream.Write(Stages(0, 1)));
  ExpectApplied(Read(stream, 1), 1);
  store_->FailNext(
      MakeError(absl::StatusCode::kUnavailable, "disk full", reason::kStoreUnavailable));
  ASSERT_TRUE(stream.Write(Stages(1, 1)));
  EXPECT_THAT(Read(stream), IsEmpty());
  EXPECT_EQ(stream.Finish().error_code(), grpc::UNAVAILABLE);
  EXPECT_EQ(ReasonIn(stream.context()), "STORE_UNAVAILABLE");
  EventStream again(channel_, kStream);
  ASSERT_TRUE(again.Write(Stages(0, 2)));
  ASSERT_TRUE(again.HalfClose());
  const std::vector<EventResult> results = Read(again);
  ASSERT_EQ(results.size(), 2u);
  EXPECT_EQ(results[0].verdict(), ingest::v1::VERDICT_DUPLICATE);
  EXPECT_EQ(results[1].verdict(), ingest::v1::VERDICT_APPLIED);
}

TEST_F(IngestStreamTest, DamageThatOneEventMeetsIsItsOwn) {
  Start();
  store_->FailIfHolding(
      "1", MakeError(absl::StatusCode::kDataLoss, "damaged", reason::kStoredDataCorrupt));
  EventStream stream(channel_, kStream);
  ASSERT_TRUE(stream.Write(Stages(0, 3)));
  ASSERT_TRUE(stream.HalfClose());
  const std::vector<EventResult> results = Read(stream);
  ASSERT_EQ(results.size(), 3u);
  EXPECT_EQ(results[0].verdict(), ingest::v1::VERDICT_APPLIED);
  EXPECT_EQ(results[1].verdict(), ingest::v1::VERDICT_REJECTED);
  EXPECT_THAT(results[1].problem().type(), HasSubstr("stored-data-corrupt"));
  EXPECT_EQ(results[2].verdict(), ingest::v1::VERDICT_APPLIED);
  EXPECT_TRUE(stream.Finish().ok());
}

TEST_F(IngestStreamTest, NothingBehindAMessageThatIsRefusedIsTakenUp) {
  Start();
  store_->Hold();
  EventStream stream(channel_, kStream);
  ASSERT_TRUE(stream.Write(Stages(0, 1)));
  WaitUntil([&] { return WithTheWriter() == 1; });
  IngestEventsRequest broken;
  broken.add_events()->set_connector_id("\xF0\x9F");  // no UTF-8
  ASSERT_TRUE(stream.Write(broken));
  for (int i = 1; i <= 100; ++i) ASSERT_TRUE(stream.Write(Stages(i, 1)));
  store_->Release();
  EXPECT_EQ(Read(stream).size(), 1u);
  EXPECT_EQ(stream.Finish().error_code(), grpc::INVALID_ARGUMENT);
  EXPECT_EQ(WithTheWriter(), 1u);
}

TEST_F(IngestStreamTest, DrainingStoresAndAnswersWhatWasRead) {
  Start({.deliveries_max = 4});
  store_->Hold();
  EventStream stream(channel_, kStream);
  ASSERT_TRUE(stream.Write(Stages(0, 50)));
  WaitUntil([&] { return WithTheWriter() >= 3; });
  std::thread draining([&] {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    grpc_->StopIngest(deadline);
    committer_->Shutdown();
    grpc_->Shutdown(deadline, std::chrono::milliseconds(20'000));
  });
  store_->Release();
  ExpectApplied(Read(stream), 50);
  EXPECT_EQ(stream.Finish().error_code(), grpc::UNAVAILABLE);
  EXPECT_EQ(ReasonIn(stream.context()), "SERVER_DRAINING");
  draining.join();
}

TEST_F(IngestStreamTest, AnIdleStreamIsToldThatTheServerStops) {
  Start();
  EventStream stream(channel_, kStream);
  stream.WaitUntilConnected();
  std::thread draining([&] {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    grpc_->StopIngest(deadline);
    grpc_->Shutdown(deadline, std::chrono::milliseconds(20'000));
  });
  EXPECT_EQ(stream.Finish().error_code(), grpc::UNAVAILABLE);
  EXPECT_EQ(ReasonIn(stream.context()), "SERVER_DRAINING");
  draining.join();
}

TEST_F(IngestStreamTest, AClientThatLeavesLeavesNothingBehind) {
  Start({.deliveries_max = 4});
  store_->Hold();
  {
    EventStream stream(channel_, kStream);
    ASSERT_TRUE(stream.Write(Stages(0, 500)));
    WaitUntil([&] { return WithTheWriter() >= 3; });
    EXPECT_EQ(grpc_->ingest_streams(), 1u);
  }
  WaitUntil([&] { return grpc_->ingest_streams() == 0; });
  store_->Release();
  EventStream next(channel_, kStream);
  ASSERT_TRUE(next.Write(Stages(0, 500)));
  ASSERT_TRUE(next.HalfClose());
  EXPECT_EQ(Read(next).size(), 500u);
}

TEST_F(IngestStreamTest, WhoReadsLateGetsEveryResultInOrder) {
  Start();
  EventStream stream(channel_, kStream);
  constexpr int kMessages = 40;
  std::thread writer([&] {
    for (int i = 0; i < kMessages; ++i) EXPECT_TRUE(stream.Write(Stages(i * 1000, 1000)));
    EXPECT_TRUE(stream.HalfClose());
  });
  WaitUntil([&] { return WithTheWriter() > 2 * limits::kIngestWindowEventsMax; });
  ExpectApplied(Read(stream), kMessages * 1000);
  writer.join();
  EXPECT_TRUE(stream.Finish().ok());
}

}  // namespace
}  // namespace tributary::testing
