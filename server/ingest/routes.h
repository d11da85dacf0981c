#pragma once

#include <memory_resource>
#include <string_view>

#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/message.hpp>

#include "server/base/exposition.h"
#include "server/ingest/answers.h"
#include "server/model/webhook_decoder.h"

namespace tributary {

// The fields of a request lie in memory of its session.
using RequestFields = boost::beast::http::basic_fields<std::pmr::polymorphic_allocator<char>>;
using RequestHeader = boost::beast::http::header<true, RequestFields>;

// What a request asks for, as far as its header tells.
struct Route {
  enum class Target { kWebhook, kHealth, kReady, kMetrics, kRefused };

  Target target = Target::kRefused;
  WebhookHeaders webhook;                                        // kWebhook
  Exposition::Format format = Exposition::Format::kOpenMetrics;  // kMetrics
  HttpAnswer refusal;                                            // kRefused
};

// Judges the header of a request: path, method, coding, content type, and the headers that say
// whose webhook it is. What it returns refers to nothing of `request`.
Route RouteRequest(const RequestHeader& request, std::string_view webhook_path);

}  // namespace tributary
