// The process: starting, refusing to start, stopping.

#include <chrono>
#include <fstream>
#include <string>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/e2e/daemon.h"
#include "tests/ingest/http_client.h"
#include "tests/testing/rpc.h"
#include "tests/testing/temp_dir.h"
#include "tributary/generic/v1/contact.pb.h"

namespace tributary {
namespace {

using testing::Daemon;
using ::testing::HasSubstr;
using testing::Process;
using testing::TempDir;

struct Ended {
  int code;
  std::string said;
};

// Runs tributaryd with `flags` where it is not expected to stay.
Ended RunWith(std::vector<std::string> flags) {
  flags.insert(flags.begin(), std::string(TRIBUTARY_BINARY_DIR) + "/bin/tributaryd");
  Process process(flags);
  const std::string said = process.ReadRest();
  return {process.Wait(), said};
}

std::vector<std::string> Flags(const TempDir& dir) {
  return {"--store=sqlite:" + dir.path() + "/test.db", "--grpc_address=127.0.0.1:0",
          "--http_address=127.0.0.1:0"};
}

TEST(DaemonStart, ASecondServerOnTheSameFileSaysSoAndLeavesItAlone) {
  const TempDir dir;
  Daemon first(dir.path());
  const Ended second = RunWith(Flags(dir));
  EXPECT_EQ(second.code, 1);
  EXPECT_THAT(second.said, HasSubstr("another process"));
  EXPECT_EQ(first.Stop(), 0);
}

TEST(DaemonStart, AForeignFileIsRefusedUnharmed) {
  const TempDir dir;
  const std::string path = dir.path() + "/test.db";
  std::ofstream(path) << "a letter to a friend";
  const Ended ended = RunWith(Flags(dir));
  EXPECT_EQ(ended.code, 1);
  EXPECT_NE(ended.said, "");
  std::ifstream in(path);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), "a letter to a friend");
}

TEST(DaemonStart, AFolderThatIsNotThereIsNamed) {
  const Ended ended = RunWith({"--store=sqlite:/nonexistent/folder/test.db"});
  EXPECT_EQ(ended.code, 1);
  EXPECT_THAT(ended.said, HasSubstr("/nonexistent/folder"));
}

TEST(DaemonStart, ATakenPortIsNamed) {
  const TempDir dir;
  const TempDir other;
  Daemon first(dir.path());
  for (const std::string& flag :
       {"--grpc_address=127.0.0.1:" + std::to_string(first.grpc_port()),
        "--http_address=127.0.0.1:" + std::to_string(first.http_port())}) {
    std::vector<std::string> flags = Flags(other);
    flags.push_back(flag);
    const Ended ended = RunWith(flags);
    EXPECT_EQ(ended.code, 1);
    EXPECT_THAT(ended.said, HasSubstr(flag.substr(flag.find('=') + 1)));
  }
}

TEST(DaemonStart, FlagsThatCannotBeAreRefusedWithTheSpellingThatWorks) {
  EXPECT_THAT(RunWith({"--idempotency_window=7"}).said, HasSubstr("7d"));
  EXPECT_THAT(RunWith({"--max_body_bytes=1000"}).said, HasSubstr("512KiB"));
  EXPECT_THAT(RunWith({"--grpc_adress=x"}).said, HasSubstr("grpc_adress"));
  EXPECT_THAT(RunWith({"--validation=maybe"}).said, HasSubstr("reject"));
  EXPECT_THAT(RunWith({"--store=mysql://x"}).said, HasSubstr("sqlite:PATH"));
  for (const char* timeout : {"--card_view_timeout=99ms", "--card_view_timeout=61s"}) {
    EXPECT_THAT(RunWith({timeout}).said, HasSubstr("must be from 100ms to 60s"));
  }
  EXPECT_THAT(RunWith({"--webhook_path=hooks"}).said, HasSubstr("must begin with /"));
  EXPECT_THAT(RunWith({"surplus"}).said, HasSubstr("surplus"));
  EXPECT_THAT(RunWith({"--history_retention=8d", "--tombstone_retention=7d"}).said,
              HasSubstr("--tombstone_retention=7d is less than --history_retention=8d"));
  for (const char* flag : {"--idempotency_window=7", "--validation=maybe", "surplus",
                           "--history_max_changes=-1", "--history_retention=30"}) {
    EXPECT_NE(RunWith({flag}).code, 0) << flag;
  }
}

TEST(DaemonStart, TheEnvironmentSetsWhatTheCommandLineDoesNot) {
  setenv("TRIBUTARY_MAX_STREAMS", "0", 1);
  EXPECT_THAT(RunWith({}).said, HasSubstr("max_streams=0"));
  setenv("TRIBUTARY_MAX_STREAMS", "many", 1);
  EXPECT_THAT(RunWith({}).said, HasSubstr("TRIBUTARY_MAX_STREAMS=\"many\""));
  unsetenv("TRIBUTARY_MAX_STREAMS");
}

TEST(DaemonStop, SigtermEndsStreamsAndExitsZeroWithinSeconds) {
  const TempDir dir;
  Daemon daemon(dir.path());
  testing::Stream<generic::v1::WatchContactsResponse> stream(
      testing::ChannelTo(daemon.grpc_port()), "/tributary.generic.v1.ContactService/WatchContacts",
      generic::v1::WatchContactsRequest());
  generic::v1::WatchContactsResponse response;
  ASSERT_TRUE(stream.Read(&response));
  // A client that reads, as clients do, while the server goes away.
  std::thread reading([&] {
    while (stream.Read(&response)) {
    }
  });
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(daemon.Stop(), 0);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
  reading.join();
  EXPECT_EQ(stream.Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(testing::ReasonIn(stream.context()), "SERVER_DRAINING");
}

TEST(DaemonStop, AnOpenConnectionDoesNotHoldItUp) {
  const TempDir dir;
  Daemon daemon(dir.path());
  testing::HttpClient client(daemon.http_port());
  const std::string request =
      testing::Webhook(R"({"event":"genericContact::created","data":{"id":"1","fields":{}}})")
          .Text();
  ASSERT_EQ(client.Ask(request)->status, 200);
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(daemon.Stop(), 0);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
}

}  // namespace
}  // namespace tributary
