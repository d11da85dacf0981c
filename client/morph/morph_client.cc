#include "client/morph/morph_client.h"

#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"

namespace tributary {
inline namespace client {
namespace {

constexpr char kCodePayload[] = "tributary/morph_code";
constexpr size_t kMessageBytesMax = 300;
// A connector that pages by date names a next page for ever.
constexpr int kEmptyPagesMax = 10;
// More than any CRM holds, at 20 to a page.
constexpr size_t kPagesMax = 1'000'000;

// "https://api.runmorph.dev"; false if it is none that a secret may be sent to.
bool IsUsable(std::string_view url) {
  const bool tls = url.starts_with("https://");
  if (!tls && !url.starts_with("http://")) return false;
  std::string_view host = url.substr(tls ? 8 : 7);
  host = host.substr(0, host.find('/'));
  if (host.empty() || url.find_first_of("@?# \\") != std::string_view::npos) return false;
  for (const char c : url) {
    if (!absl::ascii_isgraph(static_cast<unsigned char>(c))) return false;
  }
  if (tls) return true;
  if (host.starts_with("[::1]")) return true;
  host = host.substr(0, host.find(':'));
  return host == "localhost" || (host.starts_with("127.") &&
                                 host.find_first_not_of("0123456789.") == std::string_view::npos);
}

// Whether it can stand in a header.
bool IsHeaderText(std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) return false;
  }
  return !text.empty();
}

absl::Status Check(const MorphOptions& options) {
  if (!IsUsable(options.url)) {
    return absl::InvalidArgumentError(
        "Morph's address must be https://HOST, or http:// to this machine, without a user in it");
  }
  for (const auto& [name, value] :
       {std::pair{"API key", &options.api_key}, std::pair{"API secret", &options.api_secret},
        std::pair{"connector", &options.scope.connector_id},
        std::pair{"owner", &options.scope.owner_id}}) {
    if (!IsHeaderText(*value)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "the ", name, value->empty() ? " must be given" : " must not hold control characters"));
    }
  }
  return absl::OkStatus();
}

std::vector<std::string> HeadersOf(const MorphOptions& options) {
  return {"Accept: application/json", absl::StrCat("x-api-key: ", options.api_key),
          absl::StrCat("x-api-secret: ", options.api_secret),
          absl::StrCat("x-connector-id: ", options.scope.connector_id),
          absl::StrCat("x-owner-id: ", options.scope.owner_id)};
}

bool MayPass(const absl::Status& status) {
  return status.code() == absl::StatusCode::kUnavailable ||
         status.code() == absl::StatusCode::kDataLoss;
}

absl::StatusCode StatusCodeOf(int http) {
  if (http == 408 || http == 429 || http >= 500) return absl::StatusCode::kUnavailable;
  if (http == 401) return absl::StatusCode::kUnauthenticated;
  if (http == 403) return absl::StatusCode::kPermissionDenied;
  return absl::StatusCode::kFailedPrecondition;
}

absl::Status StatusOf(const HttpAnswer& answer) {
  const MorphProblem problem = ParseMorphProblem(answer.body);
  std::string text = absl::StrCat("HTTP ", answer.status);
  if (!problem.code.empty()) absl::StrAppend(&text, " ", problem.code);
  if (!problem.message.empty()) absl::StrAppend(&text, ": ", problem.message);
  absl::Status status(StatusCodeOf(answer.status), text);
  if (!problem.code.empty()) status.SetPayload(kCodePayload, absl::Cord(problem.code));
  return status;
}

// Cut between characters.
std::string Clipped(std::string text) {
  if (text.size() <= kMessageBytesMax) return text;
  size_t end = kMessageBytesMax;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end) + "…";
}

}  // namespace

absl::StatusOr<std::unique_ptr<MorphClient>> MorphClient::Make(MorphOptions options,
                                                               Pacing pacing) {
  if (absl::Status status = Check(options); !status.ok()) return status;
  while (options.url.ends_with('/')) options.url.pop_back();
  return std::unique_ptr<MorphClient>(new MorphClient(std::move(options), std::move(pacing)));
}

MorphClient::MorphClient(MorphOptions options, Pacing pacing)
    : options_(std::move(options)),
      pacing_(std::move(pacing)),
      getter_({.headers = HeadersOf(options_), .timeout = options_.timeout}, cancelled_) {}

