// GET /metrics of a whole server, over real sockets.

#include "server/metrics_page.h"

#include <chrono>
#include <fstream>
#include <regex>
#include <set>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/exposition_reader.h"
#include "tests/testing/test_server.h"
#include "tributary/generic/v1/contact.pb.h"
#include "tributary/v1/server.pb.h"

namespace tributary {
namespace {

using generic::v1::Contact;
using generic::v1::GetContactRequest;
using generic::v1::WatchContactsRequest;
using generic::v1::WatchContactsResponse;
using testing::Call;
using testing::ExpositionReader;
using testing::Get;
using ::testing::HasSubstr;
using testing::HttpClient;
using testing::HttpReply;
using testing::TestServer;

constexpr char kGet[] = "/tributary.generic.v1.ContactService/GetContact";
constexpr char kWatch[] = "/tributary.generic.v1.ContactService/WatchContacts";
using Stream = testing::Stream<WatchContactsResponse>;

class MetricsPageTest : public ::testing::Test {
 protected:
  HttpReply Ask(const testing::HttpRequest& request) {
    HttpClient client(server_.server().http_port());
    const auto reply = client.Ask(request.Text());
    EXPECT_TRUE(reply.has_value());
    return reply.value_or(HttpReply{});
  }
  ExpositionReader Page() { return ExpositionReader(Ask(Get("/metrics")).body); }

  // Looks until `series` has `value`; a failure if it has not within 20 s.
  void WaitFor(const std::string& series, double value) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    double seen = -1;
    while (seen != value && std::chrono::steady_clock::now() < deadline) seen = Page().At(series);
    EXPECT_EQ(seen, value) << series;
  }

  grpc::Status GetContact(const std::string& id) {
    GetContactRequest request;
    request.set_connector_id("hubspot");
    request.set_owner_id("acme");
    request.set_id(id);
    Contact contact;
    return Call(*server_.channel(), kGet, request, &contact);
  }
  int64_t Put(const std::string& id, const std::string& first_name) {
    return server_.Put("genericContact", id, {{"firstName", first_name}});
  }

