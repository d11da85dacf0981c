#pragma once

#include <string>
#include <string_view>

#include "server/ingest/answers.h"

namespace tributary {

// What one response has beside its answer.
struct ResponseFrame {
  unsigned version = 11;  // as Beast counts: 10 is HTTP/1.0
  bool keep_alive = true;
  bool bare = false;  // to a HEAD: with the length of the body, without the body
  std::string_view request_id = {};
};

// Appends `answer` as an HTTP/1 response to `out`.
void AppendResponse(const HttpAnswer& answer, const ResponseFrame& frame, std::string& out);

}  // namespace tributary
