#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "google/protobuf/message.h"
#include "google/protobuf/struct.pb.h"

namespace tributary::command {

// How much room JSON takes.
enum class Layout { kOneLine, kIndented };

// Writes one JSON value. The calls come in the order of the text; in an object each value follows
// its Key.
class JsonWriter {
 public:
  explicit JsonWriter(Layout layout) : indented_(layout == Layout::kIndented) {}

  void BeginObject() { Begin('{'); }
  void EndObject() { End('}'); }
  void BeginArray() { Begin('['); }
  void EndArray() { End(']'); }
  void Key(std::string_view key);
  void String(std::string_view value);
  void Number(double value);
  void Integer(int64_t value);
  void Bool(bool value);
  void Null();
  // Any JSON value.
  void Value(const google::protobuf::Value& value);

  std::string Take() { return std::move(text_); }

 private:
  void Begin(char bracket);
  void End(char bracket);
  // What stands before a value or key: a comma, a line break.
  void Separate();
  void NewLine();
  void Quote(std::string_view value);

  const bool indented_;
  std::string text_;
  std::vector<bool> empty_;  // of each open object or array
  bool after_key_ = false;
};

// As JavaScript prints it: "18499.9", "12", "1e+21".
std::string NumberText(double value);

// The proto3 JSON of a message, without a line break at the end.
std::string ProtoJson(const google::protobuf::Message& message, Layout layout);

}  // namespace tributary::command
