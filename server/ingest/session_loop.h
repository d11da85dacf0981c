#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "server/base/clock.h"
#include "server/cards/card_exchange.h"
#include "server/ingest/committer.h"
#include "server/ingest/inbox.h"
#include "server/ingest/webhook_server.h"
#include "server/model/webhook_decoder.h"

namespace tributary {

class HttpSession;

// What sessions are waiting for.
struct OutcomeItem {
  uint64_t session;
  absl::StatusOr<Outcome> outcome;
};
struct CardsItem {
  uint64_t session;
  CardExchange::Ticket ticket;  // of the view that the cards answer
  std::string cards;            // empty: none
};

// What the sessions of one server share. Outlives them.
struct SessionContext {
  const WebhookServerOptions& options;
  const WebhookDecoder& decoder;
  Committer& committer;
  CardExchange& cards;
  const Clock& clock;
  const std::function<bool()> ready;
  const WriteMetrics write_metrics;
  const std::function<void()> closed;   // called once per session, on its loop's thread
  const std::string request_id_prefix;  // tells the servers' own request ids apart
  std::atomic<bool> draining = false;
  HttpMetrics metrics = {};
};

// One thread and the connections that it serves, from their first byte to their last: nothing of
// them is shared with another thread, so nothing is locked. `context` must outlive it.
class SessionLoop {
 public:
  using Executor = boost::asio::io_context::executor_type;
  using Socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, Executor>;

  explicit SessionLoop(SessionContext& context);
  ~SessionLoop();
  SessionLoop(const SessionLoop&) = delete;
  SessionLoop& operator=(const SessionLoop&) = delete;

  // Runs what was posted. Called once.
  void Start();
  // Joins the thread and closes the connections. Called by the destructor too.
  void Stop();

  // For any thread:
  boost::asio::io_context& io() { return io_; }
  // Serves `socket`, which is one of this loop.
  void Serve(uint64_t id, Socket socket);
  // Ready once, at some moment from now on, no request that was read is unanswered.
  std::future<void> AllAnswered();

  // On its thread: ends the session that has waited longest for its peer to send a whole request,
  // if that is at least `patience`. False: there is none.
  bool MakeRoom(std::chrono::milliseconds patience);

  // For its sessions, on its thread:
  SessionContext& context() { return context_; }
  DecodeMemory& memory() { return memory_; }
  const std::shared_ptr<Inbox<OutcomeItem>>& outcomes() { return outcomes_; }
  const std::shared_ptr<Inbox<CardsItem>>& cards() { return cards_; }
  void Forget(uint64_t id);
  // Count the requests that were read and are not answered yet.
  void BeginAnswer() { ++under_way_; }
  void EndAnswer();

 private:
  void Run();
  // Hands each item that lies in `inbox` to its session.
  template <typename Item>
  void TakeFrom(Inbox<Item>& inbox, std::vector<Item>& items);

  SessionContext& context_;
  boost::asio::io_context io_;  // goes after all that lives on it
  boost::asio::executor_work_guard<Executor> work_;
  const std::shared_ptr<Inbox<OutcomeItem>> outcomes_;
  const std::shared_ptr<Inbox<CardsItem>> cards_;
  std::thread thread_;

  // Of the thread:
  DecodeMemory memory_;
  std::unordered_map<uint64_t, std::shared_ptr<HttpSession>> sessions_;
  std::vector<OutcomeItem> taken_outcomes_;
  std::vector<CardsItem> taken_cards_;
  int under_way_ = 0;
  std::vector<std::promise<void>> waiting_;  // for under_way_ to be 0
};

}  // namespace tributary
