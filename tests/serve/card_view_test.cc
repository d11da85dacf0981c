// Card views of a whole server, over real sockets: a webhook in, a receiver's cards out.

#include <future>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/limits.h"
#include "tests/testing/exposition_reader.h"
#include "tests/testing/test_server.h"
#include "tributary/widget/v1/card_view.pb.h"

namespace tributary {
namespace {

using testing::Call;
using testing::HttpReply;
using testing::ReasonIn;
using testing::TestServer;
using widget::v1::AnswerCardViewRequest;
using widget::v1::AnswerCardViewResponse;
using widget::v1::ReceiveCardViewsRequest;
using widget::v1::ReceiveCardViewsResponse;
using Json = nlohmann::json;

constexpr char kReceive[] = "/tributary.widget.v1.CardViewService/ReceiveCardViews";
constexpr char kAnswer[] = "/tributary.widget.v1.CardViewService/AnswerCardView";
constexpr char kNoCards[] = R"({"cards": []})";

ServerOptions WithTimeout(std::chrono::milliseconds timeout) {
  ServerOptions options;
  options.http.card_view_timeout = timeout;
  return options;
}

// A connected receiver.
class Receiver {
 public:
  explicit Receiver(TestServer& server, const ReceiveCardViewsRequest& request = {})
      : stream_(server.channel(), kReceive, request) {
    stream_.WaitUntilConnected();
  }

  ReceiveCardViewsResponse Next() {
    ReceiveCardViewsResponse response;
    EXPECT_TRUE(stream_.Read(&response));
    return response;
  }
  testing::Stream<ReceiveCardViewsResponse>& stream() { return stream_; }

 private:
  testing::Stream<ReceiveCardViewsResponse> stream_;
};

class CardViewTest : public ::testing::Test {
 protected:
  using Reply = std::future<HttpReply>;

  static std::string View(const std::string& id) {
    return TestServer::Body(
        "widgetCardView", "created", id,
        {{"crmOpportunity",
          {{"object", "resourceRef"}, {"model", "crmOpportunity"}, {"id", "311"}}}});
  }

  // A user opens a widget; the reply comes when the server answers.
  Reply Open(const std::string& id, const std::string& owner = "acme") {
    const int port = server_.server().http_port();
    return std::async(std::launch::async, [port, id, owner] {
      testing::HttpClient client(port);
      return client.Ask(testing::Webhook(View(id), "key-" + id).Set("x-owner-id", owner).Text())
          .value_or(HttpReply{});
    });
  }

  grpc::Status Answer(const AnswerCardViewRequest& answer, std::string* reason = nullptr) {
    grpc::ClientContext context;
    AnswerCardViewResponse response;
    const grpc::Status status = Call(*server_.channel(), kAnswer, answer, &response, &context);
    if (reason != nullptr) *reason = ReasonIn(context);
    return status;
  }
  std::string ReasonOfAnswer(const AnswerCardViewRequest& answer) {
    std::string reason;
    EXPECT_FALSE(Answer(answer, &reason).ok());
    return reason;
  }

  static AnswerCardViewRequest Titled(const std::string& token, const std::string& title) {
    AnswerCardViewRequest answer;
    answer.set_answer_token(token);
    answer.add_cards()->set_title(title);
    return answer;
  }
  static std::string TitleIn(Reply& reply) {
    const HttpReply got = reply.get();
    EXPECT_EQ(got.status, 200) << got.body;
    const Json cards = got.Json().value("cards", Json::array());
    return cards.empty() ? "" : cards[0].value("title", "");
  }

  TestServer server_{WithTimeout(std::chrono::seconds(60))};
};

TEST_F(CardViewTest, AViewIsAnsweredWithTheCardsOfItsReceiver) {
  Receiver receiver(server_);
  const int64_t before = SystemClock().NowMicros();
  Reply reply = Open("v1");
  const ReceiveCardViewsResponse view = receiver.Next();
  EXPECT_EQ(view.card_view().connector_id(), "hubspot");
  EXPECT_EQ(view.card_view().owner_id(), "acme");
  EXPECT_EQ(view.card_view().id(), "v1");
  EXPECT_EQ(view.card_view().fields().crm_opportunity().id(), "311");
  EXPECT_EQ(view.card_view().revision(), 0);
  EXPECT_GE(view.deadline().seconds(), before / 1'000'000 + 60);
  EXPECT_LE(view.deadline().seconds(), SystemClock().NowMicros() / 1'000'000 + 60);
  EXPECT_TRUE(Answer(Titled(view.answer_token(), "Usage")).ok());
  const HttpReply got = reply.get();
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.body, R"({"cards":[{"title":"Usage","contents":[]}]})");
  EXPECT_EQ(got.Header("content-type"), "application/json");
  EXPECT_EQ(got.Header("x-tributary-verdict"), "APPLIED");

