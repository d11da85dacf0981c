#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace tributary {

// A length-delimited field of a message whose content is written where it will lie, so that no
// level of a message is put together elsewhere and copied. Between the constructor and End() or
// Drop() whatever is appended to `out` is its content; fields inside end before it.
class NestedField {
 public:
  NestedField(std::string& out, uint32_t number);

  // The content is complete.
  void End();
  // There is no such field after all: `out` is as it was.
  void Drop() { out_.resize(begin_); }

  bool empty() const { return out_.size() == content_; }

 private:
  std::string& out_;
  const size_t begin_;
  size_t content_;
};

}  // namespace tributary
