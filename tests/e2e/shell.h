#pragma once

#include <cstdio>
#include <string>

#include "gtest/gtest.h"

namespace tributary::testing {

// What `command` prints; it has to succeed.
inline std::string OutputOf(const std::string& command) {
  std::FILE* pipe = popen(command.c_str(), "r");
  std::string out;
  char buffer[4096];
  for (size_t n = 0; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;) out.append(buffer, n);
  EXPECT_EQ(pclose(pipe), 0) << command << "\n" << out;
  return out;
}

}  // namespace tributary::testing