  widget::v1::GetCardViewRequest get;
  get.set_connector_id("hubspot");
  get.set_owner_id("acme");
  get.set_id("v1");
  widget::v1::CardView stored;
  ASSERT_TRUE(
      Call(*server_.channel(), "/tributary.widget.v1.CardViewService/GetCardView", get, &stored)
          .ok());
  stored.clear_revision();
  EXPECT_EQ(stored.SerializeAsString(), view.card_view().SerializeAsString());
}

TEST_F(CardViewTest, ReceiversShareTheViews) {
  Receiver one(server_);
  Receiver two(server_);
  std::vector<Reply> replies;
  for (const char* id : {"1", "2", "3", "4"}) replies.push_back(Open(id));
  for (Receiver* each : {&one, &two}) {
    for (int i = 0; i < 2; ++i) {
      EXPECT_TRUE(Answer(Titled(each->Next().answer_token(), "Shared")).ok());
    }
  }
  for (Reply& reply : replies) EXPECT_EQ(TitleIn(reply), "Shared");
}

TEST_F(CardViewTest, ARestrictedReceiverGetsItsOwnerAlone) {
  ReceiveCardViewsRequest only;
  only.set_owner_id("globex");
  Receiver receiver(server_, only);
  Reply other = Open("1", "acme");
  EXPECT_EQ(other.get().body, kNoCards) << "nobody receives these";
  Reply own = Open("2", "globex");
  const ReceiveCardViewsResponse view = receiver.Next();
  EXPECT_EQ(view.card_view().owner_id(), "globex");
  EXPECT_TRUE(Answer(Titled(view.answer_token(), "Own")).ok());
  EXPECT_EQ(TitleIn(own), "Own");
}

TEST_F(CardViewTest, AReceiverHasNoMoreInHandThanItWants) {
  ReceiveCardViewsRequest one_at_a_time;
  one_at_a_time.set_max_outstanding(1);
  Receiver receiver(server_, one_at_a_time);
  Reply first = Open("1");
  const ReceiveCardViewsResponse view = receiver.Next();
  Reply second = Open("2");
  while (server_.server().cards().TakeSurvey().waiting < 1) std::this_thread::yield();
  EXPECT_TRUE(Answer(Titled(view.answer_token(), "First")).ok());
  EXPECT_EQ(TitleIn(first), "First");
  EXPECT_TRUE(Answer(Titled(receiver.Next().answer_token(), "Second")).ok());
  EXPECT_EQ(TitleIn(second), "Second");
}

TEST_F(CardViewTest, TheViewOfAReceiverThatDiesGoesToAnother) {
  auto dying = std::make_unique<Receiver>(server_);
  Reply reply = Open("1");
  const ReceiveCardViewsResponse view = dying->Next();
  Receiver heir(server_);
  dying.reset();
  const ReceiveCardViewsResponse again = heir.Next();
  EXPECT_EQ(again.card_view().SerializeAsString(), view.card_view().SerializeAsString());
  EXPECT_TRUE(Answer(Titled(again.answer_token(), "Heir")).ok());
  EXPECT_EQ(TitleIn(reply), "Heir");
}

TEST_F(CardViewTest, AnAnswerIsGivenOnceAndJunkIsNone) {
  Receiver receiver(server_);
  Reply reply = Open("1");
  const std::string token = receiver.Next().answer_token();
  EXPECT_EQ(ReasonOfAnswer(Titled("", "T")), "ANSWER_TOKEN_UNKNOWN");
  EXPECT_EQ(ReasonOfAnswer(Titled("junk", "T")), "ANSWER_TOKEN_UNKNOWN");
  EXPECT_EQ(ReasonOfAnswer(Titled(token.substr(1), "T")), "ANSWER_TOKEN_UNKNOWN");
  EXPECT_EQ(ReasonOfAnswer(Titled(token, "")), "ARGUMENT_INVALID");
  EXPECT_EQ(ReasonOfAnswer(Titled(token, std::string(limits::kCardsBytesMax, 'x'))),
            "ARGUMENT_INVALID");
  EXPECT_EQ(ReasonOfAnswer(Titled(token, std::string(3 * limits::kCardsBytesMax, 'x'))),
            "ARGUMENT_INVALID");
  EXPECT_TRUE(Answer(Titled(token, "Good")).ok()) << "it still waits";
  EXPECT_EQ(ReasonOfAnswer(Titled(token, "Good")), "CARD_VIEW_ANSWERED");
  EXPECT_EQ(TitleIn(reply), "Good");
}

TEST_F(CardViewTest, AWishThatCannotBeIsRefused) {
  ReceiveCardViewsRequest negative;
  negative.set_max_outstanding(-1);
  ReceiveCardViewsRequest control;
  control.set_owner_id("a\nb");
  for (const ReceiveCardViewsRequest& request : {negative, control}) {
    testing::Stream<ReceiveCardViewsResponse> stream(server_.channel(), kReceive, request);
    ReceiveCardViewsResponse none;
    EXPECT_FALSE(stream.Read(&none));
    EXPECT_EQ(stream.Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_EQ(ReasonIn(stream.context()), "ARGUMENT_INVALID");
  }
}

TEST_F(CardViewTest, ReceiversAreBounded) {
  std::vector<std::unique_ptr<Receiver>> receivers;
  for (int i = 0; i < limits::kCardReceiversMax; ++i) {
    receivers.push_back(std::make_unique<Receiver>(server_));
  }
  testing::Stream<ReceiveCardViewsResponse> stream(server_.channel(), kReceive,
                                                   ReceiveCardViewsRequest());
  ReceiveCardViewsResponse none;
  EXPECT_FALSE(stream.Read(&none));
  EXPECT_EQ(stream.Finish().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(ReasonIn(stream.context()), "OVERLOADED");
}

TEST_F(CardViewTest, ThePageShowsWhatBecameOfViews) {
  Open("none").get();
  Receiver receiver(server_);
  Reply answered = Open("1");
  EXPECT_TRUE(Answer(Titled(receiver.Next().answer_token(), "T")).ok());
  answered.get();
  Reply open = Open("2");
  const std::string token = receiver.Next().answer_token();
  testing::HttpClient client(server_.server().http_port());
  const testing::ExpositionReader page(
      client.Ask(testing::Get("/metrics").Text()).value_or(HttpReply{}).body);
  EXPECT_EQ(page.At(R"(tributary_card_views_total{end="answered"})"), 1);
  EXPECT_EQ(page.At(R"(tributary_card_views_total{end="no_receiver"})"), 1);
  EXPECT_EQ(page.At(R"(tributary_card_views_open{state="in_hand"})"), 1);
  EXPECT_EQ(page.At(R"(tributary_card_views_open{state="waiting"})"), 0);
  EXPECT_EQ(page.At("tributary_card_receivers"), 1);
  EXPECT_EQ(page.At("tributary_card_view_seconds_count"), 1);
  EXPECT_TRUE(Answer(Titled(token, "T")).ok());
}

TEST_F(CardViewTest, OnShutdownViewsAreAnsweredAndReceiversTold) {
  Receiver receiver(server_);
  Reply reply = Open("1");
  receiver.Next();
  std::thread draining([&] { server_.server().Drain(); });
  ReceiveCardViewsResponse none;
  EXPECT_FALSE(receiver.stream().Read(&none));
  EXPECT_EQ(receiver.stream().Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(ReasonIn(receiver.stream().context()), "SERVER_DRAINING");
  const HttpReply got = reply.get();
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.body, kNoCards);
  draining.join();
}

TEST(CardViewTimeout, ALateAnswerIsToldSo) {
  TestServer server(WithTimeout(std::chrono::milliseconds(100)));
  Receiver receiver(server);
  const HttpReply reply =
      server.Post(TestServer::Body("widgetCardView", "created", "1", nlohmann::json::object()));
  EXPECT_EQ(reply.body, kNoCards);
  AnswerCardViewRequest late;
  late.set_answer_token(receiver.Next().answer_token());
  grpc::ClientContext context;
  AnswerCardViewResponse response;
  EXPECT_EQ(Call(*server.channel(), kAnswer, late, &response, &context).error_code(),
            grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(ReasonIn(context), "CARD_VIEW_DEADLINE_PASSED");
}

}  // namespace
}  // namespace tributary
