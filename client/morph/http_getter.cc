#include "client/morph/http_getter.h"

#include <curl/curl.h>

#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"

namespace tributary {
inline namespace client {
namespace {

// Once in the life of the process, before its first transfer.
void InitCurl() {
  [[maybe_unused]] static const CURLcode done = curl_global_init(CURL_GLOBAL_DEFAULT);
}

absl::StatusCode StatusCodeOf(CURLcode code) {
  switch (code) {
    case CURLE_ABORTED_BY_CALLBACK:
      return absl::StatusCode::kCancelled;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
      return absl::StatusCode::kFailedPrecondition;
    default:
      return absl::StatusCode::kUnavailable;
  }
}

}  // namespace

// The handle of the library, and what its calls back need.
class HttpGetter::Transfer {
 public:
  Transfer(Options options, const absl::Notification& cancelled)
      : options_(std::move(options)), cancelled_(cancelled) {
    InitCurl();
    curl_.reset(curl_easy_init());
    for (const std::string& header : options_.headers) {
      headers_.reset(curl_slist_append(headers_.release(), header.c_str()));
    }
    Set(CURLOPT_HTTPHEADER, headers_.get());
    Set(CURLOPT_USERAGENT, "tributary");
    Set(CURLOPT_ACCEPT_ENCODING, "");  // whatever the library can unpack
    Set(CURLOPT_PROTOCOLS_STR, "http,https");
    Set(CURLOPT_FOLLOWLOCATION, 0L);
    Set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    Set(CURLOPT_NOSIGNAL, 1L);
    Set(CURLOPT_TIMEOUT_MS, static_cast<long>(absl::ToInt64Milliseconds(options_.timeout)));
    Set(CURLOPT_ERRORBUFFER, error_);
    Set(CURLOPT_WRITEFUNCTION, &Transfer::OnBody);
    Set(CURLOPT_WRITEDATA, this);
    Set(CURLOPT_NOPROGRESS, 0L);
    Set(CURLOPT_XFERINFOFUNCTION, &Transfer::OnProgress);
    Set(CURLOPT_XFERINFODATA, this);
  }

  absl::StatusOr<HttpAnswer> Get(const std::string& url) {
    answer_ = {};
    error_[0] = '\0';
    too_large_ = false;
    Set(CURLOPT_URL, url.c_str());
    const CURLcode code = curl_easy_perform(curl_.get());
    if (too_large_) {
      return absl::ResourceExhaustedError(
          absl::StrCat("an answer of more than ", options_.body_bytes_max, " bytes"));
    }
    if (code != CURLE_OK) {
      return absl::Status(StatusCodeOf(code),
                          error_[0] != '\0' ? error_ : curl_easy_strerror(code));
    }
    long status = 0;
    curl_easy_getinfo(curl_.get(), CURLINFO_RESPONSE_CODE, &status);
    answer_.status = static_cast<int>(status);
    curl_off_t seconds = 0;  // also of a date
    curl_easy_getinfo(curl_.get(), CURLINFO_RETRY_AFTER, &seconds);
    if (seconds > 0) answer_.retry_after = absl::Seconds(seconds);
    return std::move(answer_);
  }

 private:
  struct Free {
    void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
  };

  template <typename Value>
  void Set(CURLoption option, Value value) {
    curl_easy_setopt(curl_.get(), option, value);
  }

  static size_t OnBody(char* data, size_t, size_t size, void* self) {
    auto& transfer = *static_cast<Transfer*>(self);
    std::string& body = transfer.answer_.body;
    transfer.too_large_ = size > transfer.options_.body_bytes_max - body.size();
    if (transfer.too_large_) return 0;  // ends the transfer
    body.append(data, size);
    return size;
  }

  static int OnProgress(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    return static_cast<Transfer*>(self)->cancelled_.HasBeenNotified() ? 1 : 0;
  }

  const Options options_;
  const absl::Notification& cancelled_;
  std::unique_ptr<curl_slist, Free> headers_;
  char error_[CURL_ERROR_SIZE] = {};
  HttpAnswer answer_;
  bool too_large_ = false;
  std::unique_ptr<CURL, Free> curl_;
};

HttpGetter::HttpGetter(Options options, const absl::Notification& cancelled)
    : transfer_(std::make_unique<Transfer>(std::move(options), cancelled)) {}

HttpGetter::~HttpGetter() = default;

absl::StatusOr<HttpAnswer> HttpGetter::Get(const std::string& url) { return transfer_->Get(url); }

}  // namespace client
}  // namespace tributary
