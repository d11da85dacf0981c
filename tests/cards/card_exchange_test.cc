#include "server/cards/card_exchange.h"

#include <algorithm>
#include <atomic>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/cards/hands.h"
#include "tests/testing/status_matchers.h"

namespace tributary::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class CardExchangeTest : public ::testing::Test {
 protected:
  struct Joined {
    std::shared_ptr<Hands> hands = std::make_shared<Hands>();
    CardExchange::ReceiverId id = 0;
  };

  Joined Join(int outstanding_max = 10, CardExchange::Restriction only = {}) {
    Joined joined;
    const auto id = exchange_.Join(std::move(only), outstanding_max, joined.hands);
    EXPECT_THAT(id, IsOk());
    joined.id = id.value_or(0);
    return joined;
  }

  std::optional<CardExchange::Ticket> Ask(const std::string& resource,
                                          const std::string& connector = "hubspot",
                                          const std::string& owner = "acme") {
    return exchange_.Ask({connector, owner, resource, 0},
                         [this](const CardExchange::Ticket&, std::string cards) {
                           answers_.push_back(std::move(cards));
                         });
  }

  uint64_t Ended(CardViewEnd end) const {
    return exchange_.metrics().views[static_cast<size_t>(end)].value();
  }

  CardExchange exchange_{{.receivers_max = 3, .views_max = 8, .bytes_max = 1000}};
  std::vector<std::string> answers_;
};

TEST_F(CardExchangeTest, AViewIsAnsweredByWhoeverKnowsItsToken) {
  const Joined receiver = Join();
  ASSERT_TRUE(Ask("view").has_value());
  ASSERT_THAT(receiver.hands->resources(), ElementsAre("view"));
  EXPECT_THAT(answers_, IsEmpty());
  TRIBUTARY_EXPECT_OK(exchange_.Answer(receiver.hands->tokens()[0], "cards"));
  EXPECT_THAT(answers_, ElementsAre("cards"));
  EXPECT_EQ(Ended(CardViewEnd::kAnswered), 1u);
}

TEST_F(CardExchangeTest, NobodyIsWaitedForWhereNobodyReceives) {
  EXPECT_FALSE(Ask("view").has_value());
  const Joined other = Join(10, {"salesforce", ""});
  EXPECT_FALSE(Ask("view").has_value());
  EXPECT_EQ(Ended(CardViewEnd::kNoReceiver), 2u);
  EXPECT_THAT(other.hands->tokens(), IsEmpty());
}

TEST_F(CardExchangeTest, ReceiversShareInTurn) {
  const Joined one = Join();
  const Joined two = Join();
  const Joined three = Join();
  for (int i = 0; i < 6; ++i) ASSERT_TRUE(Ask(std::to_string(i)).has_value());
  for (const Joined& each : {one, two, three}) EXPECT_THAT(each.hands->tokens(), SizeIs(2));
}

TEST_F(CardExchangeTest, WhoHasLessInHandIsGivenMore) {
  const Joined slow = Join();
  const Joined fast = Join();
  for (int i = 0; i < 6; ++i) {
    ASSERT_TRUE(Ask(std::to_string(i)).has_value());
    if (fast.hands->tokens().size() > 0) {
      (void)exchange_.Answer(fast.hands->tokens().back(), "cards");
    }
  }
  EXPECT_THAT(slow.hands->tokens(), SizeIs(1));
  EXPECT_THAT(fast.hands->tokens(), SizeIs(5));
}

TEST_F(CardExchangeTest, WhoLetAViewPassComesAfterWhoAnswers) {
  const Joined silent = Join();
  const auto first = Ask("first");
  ASSERT_THAT(silent.hands->tokens(), SizeIs(1));
  const Joined busy = Join();
  EXPECT_TRUE(exchange_.GiveUp(*first, CardViewEnd::kTimedOut));
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(Ask(std::to_string(i)).has_value());
    TRIBUTARY_EXPECT_OK(exchange_.Answer(busy.hands->tokens().back(), "cards"));
  }
  EXPECT_THAT(silent.hands->tokens(), SizeIs(1));
}

