#include "server/ingest/session_loop.h"

#include <exception>
#include <utility>

#include <boost/asio/post.hpp>

#include "absl/strings/str_cat.h"
#include "server/base/log.h"
#include "server/ingest/http_session.h"

namespace tributary {

namespace asio = boost::asio;

SessionLoop::SessionLoop(SessionContext& context)
    : context_(context),
      io_(/*concurrency_hint=*/1),
      work_(io_.get_executor()),
      outcomes_(std::make_shared<Inbox<OutcomeItem>>(
          [this] { asio::post(io_, [this] { TakeFrom(*outcomes_, taken_outcomes_); }); })),
      cards_(std::make_shared<Inbox<CardsItem>>(
          [this] { asio::post(io_, [this] { TakeFrom(*cards_, taken_cards_); }); })) {}

SessionLoop::~SessionLoop() { Stop(); }

void SessionLoop::Start() {
  thread_ = std::thread([this] { Run(); });
}

// Sessions catch what is thrown in them; what is thrown around them, for want of memory, must not
// end the process either.
void SessionLoop::Run() {
  for (;;) {
    try {
      io_.run();
      return;
    } catch (const std::exception& exception) {
      LogError(absl::StrCat("HTTP: ", exception.what()));
    }
  }
}

void SessionLoop::Stop() {
  outcomes_->Close();
  cards_->Close();
  io_.stop();
  if (thread_.joinable()) thread_.join();
  sessions_.clear();
}

void SessionLoop::Serve(uint64_t id, Socket socket) {
  asio::post(io_, [this, id, socket = std::move(socket)]() mutable {
    auto session = std::make_shared<HttpSession>(id, std::move(socket), *this);
    sessions_.emplace(id, session);
    session->Start();
  });
}

std::future<void> SessionLoop::AllAnswered() {
  std::promise<void> promise;
  std::future<void> answered = promise.get_future();
  asio::post(io_, [this, promise = std::move(promise)]() mutable {
    if (under_way_ == 0) {
      promise.set_value();
    } else {
      waiting_.push_back(std::move(promise));
    }
  });
  return answered;
}

bool SessionLoop::MakeRoom(std::chrono::milliseconds patience) {
  auto longest = std::chrono::steady_clock::now() - patience;
  std::shared_ptr<HttpSession> found;
  for (const auto& [id, session] : sessions_) {
    const auto since = session->waiting_since();
    if (!since.has_value() || *since > longest) continue;
    longest = *since;
    found = session;
  }
  if (found != nullptr) found->MakeRoom();
  return found != nullptr;
}

void SessionLoop::Forget(uint64_t id) { sessions_.erase(id); }

void SessionLoop::EndAnswer() {
  if (--under_way_ > 0) return;
  for (std::promise<void>& promise : waiting_) promise.set_value();
  waiting_.clear();
}

template <typename Item>
void SessionLoop::TakeFrom(Inbox<Item>& inbox, std::vector<Item>& items) {
  items.clear();
  inbox.Take(items);
  for (const Item& item : items) {
    const auto found = sessions_.find(item.session);
    if (found == sessions_.end()) continue;
    const std::shared_ptr<HttpSession> session = found->second;  // it may be forgotten meanwhile
    session->webhook().Take(item);
    session->OnNews();
  }
}

}  // namespace tributary