absl::StatusOr<MorphPage> MorphClient::ReadPage(std::string_view path, std::string_view cursor) {
  std::string url = absl::StrCat(options_.url, std::string(path), "?limit=", options_.page_size);
  if (!cursor.empty()) absl::StrAppend(&url, "&cursor=", PercentEncoded(cursor));
  Backoff backoff(options_.backoff, pacing_.jitter);
  for (int attempt = 1;; ++attempt) {
    if (cancelled_.HasBeenNotified()) return absl::CancelledError("cancelled");
    std::optional<absl::Duration> asked;
    absl::StatusOr<MorphPage> page = Attempt(url, asked);
    if (page.ok()) return page;
    const absl::Status status = Presentable(path, page.status());
    if (!MayPass(status) || attempt >= options_.attempts_max) return status;
    const absl::Duration wait = backoff.Next(asked);
    if (wait > options_.wait_max) {
      return absl::Status(status.code(), absl::StrCat(std::string(status.message()), "; try in ",
                                                      absl::FormatDuration(wait)));
    }
    if (options_.on_retry) options_.on_retry(status, wait);
    pacing_.sleep(wait, cancelled_);
  }
}

absl::StatusOr<MorphPage> MorphClient::Attempt(const std::string& url,
                                               std::optional<absl::Duration>& asked) {
  // What is deleted from here on may still be on the page.
  const absl::Time read_at = pacing_.now();
  absl::StatusOr<HttpAnswer> answer = getter_.Get(url);
  if (!answer.ok()) return answer.status();
  if (answer->status < 200 || answer->status >= 300) {
    asked = answer->retry_after;
    return StatusOf(*answer);
  }
  absl::StatusOr<MorphPage> page = ParseMorphPage(std::move(answer->body));
  if (page.ok()) page->read_at = read_at;
  return page;
}

absl::Status MorphClient::Presentable(std::string_view path, const absl::Status& status) const {
  const std::string said = absl::StrReplaceAll(
      status.message(), {{options_.api_secret, "[secret]"}, {options_.api_key, "[key]"}});
  absl::Status presentable(
      status.code(), Clipped(absl::StrCat("Morph, asked for ", std::string(path), ": ", said)));
  status.ForEachPayload([&](absl::string_view type, const absl::Cord& payload) {
    presentable.SetPayload(type, payload);
  });
  return presentable;
}

void MorphClient::Cancel() {
  if (!cancelling_.exchange(true)) cancelled_.Notify();
}

bool IsNotOffered(const absl::Status& status) {
  const auto code = status.GetPayload(kCodePayload);
  return code.has_value() && (*code == "CONNECTOR::OPERATION::NOT_FOUND" ||
                              *code == "CONNECTOR::RESOURCE_MODEL::NOT_FOUND");
}

std::string PercentEncoded(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (absl::ascii_isalnum(byte) || absl::StrContains("-._~", absl::string_view(&c, 1))) {
      encoded += c;
    } else {
      absl::StrAppendFormat(&encoded, "%%%02X", static_cast<unsigned>(byte));
    }
  }
  return encoded;
}

absl::StatusOr<std::optional<MorphPage>> MorphList::Next() {
  if (!status_.ok()) return status_;
  if (ended_) return std::nullopt;
  absl::StatusOr<MorphPage> page = client_.ReadPage(path_, cursor_);
  if (!page.ok()) return status_ = page.status();
  empty_pages_ = page->items.empty() ? empty_pages_ + 1 : 0;
  // An empty page that leads to itself is how some say that there is no more.
  complete_ = page->next.empty() || (page->items.empty() && page->next == cursor_);
  ended_ = complete_ || empty_pages_ >= kEmptyPagesMax;
  if (!ended_ && !cursors_.insert(page->next).second) {
    status_ = absl::AbortedError(absl::StrCat("the list at ", path_, " has no end: the cursor ",
                                              Clipped(page->next), " came before"));
  } else if (cursors_.size() > kPagesMax) {
    status_ = absl::AbortedError(
        absl::StrCat("the list at ", path_, " has more than ", kPagesMax, " pages"));
  }
  cursor_ = page->next;
  return *std::move(page);
}

}  // namespace client
}  // namespace tributary
