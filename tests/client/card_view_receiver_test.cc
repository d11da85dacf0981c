// The receiver of the client library against the whole server.

#include "client/card_view_receiver.h"

#include <atomic>
#include <string>
#include <thread>

#include "client/channel.h"
#include "gtest/gtest.h"
#include "tests/client/live_server.h"
#include "tests/ingest/http_client.h"

namespace tributary::testing {
namespace {

using widget::v1::AnswerCardViewRequest;
using widget::v1::CardView;

class CardViewReceiverTest : public ::testing::Test {
 protected:
  HttpReply Ask(const HttpRequest& request) {
    const std::string address = server_.http_address();
    HttpClient client(std::stoi(address.substr(address.rfind(':') + 1)));
    return client.Ask(request.Text()).value_or(HttpReply{});
  }

  // Once the server counts one receiver.
  void WaitForReceiver() {
    while (Ask(Get("/metrics")).body.find("\ntributary_card_receivers 1\n") == std::string::npos) {
      std::this_thread::yield();
    }
  }

  std::string Open(const std::string& id) {
    const std::string body =
        R"({"event":"widgetCardView::created","data":{"model":"widgetCardView","id":")" + id +
        R"(","fields":{}}})";
    return Ask(Webhook(body, "key-" + id)).body;
  }

  LiveServer server_;
  std::atomic<int> troubles_ = 0;
  CardViewReceiver receiver_{
      Connect(server_.grpc_address()),
      {"hubspot", "acme"},
      [](const CardView& view, absl::Time deadline) -> absl::StatusOr<AnswerCardViewRequest> {
        EXPECT_GT(deadline, absl::Now() - absl::Minutes(1));
        if (view.id() == "bad") return absl::NotFoundError("no such deal");
        AnswerCardViewRequest answer;
        widget::v1::Card& card = *answer.add_cards();
        card.set_title(view.id());
        AddText(card, "Plan", "Growth");
        AddStatus(card, "Health", "Fine", widget::v1::StatusContent::STATUS_SUCCESS);
        return answer;
      },
      [this](const absl::Status&) { ++troubles_; }};
};

constexpr char kRows[] =
    R"("contents":[{"type":"text","label":"Plan","value":"Growth"},)"
    R"({"type":"status","label":"Health","value":"Fine","status":"success"}]}]})";

TEST_F(CardViewReceiverTest, AnswersReconnectsAndEndsWhenItIsCancelled) {
  std::thread running([this] { EXPECT_EQ(receiver_.Run().code(), absl::StatusCode::kCancelled); });
  WaitForReceiver();
  EXPECT_EQ(Open("v1"), R"({"cards":[{"title":"v1",)" + std::string(kRows));
  EXPECT_EQ(Open("v2"), R"({"cards":[{"title":"v2",)" + std::string(kRows));
  EXPECT_EQ(troubles_, 0);
  EXPECT_EQ(Open("bad"), R"({"cards":[]})") << "a failure is told at once";
  EXPECT_EQ(troubles_, 1);

  server_.Restart();
  WaitForReceiver();
  EXPECT_EQ(Open("v3"), R"({"cards":[{"title":"v3",)" + std::string(kRows));
  receiver_.Cancel();
  running.join();
}

}  // namespace
}  // namespace tributary::testing
