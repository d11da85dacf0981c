#pragma once

#include <stdio.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "client/command/verbs.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"
#include "gtest/gtest.h"
#include "tests/client/live_server.h"

namespace tributary::command {

// What a run left behind.
struct Outcome {
  int code = 0;
  std::string out;
  std::string err;
};

class TemporaryFile {
 public:
  TemporaryFile() : file_(tmpfile()) {}
  ~TemporaryFile() { fclose(file_); }

  int fd() const { return fileno(file_); }
  std::string Text() {
    rewind(file_);
    std::string text;
    for (int c; (c = fgetc(file_)) != EOF;) text += static_cast<char>(c);
    return text;
  }

 private:
  FILE* const file_;
};

// Runs verbs of the command in this process, against a whole server.
class CommandTest : public ::testing::Test {
 protected:
  CommandTest() {
    environment_ = {{"TRIBUTARY_ADDRESS", server_.grpc_address()},
                    {"TRIBUTARY_HTTP_ADDRESS", server_.http_address()},
                    {"TRIBUTARY_CONNECTOR", "hubspot"},
                    {"TRIBUTARY_OWNER", "acme"}};
  }

  Outcome Tributary(const std::vector<std::string>& line, const std::string& in = "") {
    TemporaryFile out_file;
    TemporaryFile err_file;
    Output out(out_file.fd());
    Output err(err_file.fd());
    std::istringstream input(in);
    Session session{out, err, input,
                    [this](const std::string& variable) -> std::optional<std::string> {
                      const auto found = environment_.find(variable);
                      if (found == environment_.end()) return std::nullopt;
                      return found->second;
                    },
                    "1.2.3"};
    const int code = RunCommand(line, session);
    return {code, out_file.Text(), err_file.Text()};
  }

  void PutStage(const std::string& id, const std::string& name) {
    server_.Put("crmStage", id, R"({"name":")" + name + R"(","type":"open"})");
  }

  testing::LiveServer server_;
  std::map<std::string, std::string> environment_;
};

inline std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline google::protobuf::Value ParseJson(const std::string& json) {
  google::protobuf::Value value;
  EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(json, &value).ok()) << json;
  return value;
}

}  // namespace tributary::command
