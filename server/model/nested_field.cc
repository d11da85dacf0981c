#include "server/model/nested_field.h"

#include "server/base/wire.h"

namespace tributary {

NestedField::NestedField(std::string& out, uint32_t number) : out_(out), begin_(out.size()) {
  wire::AppendBytes(out, number, {});  // the length of most contents takes one byte, too
  content_ = out.size();
}

void NestedField::End() {
  const size_t size = out_.size() - content_;
  if (size < 0x80) {
    out_[content_ - 1] = static_cast<char>(size);
    return;
  }
  std::string length;
  wire::AppendVarint(length, size);
  out_.replace(content_ - 1, 1, length);
}

}  // namespace tributary