TEST_F(CardExchangeTest, ARestrictedReceiverGetsWhatItAskedForAlone) {
  const Joined owner = Join(10, {"", "acme"});
  const Joined connection = Join(10, {"salesforce", "globex"});
  ASSERT_TRUE(Ask("1", "hubspot", "acme").has_value());
  ASSERT_TRUE(Ask("2", "salesforce", "globex").has_value());
  EXPECT_FALSE(Ask("3", "hubspot", "globex").has_value());
  EXPECT_THAT(owner.hands->resources(), ElementsAre("1"));
  EXPECT_THAT(connection.hands->resources(), ElementsAre("2"));
}

TEST_F(CardExchangeTest, WhatExceedsAReceiverWaitsForItInTheOrderItCame) {
  const Joined receiver = Join(2);
  for (const char* view : {"1", "2", "3", "4"}) ASSERT_TRUE(Ask(view).has_value());
  EXPECT_THAT(receiver.hands->resources(), ElementsAre("1", "2"));
  EXPECT_EQ(exchange_.TakeSurvey().waiting, 2u);
  TRIBUTARY_EXPECT_OK(exchange_.Answer(receiver.hands->tokens()[1], "cards"));
  EXPECT_THAT(receiver.hands->resources(), ElementsAre("1", "2", "3"));
  TRIBUTARY_EXPECT_OK(exchange_.Answer(receiver.hands->tokens()[0], "cards"));
  EXPECT_THAT(receiver.hands->resources(), ElementsAre("1", "2", "3", "4"));
}

TEST_F(CardExchangeTest, WhatAReceiverLeavesBehindGoesToAnother) {
  const Joined dying = Join(10);
  ASSERT_TRUE(Ask("1").has_value());
  ASSERT_TRUE(Ask("2").has_value());
  const Joined heir = Join(1);
  exchange_.Leave(dying.id);
  EXPECT_THAT(heir.hands->resources(), ElementsAre("1"));
  TRIBUTARY_EXPECT_OK(exchange_.Answer(heir.hands->tokens()[0], "cards"));
  EXPECT_THAT(heir.hands->resources(), ElementsAre("1", "2"));
  exchange_.Leave(dying.id);  // once more changes nothing
  EXPECT_EQ(exchange_.TakeSurvey().receivers, 1u);
}

TEST_F(CardExchangeTest, AViewWithoutReceiverWaitsForOneToComeBack) {
  const Joined dying = Join();
  ASSERT_TRUE(Ask("view").has_value());
  exchange_.Leave(dying.id);
  EXPECT_EQ(exchange_.TakeSurvey().waiting, 1u);
  const Joined back = Join();
  ASSERT_THAT(back.hands->resources(), ElementsAre("view"));
  EXPECT_EQ(back.hands->tokens(), dying.hands->tokens()) << "either may answer";
}

TEST_F(CardExchangeTest, OnlyTheFirstAnswerCounts) {
  const Joined receiver = Join();
  Ask("view");
  const std::string token = receiver.hands->tokens()[0];
  TRIBUTARY_EXPECT_OK(exchange_.Answer(token, "cards"));
  EXPECT_THAT(
      exchange_.Answer(token, "others"),
      AllOf(StatusIs(absl::StatusCode::kFailedPrecondition), HasReason("CARD_VIEW_ANSWERED")));
  EXPECT_THAT(answers_, ElementsAre("cards"));
}

TEST_F(CardExchangeTest, AnAnswerAfterGivingUpIsTooLate) {
  const Joined receiver = Join();
  const auto ticket = Ask("view");
  EXPECT_TRUE(exchange_.GiveUp(*ticket, CardViewEnd::kTimedOut));
  EXPECT_FALSE(exchange_.GiveUp(*ticket, CardViewEnd::kTimedOut));
  EXPECT_THAT(exchange_.Answer(receiver.hands->tokens()[0], "cards"),
              AllOf(StatusIs(absl::StatusCode::kFailedPrecondition),
                    HasReason("CARD_VIEW_DEADLINE_PASSED")));
  EXPECT_THAT(answers_, IsEmpty());
  EXPECT_EQ(Ended(CardViewEnd::kTimedOut), 1u);
}

TEST_F(CardExchangeTest, GivingUpFailsOnceItWasAnswered) {
  const Joined receiver = Join();
  const auto ticket = Ask("view");
  TRIBUTARY_EXPECT_OK(exchange_.Answer(receiver.hands->tokens()[0], "cards"));
  EXPECT_FALSE(exchange_.GiveUp(*ticket, CardViewEnd::kTimedOut));
}

