#include "server/ingest/response_text.h"

#include <boost/beast/http/status.hpp>

#include "absl/strings/str_cat.h"
#include "server/base/strings.h"

namespace tributary {
namespace {

// What HTTP/1.1 takes for granted HTTP/1.0 does not, and the other way round.
std::string_view ConnectionHeader(const ResponseFrame& frame) {
  const bool persists = frame.version >= 11;
  if (frame.keep_alive == persists) return {};
  return frame.keep_alive ? "connection: keep-alive\r\n" : "connection: close\r\n";
}

}  // namespace

void AppendResponse(const HttpAnswer& answer, const ResponseFrame& frame, std::string& out) {
  const auto reason =
      boost::beast::http::obsolete_reason(static_cast<boost::beast::http::status>(answer.status));
  absl::StrAppend(&out, frame.version >= 11 ? "HTTP/1.1 " : "HTTP/1.0 ", answer.status, " ",
                  absl::string_view(reason.data(), reason.size()));
  absl::StrAppend(&out, "\r\ncontent-type: ", Absl(answer.content_type),
                  "\r\nx-request-id: ", Absl(frame.request_id), "\r\n", answer.headers);
  absl::StrAppend(&out, Absl(ConnectionHeader(frame)), "content-length: ", answer.body.size(),
                  "\r\n\r\n");
  if (!frame.bare) out += answer.body;
}

}  // namespace tributary
