// Streams of events into a whole server, over real sockets.

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/limits.h"
#include "tests/serve/ingest_fixture.h"
#include "tests/testing/test_server.h"
#include "tributary/ingest/v1/ingest.pb.h"

namespace tributary {
namespace {

using ingest::v1::Event;
using ingest::v1::EventResult;
using ingest::v1::IngestEventsRequest;
using ingest::v1::IngestEventsResponse;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::ReasonIn;
using Conversation = testing::Conversation<IngestEventsRequest, IngestEventsResponse>;

constexpr char kStream[] = "/tributary.ingest.v1.IngestService/IngestEvents";

class IngestServiceStreamTest : public testing::IngestFixture {};

TEST_F(IngestServiceStreamTest, AStreamAnswersInTheOrderOfTheEventsAndEndsWithOk) {
  Conversation stream(server_.channel(), kStream);
  constexpr int kEvents = 3000;
  for (int i = 0; i < kEvents;) {
    IngestEventsRequest request;
    for (; i < kEvents && request.events_size() < 700; ++i) {
      Event& event = *request.add_events();
      // Some are answered at once, others by the writer.
      event = i % 10 == 0 ? Event() : Stage("s" + std::to_string(i));
      event.set_client_ref(std::to_string(i));
    }
    ASSERT_TRUE(stream.Write(request));
  }
  ASSERT_TRUE(stream.HalfClose());
  IngestEventsResponse response;
  int next = 0;
  while (stream.Read(&response)) {
    EXPECT_GT(response.results_size(), 0);
    for (const EventResult& result : response.results()) {
      EXPECT_EQ(result.client_ref(), std::to_string(next));
      EXPECT_EQ(result.verdict(),
                next % 10 == 0 ? ingest::v1::VERDICT_REJECTED : ingest::v1::VERDICT_APPLIED);
      ++next;
    }
  }
  EXPECT_EQ(next, kEvents);
  EXPECT_TRUE(stream.Finish().ok());
}

TEST_F(IngestServiceStreamTest, AMessageThatIsTooLargeEndsTheStreamAfterTheResultsBeforeIt) {
  Conversation stream(server_.channel(), kStream);
  IngestEventsRequest request;
  *request.add_events() = Stage("s1");
  ASSERT_TRUE(stream.Write(request));
  for (int i = 0; i < limits::kIngestMessageEventsMax; ++i) *request.add_events() = Stage("s2");
  stream.Write(request);
  IngestEventsResponse response;
  ASSERT_TRUE(stream.Read(&response));
  EXPECT_EQ(Text(response.results(0)), "APPLIED 1");
  EXPECT_FALSE(stream.Read(&response));
  EXPECT_EQ(stream.Finish().error_code(), grpc::INVALID_ARGUMENT);
  EXPECT_EQ(ReasonIn(stream.context()), "ARGUMENT_INVALID");
}

TEST_F(IngestServiceStreamTest, AStreamWithoutEventsEndsWithOk) {
  Conversation stream(server_.channel(), kStream);
  ASSERT_TRUE(stream.Write(IngestEventsRequest()));
  ASSERT_TRUE(stream.HalfClose());
  EXPECT_TRUE(stream.Finish().ok());
}

TEST_F(IngestServiceStreamTest, WhatIsNoEventIsAnErrorAndTheServerGoesOn) {
  testing::Conversation<feed::v1::WatchChangesRequest, IngestEventsResponse> stream(
      server_.channel(), kStream);
  feed::v1::WatchChangesRequest other;
  other.set_connector_id("\xF0\x9F");  // as an event: a broken one
  stream.Write(other);
  EXPECT_EQ(stream.Finish().error_code(), grpc::INVALID_ARGUMENT);
  EXPECT_EQ(Text(IngestOne(Stage("s1"))), "APPLIED 1");
}

TEST_F(IngestServiceStreamTest, StreamsAreBoundedInNumber) {
  std::vector<std::unique_ptr<Conversation>> streams;
  for (size_t i = 0; i < limits::kIngestStreamsMax; ++i) {
    streams.push_back(std::make_unique<Conversation>(server_.channel(), kStream));
    streams.back()->WaitUntilConnected();
  }
  Conversation more(server_.channel(), kStream);
  EXPECT_EQ(more.Finish().error_code(), grpc::RESOURCE_EXHAUSTED);
  EXPECT_EQ(ReasonIn(more.context()), "OVERLOADED");
  ASSERT_TRUE(streams.back()->HalfClose());
  EXPECT_TRUE(streams.back()->Finish().ok());
}

}  // namespace
}  // namespace tributary
