#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"

namespace tributary {
inline namespace client {

// What a server answered, whatever its status says.
struct HttpAnswer {
  int status = 0;
  std::string body;
  std::optional<absl::Duration> retry_after;
};

// GETs, one after the other, over a connection that is kept. The certificate of an https server is
// verified against those that the system trusts; a redirect is an answer like any other, because
// the headers may hold what is for one server only; and a proxy is used as the environment says
// (https_proxy). For one thread.
class HttpGetter {
 public:
  struct Options {
    std::vector<std::string> headers{};  // "name: value", sent with each
    absl::Duration timeout = absl::Seconds(30);
    size_t body_bytes_max = 64 << 20;  // unpacked
  };

  // Once `cancelled` is notified, from whatever thread, what is under way ends soon. It has to
  // outlive this.
  HttpGetter(Options options, const absl::Notification& cancelled);
  ~HttpGetter();

  // UNAVAILABLE: no connection, or not all of an answer within the timeout; it may work later.
  // FAILED_PRECONDITION: no certificate that can be trusted, or no http at all.
  // RESOURCE_EXHAUSTED: the body is too large. CANCELLED.
  absl::StatusOr<HttpAnswer> Get(const std::string& url);

 private:
  class Transfer;

  const std::unique_ptr<Transfer> transfer_;
};

}  // namespace client
}  // namespace tributary
