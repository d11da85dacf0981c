// What `tributary watch` shows of changes that stand for several, where the server was told to keep
// little of its history.

#include <chrono>
#include <filesystem>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/e2e/daemon.h"
#include "tests/e2e/shell.h"
#include "tests/ingest/http_client.h"
#include "tests/testing/rpc.h"
#include "tests/testing/temp_dir.h"
#include "tributary/v1/server.pb.h"

namespace tributary {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using testing::Daemon;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::OutputOf;
using testing::TempDir;

class CoalescedWatchTest : public ::testing::Test {
 protected:
  void Send(const std::string& trigger, const std::string& id, const std::string& name = "") {
    testing::HttpClient client(daemon_.http_port());
    const std::string body = R"({"event":"genericContact::)" + trigger + R"(","data":{"id":")" +
                             id + R"(","fields":{"firstName":")" + name + R"("}}})";
    const auto reply = client.Ask(testing::Webhook(body, std::to_string(++sent_)).Text());
    ASSERT_TRUE(reply.has_value());
    ASSERT_EQ(reply->status, 200) << reply->body;
  }

  // Until history no longer reaches back to `revision`.
  void WaitUntilPassed(int64_t revision) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    v1::GetServerInfoResponse info;
    do {
      ASSERT_TRUE(testing::Call(*testing::ChannelTo(daemon_.grpc_port()),
                                "/tributary.v1.ServerService/GetServerInfo",
                                v1::GetServerInfoRequest(), &info)
                      .ok());
      ASSERT_LT(std::chrono::steady_clock::now(), deadline) << info.ShortDebugString();
    } while (info.oldest_revision() <= revision);
  }

  std::string Watch(const std::string& token_file, const std::string& flags) {
    return OutputOf(TRIBUTARY_BINARY_DIR
                    "/bin/tributary watch contacts --connector=hubspot --owner=acme --stop_at_head"
                    " --address=127.0.0.1:" +
                    std::to_string(daemon_.grpc_port()) + " --follow_file=" + token_file + " " +
                    flags);
  }

  TempDir dir_;
  Daemon daemon_{dir_.path(), {"--history_max_changes=4"}};
  int sent_ = 0;
};

TEST_F(CoalescedWatchTest, IsMarkedInEachFormatAndTheTailIsNot) {
  const std::string token = dir_.File("token");
  Send("created", "a", "Ann");
  Send("created", "b", "Bob");
  EXPECT_THAT(Watch(token, ""), AllOf(ContainsRegex("existing +a"), Not(HasSubstr("*"))));
  for (int i = 0; i < 10; ++i) Send("updated", "a", "Ann" + std::to_string(i));
  Send("deleted", "b");
  const int64_t passed = sent_;
  for (int i = 0; i < 8; ++i) Send("updated", "filler", std::to_string(i));
  WaitUntilPassed(passed);
  daemon_.Kill();  // with it go the recent changes that it has in memory
  daemon_.Start();

  const std::string again = dir_.File("again");
  std::filesystem::copy_file(token, again);
  const std::string table = Watch(token, "");
  EXPECT_THAT(table, AllOf(ContainsRegex("updated\\* +a +Ann9"), ContainsRegex("deleted\\* +b"),
                           ContainsRegex("updated +filler +7"), Not(HasSubstr("Ann8"))));
  EXPECT_THAT(Watch(again, "--output=jsonl"),
              AllOf(ContainsRegex("\"id\":\"a\"[^\n]*\"coalesced\":true"),
                    ContainsRegex("\"id\":\"b\"[^\n]*\"coalesced\":true"),
                    Not(ContainsRegex("\"revision\":\"21\"[^\n]*\"coalesced\""))));
}

}  // namespace
}  // namespace tributary