TEST_F(CardExchangeTest, JunkIsNoToken) {
  const Joined receiver = Join();
  Ask("view");
  std::string near = receiver.hands->tokens()[0];
  near.back() = near.back() == '0' ? '1' : '0';
  for (const std::string& junk :
       {std::string(), std::string("junk"), std::string(32, '0'), std::string(32, '-'),
        std::string(1 << 20, 'f'), near, receiver.hands->tokens()[0] + "0"}) {
    EXPECT_THAT(exchange_.Answer(junk, "cards"), AllOf(StatusIs(absl::StatusCode::kInvalidArgument),
                                                       HasReason("ANSWER_TOKEN_UNKNOWN")));
  }
  EXPECT_THAT(answers_, IsEmpty());
}

TEST_F(CardExchangeTest, TokensRepeatNothing) {
  const Joined receiver = Join(10);
  std::set<std::string> halves;
  for (int i = 0; i < 100; ++i) {
    const auto ticket = Ask("view");
    exchange_.GiveUp(*ticket, CardViewEnd::kDropped);
    const std::string token = receiver.hands->tokens().back();
    halves.insert(token.substr(0, 16));
    halves.insert(token.substr(16));
  }
  EXPECT_THAT(halves, SizeIs(200));
}

TEST_F(CardExchangeTest, EveryNumberIsBounded) {
  const Joined receiver = Join(1);
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(Ask("view").has_value());
  EXPECT_FALSE(Ask("view").has_value()) << "eight wait already";
  TRIBUTARY_EXPECT_OK(exchange_.Answer(receiver.hands->tokens()[0], "cards"));
  EXPECT_FALSE(Ask(std::string(1000, 'x')).has_value()) << "too many bytes wait";
  EXPECT_TRUE(Ask("view").has_value());
  EXPECT_EQ(Ended(CardViewEnd::kOverflow), 2u);
  Join();
  Join();
  EXPECT_THAT(exchange_.Join({}, 1, std::make_shared<Hands>()),
              AllOf(StatusIs(absl::StatusCode::kResourceExhausted), HasReason("OVERLOADED")));
}

TEST_F(CardExchangeTest, DrainingAnswersEverythingWithoutCards) {
  const Joined receiver = Join(1);
  Ask("1");
  Ask("2");
  exchange_.Drain();
  EXPECT_THAT(answers_, ElementsAre("", ""));
  EXPECT_TRUE(receiver.hands->drained());
  EXPECT_FALSE(Ask("3").has_value());
  EXPECT_THAT(exchange_.Answer(receiver.hands->tokens()[0], "cards"),
              AllOf(StatusIs(absl::StatusCode::kUnavailable), HasReason("SERVER_DRAINING")));
  EXPECT_THAT(exchange_.Join({}, 1, std::make_shared<Hands>()), HasReason("SERVER_DRAINING"));
}

// Whatever happens at the same time, each view ends once: by an answer or by who gave up.
TEST(CardExchangeThreads, EachViewEndsOnce) {
  constexpr int kViews = 2000;
  CardExchange exchange;
  std::atomic<int> answered = 0;
  std::atomic<int> given_up = 0;
  std::atomic<bool> over = false;
  const auto answer_all = [&] {
    while (!over) {
      const auto hands = std::make_shared<Hands>();
      const auto id = exchange.Join({}, 4, hands);
      if (!id.ok()) {
        EXPECT_THAT(id, HasReason("SERVER_DRAINING"));
        return;
      }
      for (size_t next = 0; next < 20 && !over;) {
        const std::vector<std::string> tokens = hands->tokens();
        for (; next < tokens.size(); ++next) (void)exchange.Answer(tokens[next], "cards");
      }
      exchange.Leave(*id);
    }
  };
  std::vector<std::thread> receivers;
  for (int i = 0; i < 3; ++i) receivers.emplace_back(answer_all);
  int asked = 0;
  for (int i = 0; i < kViews; ++i) {
    const auto ticket =
        exchange.Ask({"hubspot", "acme", "view", 0},
                     [&](const CardExchange::Ticket&, const std::string&) { ++answered; });
    if (!ticket.has_value()) continue;
    ++asked;
    if (i % 2 == 0 && exchange.GiveUp(*ticket, CardViewEnd::kTimedOut)) ++given_up;
  }
  exchange.Drain();
  over = true;
  for (std::thread& receiver : receivers) receiver.join();
  EXPECT_EQ(answered + given_up, asked);
}

}  // namespace
}  // namespace tributary::testing
