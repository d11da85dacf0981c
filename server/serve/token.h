#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "server/store/types.h"
#include "server/watch/position.h"

namespace tributary {

// What a token is bound to: it is refused for any other request. View, page_size, include_previous
// and heartbeat_interval are not part of it.
struct TokenBinding {
  std::string store_id;
  Selection selection;
  std::string filter;    // byte for byte
  std::string order_by;  // List only
  bool feed = false;     // of the feed, whatever models it is narrowed to
  std::optional<Revision> read_revision = std::nullopt;  // List only; none: any
};

// Where a List goes on.
struct PagePosition {
  Revision revision = 0;   // of the first page: the whole List shows it
  Key last;                // everything up to this key was answered
  std::string value = {};  // of `last`, by which the List is ordered; empty without an order
};

// Tokens are opaque outside, URL-safe, versioned and checksummed: a garbled one is refused before
// anything is read, and one of an older server keeps working. They are not secret and not signed: a
// token gives no access that the request would not have without it.
std::string EncodePageToken(const TokenBinding& binding, const PagePosition& position);

// INVALID_ARGUMENT: PAGE_TOKEN_MALFORMED, or PAGE_TOKEN_MISMATCH with metadata `differs`.
absl::StatusOr<PagePosition> DecodePageToken(std::string_view token, const TokenBinding& binding);

// Makes the resume tokens of one stream: what they are bound to is hashed once.
class ResumeTokens {
 public:
  explicit ResumeTokens(const TokenBinding& binding);

  // `committed_us`: when the change at the position was committed, 0 if not known. A store that was
  // restored from a backup has the same id but another change there.
  std::string Encode(const Position& position, int64_t committed_us) const;

 private:
  std::string begin_;  // of every token's bytes
};

struct ResumePoint {
  Position position;
  int64_t committed_us = 0;
};

// INVALID_ARGUMENT: RESUME_TOKEN_MALFORMED, RESUME_TOKEN_OTHER_STORE, or RESUME_TOKEN_OTHER_REQUEST
// with metadata `differs`.
absl::StatusOr<ResumePoint> DecodeResumeToken(std::string_view token, const TokenBinding& binding);

}  // namespace tributary
