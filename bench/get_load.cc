// Calls GetOpportunity again and again, with a number of calls in flight over a number of
// connections, and prints calls per second and latencies.
//
//   get_load HOST:PORT RESOURCES SECONDS IN_FLIGHT CONNECTIONS

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "grpcpp/create_channel.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/client_callback.h"
#include "tributary/crm/v1/opportunity.pb.h"

namespace {

using Clock = std::chrono::steady_clock;

std::atomic<bool> stopping{false};
std::atomic<int> running{0};
std::atomic<int> failed{0};

// One call after the other, each on a random resource.
class Caller {
 public:
  Caller(std::shared_ptr<grpc::Channel> channel, int resources, unsigned seed)
      : stub_(std::move(channel)), resources_(resources), random_(seed) {
    latencies_us_.reserve(1 << 20);
  }

  void Next() {
    if (stopping) {
      --running;
      return;
    }
    tributary::crm::v1::GetOpportunityRequest request;
    request.set_connector_id("hubspot");
    request.set_owner_id("acme");
    request.set_id(std::to_string(random_() % static_cast<unsigned>(resources_)));
    const grpc::Slice slice(request.SerializeAsString());
    request_ = grpc::ByteBuffer(&slice, 1);
    response_.Clear();
    context_ = std::make_unique<grpc::ClientContext>();
    begin_ = Clock::now();
    stub_.UnaryCall(context_.get(), "/tributary.crm.v1.OpportunityService/GetOpportunity",
                    grpc::StubOptions(), &request_, &response_, [this](const grpc::Status& status) {
                      const auto took = Clock::now() - begin_;
                      latencies_us_.push_back(static_cast<uint32_t>(
                          std::chrono::duration_cast<std::chrono::microseconds>(took).count()));
                      // What was not filled in yet is looked for all the same.
                      if (!status.ok() && status.error_code() != grpc::StatusCode::NOT_FOUND) {
                        ++failed;
                      }
                      Next();
                    });
  }

  const std::vector<uint32_t>& latencies_us() const { return latencies_us_; }

 private:
  grpc::GenericStub stub_;
  const int resources_;
  std::mt19937 random_;
  std::unique_ptr<grpc::ClientContext> context_;
  grpc::ByteBuffer request_;
  grpc::ByteBuffer response_;
  Clock::time_point begin_;
  std::vector<uint32_t> latencies_us_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    std::fprintf(stderr, "usage: get_load HOST:PORT RESOURCES SECONDS IN_FLIGHT CONNECTIONS\n");
    return 2;
  }
  const int resources = std::atoi(argv[2]);
  const int seconds = std::atoi(argv[3]);
  const int in_flight = std::atoi(argv[4]);
  const int connections = std::atoi(argv[5]);

  std::vector<std::shared_ptr<grpc::Channel>> channels;
  for (int i = 0; i < connections; ++i) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // or all share one connection
    channels.push_back(
        grpc::CreateCustomChannel(argv[1], grpc::InsecureChannelCredentials(), arguments));
  }
  std::vector<std::unique_ptr<Caller>> callers;
  running = in_flight;
  const auto begin = Clock::now();
  for (int i = 0; i < in_flight; ++i) {
    callers.push_back(std::make_unique<Caller>(channels[static_cast<size_t>(i % connections)],
                                               resources, static_cast<unsigned>(i)));
    callers.back()->Next();
  }
  std::this_thread::sleep_for(std::chrono::seconds(seconds));
  stopping = true;
  const double took = std::chrono::duration<double>(Clock::now() - begin).count();
  while (running > 0) std::this_thread::yield();

  std::vector<uint32_t> all;
  for (const auto& caller : callers) {
    all.insert(all.end(), caller->latencies_us().begin(), caller->latencies_us().end());
  }
  std::sort(all.begin(), all.end());
  if (all.empty() || failed > 0) {
    std::fprintf(stderr, "%d of %zu calls failed\n", failed.load(), all.size());
    return 1;
  }
  std::printf("%.0f %u %u\n", static_cast<double>(all.size()) / took, all[all.size() / 2],
              all[all.size() * 99 / 100]);
}
