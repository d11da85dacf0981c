#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tributary {

// An instant as google.protobuf.Timestamp holds it.
struct Instant {
  int64_t seconds = 0;  // since 1970
  int32_t nanos = 0;    // 0 … 999999999, counted forward also before 1970

  int64_t Micros() const { return seconds * 1'000'000 + nanos / 1'000; }
};

// Reads the forms that connectors send: ISO 8601 with `Z` or an offset; `YYYY-MM-DD HH:MM:SS`, UTC
// where no zone is given; a date alone, midnight UTC. Of a fraction nine digits count. None if the
// text is anything else, names a day or a time that does not exist, or lies outside the years 1 to
// 9999.
std::optional<Instant> ParseInstant(std::string_view text);

// The form that ParseInstant reads back as the same: "2025-06-03T10:05:30.777Z". Empty if there is
// none, for what lies outside those years.
std::string InstantText(const Instant& instant);

// Reads an encoded google.protobuf.Timestamp; what is malformed counts as absent.
Instant DecodeTimestamp(std::string_view bytes);

// Encodes a google.protobuf.Timestamp.
std::string EncodeTimestamp(const Instant& instant);

}  // namespace tributary
