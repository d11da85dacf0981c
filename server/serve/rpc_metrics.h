#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <deque>
#include <string>

#include "absl/status/status.h"
#include "google/protobuf/descriptor.h"
#include "server/base/metrics.h"

namespace tributary {

inline constexpr size_t kStatusCodes = 17;  // of gRPC, and of absl::Status: OK is 0

// What is measured of one method. Its calls come on many threads: methods do not share cache lines.
struct alignas(64) MethodMetrics {
  MethodMetrics(std::string method, bool streams) : name(std::move(method)), streaming(streams) {}

  void CountCall(absl::StatusCode code) { calls[static_cast<size_t>(code) % kStatusCodes].Add(); }

  const std::string name;  // "tributary.crm.v1.OpportunityService/GetOpportunity"
  const bool streaming;
  std::array<Counter, kStatusCodes> calls;  // that ended, by status
  Histogram latency{Histogram::kSeconds};   // unary: from the request to its answer
  Counter bytes;                            // of responses
};

// What is measured of all Watch streams together.
struct WatchMetrics {
  Counter messages;
  Counter changes;
};

// The methods of this server, each with its cells. Methods are added before it serves; then
// everything is thread-safe. What callers ask for makes no cells: methods that are not served share
// one.
class RpcMetrics {
 public:
  MethodMetrics& Add(const google::protobuf::MethodDescriptor& method);

  const std::deque<MethodMetrics>& methods() const { return methods_; }
  MethodMetrics& other() { return other_; }
  const MethodMetrics& other() const { return other_; }
  WatchMetrics& watch() { return watch_; }
  const WatchMetrics& watch() const { return watch_; }

 private:
  std::deque<MethodMetrics> methods_;  // they must not move
  MethodMetrics other_{"other", /*streams=*/true};
  WatchMetrics watch_;
};

}  // namespace tributary
