#pragma once

#include <functional>
#include <memory>
#include <string>

#include "grpcpp/support/byte_buffer.h"

namespace bench {

// Makes the requests of one caller, which calls one after the other, and checks the answers.
class Caller {
 public:
  virtual ~Caller() = default;
  virtual std::string Request() = 0;
  // How many items the answer brought; below 0 if it is not what it should be.
  virtual int64_t Answered(const grpc::ByteBuffer& answer) = 0;
};

struct UnaryLoad {
  std::string method;
  int in_flight = 1;
  int connections = 1;
  // Makes the caller of that number, from 0 to in_flight - 1.
  std::function<std::unique_ptr<Caller>(int)> make_caller;
};

// Drives it as --target, --seconds, --warmup, --rate and --count say; prints calls and items per
// second, latencies and bytes per answer. The exit code is 1 if any call failed.
int RunUnary(const UnaryLoad& load);

}  // namespace bench
