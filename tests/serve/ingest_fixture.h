// A whole server and the ways to send it events, for the tests of IngestService.
#pragma once

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/testing/test_server.h"
#include "tributary/feed/v1/feed.pb.h"
#include "tributary/ingest/v1/delivery.pb.h"
#include "tributary/ingest/v1/ingest.pb.h"

namespace tributary::testing {

class IngestFixture : public ::testing::Test {
 protected:
  static ingest::v1::Event Body(const std::string& body, const std::string& key = "") {
    ingest::v1::Event event;
    event.set_connector_id("hubspot");
    event.set_owner_id("acme");
    event.set_idempotency_key(key);
    event.set_body(body);
    return event;
  }
  static ingest::v1::Event Stage(const std::string& id, const std::string& name = "New") {
    return Body(TestServer::Body("crmStage", "updated", id, {{"name", name}, {"type", "open"}}));
  }
  static ingest::v1::Event Deal(const std::string& id) {
    ingest::v1::Event event;
    event.set_connector_id("hubspot");
    event.set_owner_id("acme");
    event.mutable_resource()->mutable_opportunity()->set_id(id);
    event.mutable_resource()->mutable_opportunity()->mutable_fields()->set_name("Deal " + id);
    return event;
  }

  grpc::Status Batch(const std::vector<ingest::v1::Event>& events,
                     ingest::v1::BatchIngestEventsResponse& response,
                     std::string* reason = nullptr) {
    ingest::v1::BatchIngestEventsRequest request;
    for (const ingest::v1::Event& event : events) *request.add_events() = event;
    grpc::ClientContext context;
    const grpc::Status status =
        Call(*server_.channel(), "/tributary.ingest.v1.IngestService/BatchIngestEvents", request,
             &response, &context);
    if (reason != nullptr) *reason = ReasonIn(context);
    return status;
  }
  std::vector<ingest::v1::EventResult> Ingest(const std::vector<ingest::v1::Event>& events) {
    ingest::v1::BatchIngestEventsResponse response;
    const grpc::Status status = Batch(events, response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return {response.results().begin(), response.results().end()};
  }
  ingest::v1::EventResult IngestOne(const ingest::v1::Event& event) {
    return Ingest({event}).at(0);
  }

  // "APPLIED 3"
  static std::string Text(const ingest::v1::EventResult& result) {
    return ingest::v1::Verdict_Name(result.verdict()).substr(std::string("VERDICT_").size()) +
           (result.revision() == 0 ? "" : " " + std::to_string(result.revision()));
  }
  static std::vector<std::string> Texts(const std::vector<ingest::v1::EventResult>& results) {
    std::vector<std::string> texts;
    for (const ingest::v1::EventResult& result : results) texts.push_back(Text(result));
    return texts;
  }

  // Every resource as the feed shows it, whole.
  std::vector<feed::v1::Resource> Snapshot() {
    feed::v1::WatchChangesRequest request;
    request.set_view(v1::VIEW_FULL);
    request.set_stop_at_head(true);
    Stream<feed::v1::WatchChangesResponse> stream(
        server_.channel(), "/tributary.feed.v1.FeedService/WatchChanges", request);
    std::vector<feed::v1::Resource> resources;
    feed::v1::WatchChangesResponse response;
    while (stream.Read(&response)) {
      for (const auto& change : response.changes()) resources.push_back(change.resource());
    }
    EXPECT_TRUE(stream.Finish().ok());
    return resources;
  }

  ingest::v1::Delivery Recorded(const std::string& id) {
    ingest::v1::GetDeliveryRequest request;
    request.set_id(id);
    ingest::v1::Delivery delivery;
    const grpc::Status status = Call(
        *server_.channel(), "/tributary.ingest.v1.DeliveryService/GetDelivery", request, &delivery);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return delivery;
  }

  TestServer server_;
};

}  // namespace tributary::testing
