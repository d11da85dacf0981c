#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/base/strings.h"
#include "tests/model/decoding.h"
#include "tributary/generic/v1/company.pb.h"

// Bodies made in code, and what is asked of what became of them.
namespace tributary::testing {

inline std::string Repeated(std::string_view text, size_t times) {
  std::string out;
  for (size_t i = 0; i < times; ++i) out += text;
  return out;
}

inline std::string Quoted(size_t bytes) {
  return absl::StrCat("\"", std::string(bytes, 'x'), "\"");
}

// {"event":"genericCompany::updated","data":{"id":"1",<rest>}}
inline std::string CompanyBody(std::string_view rest) {
  return absl::StrCat(R"({"event":"genericCompany::updated","data":{"id":"1")",
                      rest.empty() ? "" : ",", Absl(rest), "}}");
}

inline std::string WithFields(std::string_view fields) {
  return CompanyBody(absl::StrCat("\"fields\":{", Absl(fields), "}"));
}

// `levels` lists or objects around a null.
inline std::string Lists(int levels) {
  return Repeated("[", levels) + "null" + Repeated("]", levels);
}
inline std::string Objects(int levels) {
  return Repeated("{\"a\":", levels) + "null" + Repeated("}", levels);
}

template <typename Message = generic::v1::Company>
Message Own(const DecodedWebhook& decoded) {
  EXPECT_EQ(decoded.refusal, DecodedWebhook::Refusal::kNone);
  if (decoded.delivery.mutations.empty()) return {};
  return ParseState<Message>(decoded.delivery.mutations.back());
}

inline std::vector<std::string> WarnedFields(const generic::v1::Company& company) {
  std::vector<std::string> fields;
  for (const v1::Warning& warning : company.warnings()) fields.push_back(warning.field());
  return fields;
}

}  // namespace tributary::testing
