#include "server/model/nested_field.h"

#include <string>

#include "gtest/gtest.h"
#include "server/base/wire.h"

namespace tributary {
namespace {

std::string Nested(size_t size) {
  std::string out = "before";
  NestedField outer(out, 1);
  out += "x";
  NestedField inner(out, 200);
  EXPECT_TRUE(inner.empty());
  out.append(size, 'y');
  inner.End();
  out += "z";
  outer.End();
  return out;
}

std::string PutTogether(size_t size) {
  std::string content = "x";
  wire::AppendBytes(content, 200, std::string(size, 'y'));
  content += "z";
  std::string out = "before";
  wire::AppendBytes(out, 1, content);
  return out;
}

TEST(NestedField, IsWhatAppendingTheFinishedContentGivesWhateverItsLength) {
  for (const size_t size : {0, 1, 120, 127, 128, 129, 16'383, 16'384, 3'000'000}) {
    EXPECT_TRUE(Nested(size) == PutTogether(size)) << size;
  }
}

TEST(NestedField, LeavesNothingBehindWhenItIsDropped) {
  std::string out = "before";
  NestedField outer(out, 5);
  NestedField inner(out, 6);
  out.append(1000, 'x');
  inner.Drop();
  EXPECT_TRUE(outer.empty());
  outer.Drop();
  EXPECT_EQ(out, "before");
}

}  // namespace
}  // namespace tributary
