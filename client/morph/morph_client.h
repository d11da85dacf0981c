#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "client/morph/http_getter.h"
#include "client/morph/morph_page.h"
#include "client/resource_client.h"
#include "client/retry.h"

namespace tributary {
inline namespace client {

struct MorphOptions {
  // https, or http to this machine.
  std::string url = "https://api.runmorph.dev";
  std::string api_key{};
  std::string api_secret{};  // never part of a message
  Scope scope{};             // the connection; both are needed
  int page_size = 100;       // what is asked for; connectors have limits of their own
  absl::Duration timeout = absl::Seconds(30);  // of one attempt
  int attempts_max = 6;
  BackoffPolicy backoff{.initial = absl::Seconds(1), .max = absl::Minutes(1)};
  // Whoever is told to wait for longer gives up.
  absl::Duration wait_max = absl::Minutes(5);
  // Told of each failure that is tried again, and after how long.
  std::function<void(const absl::Status&, absl::Duration)> on_retry{};
};

// Reads lists of Morph's REST API, page by page. What may pass (429, 5xx, an answer that broke off
// or is no list) is tried again, with growing waits, at least as long as Retry-After says. For one
// thread, but for Cancel.
class MorphClient {
 public:
  // INVALID_ARGUMENT: an option is not what it should be; which, but never what.
  static absl::StatusOr<std::unique_ptr<MorphClient>> Make(MorphOptions options,
                                                           Pacing pacing = {});

  // The page behind `cursor`; the first if that is empty. `path` as in "/v1/resources/…".
  //
  // UNAVAILABLE, DATA_LOSS: so still after the last attempt. UNAUTHENTICATED, PERMISSION_DENIED,
  // FAILED_PRECONDITION: any other answer, of which trying again makes no better one; the message
  // has what Morph says. RESOURCE_EXHAUSTED: the page is too large. CANCELLED.
  absl::StatusOr<MorphPage> ReadPage(std::string_view path, std::string_view cursor);

  // From any thread: what is under way ends soon, and whatever follows at once.
  void Cancel();

 private:
  MorphClient(MorphOptions options, Pacing pacing);

  absl::StatusOr<MorphPage> Attempt(const std::string& url, std::optional<absl::Duration>& asked);
  // `status` as it may be shown: without the key, the secret and line after line of HTML.
  absl::Status Presentable(std::string_view path, const absl::Status& status) const;

  const MorphOptions options_;
  const Pacing pacing_;
  absl::Notification cancelled_;
  std::atomic<bool> cancelling_ = false;
  HttpGetter getter_;
};

// The connector does not list the model, or has no fields of it to tell of: a failure that says
// nothing is wrong.
bool IsNotOffered(const absl::Status& status);

// `text` as it stands in a path or in a query.
std::string PercentEncoded(std::string_view text);

// One list from its first page to its last, and no further where there is none.
class MorphList {
 public:
  MorphList(MorphClient& client, std::string path) : client_(client), path_(std::move(path)) {}

  // The next page; nothing behind the last. The errors of ReadPage; ABORTED: the list has no end,
  // because a cursor came again, or for its length.
  absl::StatusOr<std::optional<MorphPage>> Next();

  // The source has said that nothing follows. A list that goes on with one empty page after the
  // other is ended without that.
  bool complete() const { return complete_; }

 private:
  MorphClient& client_;
  const std::string path_;
  std::string cursor_;
  absl::flat_hash_set<std::string> cursors_;  // all that came
  int empty_pages_ = 0;                       // in a row
  absl::Status status_;
  bool ended_ = false;
  bool complete_ = false;
};

}  // namespace client
}  // namespace tributary