  TestServer server_;
};

TEST_F(MetricsPageTest, CountsWebhooksByVerdictAndTimesTheirWayToTheDisk) {
  const ExpositionReader before = Page();
  EXPECT_EQ(before.At(R"(tributary_deliveries_total{verdict="applied"})"), 0);
  EXPECT_EQ(before.At("tributary_revision"), 0);

  Put("a", "A");
  Put("a", "B");
  server_.Post(
      R"({"event":"nobodyKnows::updated","data":{"object":"resource","model":"nobodyKnows","id":"1"}})");
  const ExpositionReader page = Page();
  EXPECT_EQ(page.At(R"(tributary_deliveries_total{verdict="applied"})"), 2);
  EXPECT_EQ(page.At(R"(tributary_deliveries_total{verdict="parked"})"), 1);
  EXPECT_EQ(page.At("tributary_deliveries_failed_total"), 0);
  EXPECT_EQ(page.At("tributary_revision"), 2);
  EXPECT_EQ(page.At("tributary_oldest_revision"), 0);
  EXPECT_EQ(page.At("tributary_oldest_resumable_revision"), 0);
  EXPECT_EQ(page.At("tributary_queue_deliveries"), 0);
  EXPECT_EQ(page.At("tributary_queue_bytes"), 0);
  EXPECT_EQ(page.At("tributary_batch_deliveries_sum"), 3);
  EXPECT_EQ(page.At("tributary_batch_deliveries_count"), 3);
  EXPECT_EQ(page.At("tributary_commit_seconds_count"), 3);
  EXPECT_EQ(page.At("tributary_delivery_seconds_count"), 3);
  EXPECT_GT(page.At("tributary_commit_seconds_sum"), 0);
  EXPECT_LT(page.At("tributary_commit_seconds_sum"), 60);
  EXPECT_GE(page.At(R"(tributary_fsync_seconds_count{file="log"})"), 3);
  EXPECT_GT(page.At(R"(tributary_fsync_seconds_sum{file="log"})"), 0);
  EXPECT_GT(page.At(R"(tributary_store_bytes{file="database"})"), 0);
  EXPECT_GT(page.At(R"(tributary_store_bytes{file="log"})"),
            before.At(R"(tributary_store_bytes{file="log"})"));
}

TEST_F(MetricsPageTest, CountsAnswersOfTheHttpPortByStatus) {
  Put("a", "A");
  Ask(Get("/nothing-here"));
  EXPECT_EQ(Page().At(R"(tributary_http_answers_total{status="404"})"), 1);
  EXPECT_EQ(Page().At(R"(tributary_http_answers_total{status="200"})"), 2) << "and one page before";
}

TEST_F(MetricsPageTest, CountsCallsByMethodAndCodeAndTimesThem) {
  Put("a", "A");
  const std::string method = "tributary.generic.v1.ContactService/GetContact";
  EXPECT_EQ(Page().At("tributary_rpcs_total{method=\"" + method + "\",code=\"OK\"}"), 0);
  EXPECT_FALSE(Page().Has("tributary_rpc_seconds_count{method=\"" + method + "\"}"));
  ASSERT_TRUE(GetContact("a").ok());
  ASSERT_TRUE(GetContact("a").ok());
  ASSERT_FALSE(GetContact("b").ok());
  const ExpositionReader page = Page();
  EXPECT_EQ(page.At("tributary_rpcs_total{method=\"" + method + "\",code=\"OK\"}"), 2);
  EXPECT_EQ(page.At("tributary_rpcs_total{method=\"" + method + "\",code=\"NOT_FOUND\"}"), 1);
  EXPECT_EQ(page.At("tributary_rpc_seconds_count{method=\"" + method + "\"}"), 3);
  EXPECT_GT(page.At("tributary_response_bytes_total{method=\"" + method + "\"}"), 20);

  v1::GetServerInfoResponse info;
  ASSERT_TRUE(Call(*server_.channel(), "/tributary.v1.ServerService/GetServerInfo",
                   v1::GetServerInfoRequest(), &info)
                  .ok());
  EXPECT_EQ(Page().At("tributary_rpcs_total{method=\"tributary.v1.ServerService/GetServerInfo\","
                      "code=\"OK\"}"),
            1);
}

TEST_F(MetricsPageTest, WhatCallersMakeUpAddsNothingToThePage) {
  Contact contact;
  for (int i = 0; i < 50; ++i) {
    const std::string n = std::to_string(i);
    Call(*server_.channel(), "/tributary.made.up.v1.Service" + n + "/Method", GetContactRequest(),
         &contact);
    Ask(Get("/made-up-" + n));
    server_.Post(R"({"event":"madeUp)" + n + R"(::updated","data":{"object":"resource"}})",
                 "owner" + n);
  }
  const std::string other = R"(tributary_rpcs_total{method="other",code="UNIMPLEMENTED"})";
  const ExpositionReader page = Page();
  EXPECT_EQ(page.At(other), 50);
  EXPECT_EQ(page.At(R"(tributary_http_answers_total{status="404"})"), 50);
  const size_t series = page.size();
  Call(*server_.channel(), "/one.More/Method", GetContactRequest(), &contact);
  EXPECT_EQ(Page().At(other), 51);
  EXPECT_EQ(Page().size(), series);
  EXPECT_LT(series, 1000u);
}

TEST_F(MetricsPageTest, ShowsWatchStreamsAndHowFarTheSlowestIsBehind) {
  const std::string waiting = R"(tributary_watch_streams{state="waiting"})";
  const std::string sending = R"(tributary_watch_streams{state="sending"})";
  WatchContactsRequest request;
  request.set_start(v1::WATCH_START_NOW);
  {
    Stream stream(server_.channel(), kWatch, request, 60);
    WatchContactsResponse response;
    ASSERT_TRUE(stream.Read(&response));
    WaitFor(waiting, 1);
    server_.Put("genericWorkspace", "w", {{"name", "of no interest"}});
    EXPECT_EQ(Page().At(waiting), 1) << "a watcher of something else is not behind";
    EXPECT_EQ(Page().At("tributary_watch_lag_revisions"), 0);

    // Nobody reads: what gRPC keeps on the way is full at some time, and then the lag grows.
    const std::string note(500'000, 'x');
    int64_t head = 1;
    int sent = 0;
    for (; sent < 200 && Page().At("tributary_watch_lag_revisions") < 3; ++sent) {
      head = server_.Put("genericContact", "big", {{"note", note}, {"n", sent}});
    }
    ExpositionReader page = Page();
    EXPECT_GE(page.At("tributary_watch_lag_revisions"), 3);
    EXPECT_LT(page.At("tributary_watch_lag_revisions"), static_cast<double>(head));
    EXPECT_EQ(page.At(sending), 1);
    EXPECT_EQ(page.At(waiting), 0);

    while (response.revision() < head) ASSERT_TRUE(stream.Read(&response));
    WaitFor(waiting, 1);
    page = Page();
    EXPECT_EQ(page.At("tributary_watch_lag_revisions"), 0);
    EXPECT_EQ(page.At("tributary_watch_changes_total"), sent);
    EXPECT_GT(page.At("tributary_watch_messages_total"), 1);
    EXPECT_GT(page.At("tributary_response_bytes_total{method=\"" + std::string(kWatch + 1) + "\"}"),
              500'000.0 * sent);
  }
  WaitFor(waiting, 0);
  WaitFor("tributary_rpcs_total{method=\"" + std::string(kWatch + 1) + "\",code=\"CANCELLED\"}", 1);
}

TEST_F(MetricsPageTest, ARefusedWatchIsACallToo) {
  WatchContactsRequest request;
  request.set_resume_token("garbled");
  Stream stream(server_.channel(), kWatch, request);
  WatchContactsResponse response;
  EXPECT_FALSE(stream.Read(&response));
  EXPECT_EQ(stream.Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(Page().At("tributary_rpcs_total{method=\"" + std::string(kWatch + 1) +
                      "\",code=\"INVALID_ARGUMENT\"}"),
            1);
}

TEST_F(MetricsPageTest, SpeaksTheFormatThatTheClientWouldRatherHave) {
  const struct {
    const char* name;
    const char* accept;
    bool open_metrics;
  } kCases[] = {
      {"nothing", "", true},
      {"curl", "*/*", true},
      {"Prometheus",
       "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;"
       "version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
       true},
      {"a browser", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", true},
      {"an old scraper", "text/plain;version=0.0.4;q=1,*/*;q=0.1", false},
      {"text only", "Text/Plain", false},
      {"text rather", "application/openmetrics-text; q=0.1, text/*; q=0.2", false},
      {"never OpenMetrics", "application/openmetrics-text;q=0, */*", false},
      {"nonsense", ";;,=;q=x,/", true},
  };
  for (const auto& one : kCases) {
    testing::HttpRequest request = Get("/metrics");
    if (*one.accept != '\0') request = request.With("accept", one.accept);
    const HttpReply reply = Ask(request);
    EXPECT_EQ(reply.status, 200) << one.name;
    EXPECT_EQ(reply.headers.at("content-type"),
              one.open_metrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                               : "text/plain; version=0.0.4; charset=utf-8")
        << one.name;
    EXPECT_EQ(reply.body.ends_with("# EOF\n"), one.open_metrics) << one.name;
  }
}

TEST_F(MetricsPageTest, TakesGetAndHeadOnly) {
  testing::HttpRequest request = Get("/metrics");
  request.method = "HEAD";
  HttpClient client(server_.server().http_port());
  ASSERT_TRUE(client.Send(request.Text() + Get("/healthz").Text()));
  const auto head = client.Receive(/*bare=*/true);
  ASSERT_TRUE(head.has_value());
  EXPECT_EQ(head->status, 200);
  EXPECT_GT(std::stoi(head->headers.at("content-length")), 1000);
  const auto next = client.Receive();
  ASSERT_TRUE(next.has_value());
  EXPECT_THAT(next->body, HasSubstr("ok")) << "the answer to HEAD had no body";

  request.method = "POST";
  const HttpReply refused = Ask(request);
  EXPECT_EQ(refused.status, 405);
  EXPECT_EQ(refused.headers.at("allow"), "GET, HEAD");
}

// docs/metrics.md has a table whose first column names each metric as it is asked for: with _total
// and _info, and histograms by the family.
TEST_F(MetricsPageTest, TheDocumentationNamesExactlyWhatThereIs) {
  std::set<std::string> served;
  const ExpositionReader page = Page();
  for (const auto& [family, type] : page.types()) {
    served.insert(family + (type == "counter" ? "_total" : type == "info" ? "_info" : ""));
  }
  std::set<std::string> documented;
  std::ifstream in(std::string(TRIBUTARY_SOURCE_DIR) + "/docs/metrics.md");
  const std::regex kRow(R"(\| `(tributary_[a-z_]+)`.*)");
  for (std::string line; std::getline(in, line);) {
    std::smatch match;
    if (std::regex_match(line, match, kRow)) documented.insert(match[1]);
  }
  EXPECT_EQ(documented, served);
}

}  // namespace
}  // namespace tributary
