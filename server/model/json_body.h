#pragma once

#include <simdjson.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/model/json_repair.h"

namespace tributary {

class JsonBody;

// One value of a parsed body. A view: valid as long as the body is. Cheap to copy.
class JsonValue {
 public:
  enum class Kind {
    kNull,
    kBool,
    kInteger,   // within int64_t
    kUnsigned,  // beyond it, within uint64_t
    kDouble,
    kHuge,  // a number outside a double's range, or an integer beyond 64 bits: only its text is
            // known
    kString,
    kArray,
    kObject,
  };
  using Member = std::pair<std::string_view, JsonValue>;

  JsonValue(simdjson::dom::element element, const JsonBody* body)
      : element_(element), body_(body) {}

  Kind kind() const;
  bool IsNull() const { return element_.is_null(); }
  bool IsObject() const { return element_.is_object(); }
  bool IsNumber() const;

  // Each is for its own kind only, and 0, false or empty for any other.
  bool AsBool() const;
  int64_t AsInteger() const;
  uint64_t AsUnsigned() const;
  double AsDouble() const;  // of any kind of number but kHuge
  std::string_view AsString() const;
  std::string NumberText()
      const;  // of any kind of number, as JavaScript writes it; of kHuge as it was sent

  // Calls `visit(item)` for each item of an array.
  template <typename Visit>
  void ForEachItem(Visit visit) const;
  // Calls `visit(key, value)` for each member as sent, so also for keys that come again.
  template <typename Visit>
  void ForEachMember(Visit visit) const;
  // The members of an object, of equal keys the last, in the order of keys (bytewise).
  std::vector<Member> SortedMembers() const;
  // The last member of that name; none too if this is no object.
  std::optional<JsonValue> Find(std::string_view key) const;
  // The same for several names, in one walk over the members.
  template <size_t N>
  std::array<std::optional<JsonValue>, N> FindEach(const std::string_view (&keys)[N]) const;

  // Compact JSON, cut off after about `max_bytes`.
  std::string Text(size_t max_bytes) const;

 private:
  void AppendText(std::string& out, size_t max_bytes) const;

  simdjson::dom::element element_;
  const JsonBody* body_;
};

// Why a body is not JSON.
struct JsonError {
  std::string reason;  // in words, with the place
  std::string found;   // what stands at that place, clipped, as a JSON string
};

// The body of a request, parsed strictly as a whole, but for three things that JavaScript accepts:
// a byte order mark is skipped, half a surrogate pair reads as U+FFFD, and a number of any size is
// a number. Can be used for one body after the other, and then needs no new memory for it.
class JsonBody {
 public:
  static constexpr size_t kSlackBytes = simdjson::SIMDJSON_PADDING;

  JsonBody() = default;
  JsonBody(const JsonBody&) = delete;
  JsonBody& operator=(const JsonBody&) = delete;

  // Parses `text` where it lies: it is only given more capacity, kSlackBytes of it. The values of
  // the text before are gone. False if it is not JSON: then error() says why.
  bool Parse(std::string& text);

  // Gives up what memory a large body took.
  void Trim();

  JsonValue root() const { return {root_, this}; }
  const JsonError& error() const { return error_; }

  // True if any string may hold U+FFFD where half a surrogate pair was sent.
  bool lone_surrogates() const { return repaired_.lone_surrogates; }
  // The number that a string of the repaired text stands for; nullptr if it is just a string.
  const std::string* HugeNumber(std::string_view string) const {
    return repaired_.numbers.empty() ? nullptr : FindHugeNumber(string);
  }

 private:
  const std::string* FindHugeNumber(std::string_view string) const;

  simdjson::dom::parser parser_;
  simdjson::dom::element root_;
  RepairedJson repaired_;
  JsonError error_;
};

// Appends `text` as a JSON string; no more of it once `out` has passed `max_bytes`.
void AppendQuoted(std::string& out, std::string_view text, size_t max_bytes = std::string::npos);

// A double as JavaScript writes it: the shortest decimal text that reads back as the same value.
std::string DoubleText(double value);

inline JsonValue::Kind JsonValue::kind() const {
  switch (element_.type()) {
    case simdjson::dom::element_type::ARRAY:
      return Kind::kArray;
    case simdjson::dom::element_type::OBJECT:
      return Kind::kObject;
    case simdjson::dom::element_type::INT64:
      return Kind::kInteger;
    case simdjson::dom::element_type::UINT64:
      return Kind::kUnsigned;
    case simdjson::dom::element_type::DOUBLE:
      return Kind::kDouble;
    case simdjson::dom::element_type::STRING:
      return body_->HugeNumber(AsString()) != nullptr ? Kind::kHuge : Kind::kString;
    case simdjson::dom::element_type::BOOL:
      return Kind::kBool;
    case simdjson::dom::element_type::NULL_VALUE:
      break;
  }
  return Kind::kNull;
}

inline std::string_view JsonValue::AsString() const {
  std::string_view value;
  return element_.get(value) == simdjson::SUCCESS ? value : std::string_view();
}

template <typename Visit>
void JsonValue::ForEachItem(Visit visit) const {
  simdjson::dom::array array;
  if (element_.get(array) != simdjson::SUCCESS) return;
  for (const simdjson::dom::element item : array) visit(JsonValue(item, body_));
}

template <typename Visit>
void JsonValue::ForEachMember(Visit visit) const {
  simdjson::dom::object object;
  if (element_.get(object) != simdjson::SUCCESS) return;
  for (const simdjson::dom::key_value_pair member : object) {
    visit(std::string_view(member.key.data(), member.key.size()), JsonValue(member.value, body_));
  }
}

template <size_t N>
std::array<std::optional<JsonValue>, N> JsonValue::FindEach(
    const std::string_view (&keys)[N]) const {
  std::array<std::optional<JsonValue>, N> found;
  ForEachMember([&](std::string_view name, JsonValue value) {
    for (size_t i = 0; i < N; ++i) {
      if (keys[i] == name) found[i] = value;
    }
  });
  return found;
}

}  // namespace tributary
