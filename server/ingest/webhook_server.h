#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/base/clock.h"
#include "server/base/exposition.h"
#include "server/base/metrics.h"
#include "server/cards/card_exchange.h"
#include "server/ingest/committer.h"
#include "server/model/webhook_decoder.h"

namespace tributary {

struct WebhookServerOptions {
  std::string address = "127.0.0.1:8080";  // host:port; port 0 picks one
  std::string webhook_path = "/webhooks";
  size_t body_bytes_max = 1024 * 1024;
  int connections_max = 1024;                          // further ones wait in the kernel's queue,
  std::chrono::milliseconds crowded_time_max{1'000};   // and take the place of one that has sent no
                                                       // whole request for so long
  int threads = 0;                                     // 0: one for every two cores, at most 4
  std::chrono::milliseconds read_time_max{10'000};     // for one request, from its first byte
  std::chrono::milliseconds idle_time_max{60'000};     // between requests
  std::chrono::milliseconds card_view_timeout{3'000};  // for the receiver's answer to a card view
};

// What is measured of the HTTP side itself.
struct HttpMetrics {
  static constexpr size_t kStatusMax = 600;
  std::array<Counter, kStatusMax> answers;  // by status
};

// Writes all that the service measures.
using WriteMetrics = std::function<void(const HttpMetrics&, Exposition&)>;
inline void ShowNothing(const HttpMetrics&, Exposition&) {}

// The HTTP side: POST `webhook_path`, GET /healthz (the process lives), GET /readyz (it takes work)
// and GET /metrics.
//
// A webhook is decoded on the thread that read it, handed to the committer, and answered when its
// batch is on disk; one that wants cards is handed to the exchange at the same time, and its answer
// waits for both. A connection has one request under way. Whatever bytes arrive, the process goes
// on. Thread-safe; everything given must outlive it.
class WebhookServer {
 public:
  virtual ~WebhookServer() = default;

  // How many threads decode webhooks.
  static int ThreadsOf(const WebhookServerOptions& options);

  // GET /metrics shows what `write_metrics` writes.
  // FAILED_PRECONDITION if the address can't be bound, with the reason in words.
  static absl::StatusOr<std::unique_ptr<WebhookServer>> Start(
      WebhookServerOptions options, const WebhookDecoder& decoder, Committer& committer,
      CardExchange& cards, const Clock& clock, std::function<bool()> ready,
      WriteMetrics write_metrics = ShowNothing);

  virtual int port() const = 0;

  // From now on webhooks get 503 (SERVER_DRAINING) and no new connection is taken; those under way
  // are answered. /readyz says 503.
  virtual void Drain() = 0;

  // Waits for the answers under way, at most `grace`, then closes everything.
  virtual void Stop(std::chrono::milliseconds grace) = 0;
};

}  // namespace tributary
