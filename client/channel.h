#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/security/credentials.h>

#include <memory>
#include <string>

#include "absl/time/time.h"

// An inline namespace: callers write tributary::Connect, and no name of the client can meet one of
// the server's in a program that links both.
namespace tributary {
inline namespace client {

struct ChannelOptions {
  // Null is plain text, as within one host or one trusted network.
  std::shared_ptr<grpc::ChannelCredentials> credentials{};
  // A quiet connection is pinged this often, with and without calls, so that one that a firewall
  // has dropped is noticed. The server permits a ping every 10 s.
  absl::Duration keepalive = absl::Seconds(20);
  // Every answer of the server is below 3 MiB.
  int message_bytes_max = 4 << 20;
};

// A channel to `address` ("host:port", "dns:///name:port", "unix:/path"). It connects with the
// first call, and again by itself, within seconds, whenever the connection is lost. Thread-safe;
// share one.
std::shared_ptr<grpc::Channel> Connect(const std::string& address,
                                       const ChannelOptions& options = {});

}  // namespace client
}  // namespace tributary
