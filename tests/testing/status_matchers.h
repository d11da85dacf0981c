#pragma once

#include <ostream>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/error.h"

// Matchers for absl::Status and absl::StatusOr, which Debian's Abseil does not bring:
//   EXPECT_THAT(store->GetHead(), IsOk());
//   EXPECT_THAT(Parse("7"), IsOkAndHolds(7));
//   EXPECT_THAT(status, AllOf(StatusIs(absl::StatusCode::kNotFound),
//   HasReason("RESOURCE_NOT_FOUND")));
namespace tributary::testing {

inline const absl::Status& ToStatus(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& ToStatus(const absl::StatusOr<T>& result) {
  return result.status();
}

MATCHER(IsOk, negation ? "is not OK" : "is OK") {
  const absl::Status& status = ToStatus(arg);
  *result_listener << "which is " << status.ToString();
  return status.ok();
}

MATCHER_P(StatusIs, code, std::string("has code ") + absl::StatusCodeToString(code)) {
  const absl::Status& status = ToStatus(arg);
  *result_listener << "which is " << status.ToString();
  return status.code() == code;
}

MATCHER_P2(StatusIs, code, message,
           std::string("has code ") + absl::StatusCodeToString(code) +
               " and a message that matches") {
  const absl::Status& status = ToStatus(arg);
  *result_listener << "which is " << status.ToString();
  return status.code() == code &&
         ::testing::ExplainMatchResult(::testing::SafeMatcherCast<const std::string&>(message),
                                       std::string(status.message()), result_listener);
}

MATCHER_P(HasReason, reason, std::string("has the reason ") + std::string(reason)) {
  const absl::Status& status = ToStatus(arg);
  if (status.ok()) {
    *result_listener << "which is OK";
    return false;
  }
  const std::string found = DetailOf(status).reason;
  *result_listener << "whose reason is " << found;
  return found == std::string_view(reason);
}

template <typename Inner>
class IsOkAndHoldsMatcher {
 public:
  explicit IsOkAndHoldsMatcher(Inner inner) : inner_(std::move(inner)) {}

  template <typename Result>
  operator ::testing::Matcher<Result>() const {  // NOLINT: implicit, as gmock's own matchers are
    return ::testing::Matcher<Result>(new Typed<Result>(inner_));
  }

 private:
  template <typename Result>
  class Typed : public ::testing::MatcherInterface<Result> {
   public:
    using Value = typename std::decay_t<Result>::value_type;
    explicit Typed(const Inner& inner) : inner_(::testing::SafeMatcherCast<const Value&>(inner)) {}

    void DescribeTo(std::ostream* os) const override {
      *os << "is OK and holds a value that ";
      inner_.DescribeTo(os);
    }

    bool MatchAndExplain(Result result, ::testing::MatchResultListener* listener) const override {
      if (!result.ok()) {
        *listener << "which is " << result.status().ToString();
        return false;
      }
      return inner_.MatchAndExplain(*result, listener);
    }

   private:
    ::testing::Matcher<const Value&> inner_;
  };

  Inner inner_;
};

// OK, and its value equals or matches `inner`.
template <typename Inner>
IsOkAndHoldsMatcher<std::decay_t<Inner>> IsOkAndHolds(Inner&& inner) {
  return IsOkAndHoldsMatcher<std::decay_t<Inner>>(std::forward<Inner>(inner));
}

}  // namespace tributary::testing

#define TRIBUTARY_ASSERT_OK(expression) ASSERT_THAT((expression), ::tributary::testing::IsOk())
#define TRIBUTARY_EXPECT_OK(expression) EXPECT_THAT((expression), ::tributary::testing::IsOk())

// TRIBUTARY_ASSERT_OK_AND_ASSIGN(auto record, store->Get(key, false));
#define TRIBUTARY_TESTING_CONCAT_INNER(a, b) a##b
#define TRIBUTARY_TESTING_CONCAT(a, b) TRIBUTARY_TESTING_CONCAT_INNER(a, b)
#define TRIBUTARY_ASSERT_OK_AND_ASSIGN(lhs, expression)                                            \
  TRIBUTARY_ASSERT_OK_AND_ASSIGN_INNER(TRIBUTARY_TESTING_CONCAT(tributary_result_, __LINE__), lhs, \
                                       expression)
#define TRIBUTARY_ASSERT_OK_AND_ASSIGN_INNER(result, lhs, expression) \
  auto result = (expression);                                         \
  ASSERT_THAT(result, ::tributary::testing::IsOk());                  \
  lhs = std::move(result).value()
