#include "server/model/time_text.h"

#include "absl/strings/ascii.h"
#include "absl/time/time.h"
#include "server/base/wire.h"

namespace tributary {
namespace {

constexpr int64_t kSecondsPerDay = 86'400;
constexpr int32_t kNanosPerSecond = 1'000'000'000;
constexpr int64_t kFirstSecond = -62'135'596'800;  // 0001-01-01T00:00:00Z
constexpr int64_t kLastSecond = 253'402'300'799;   // 9999-12-31T23:59:59Z

bool IsDigit(char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); }

// Takes the text apart from the left; each step says whether what it asks for was there.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  bool AtEnd() const { return rest_.empty(); }

  bool Skip(char c) {
    if (rest_.empty() || rest_[0] != c) return false;
    rest_.remove_prefix(1);
    return true;
  }

  bool SkipAny(std::string_view characters) {
    if (rest_.empty() || characters.find(rest_[0]) == std::string_view::npos) return false;
    rest_.remove_prefix(1);
    return true;
  }

  // Exactly `digits` digits, between `least` and `greatest`.
  bool Number(int digits, int least, int greatest, int& value) {
    if (rest_.size() < static_cast<size_t>(digits)) return false;
    value = 0;
    for (int i = 0; i < digits; ++i) {
      if (!IsDigit(rest_[static_cast<size_t>(i)])) return false;
      value = value * 10 + (rest_[static_cast<size_t>(i)] - '0');
    }
    rest_.remove_prefix(static_cast<size_t>(digits));
    return value >= least && value <= greatest;
  }

  // One digit or more, as nanoseconds.
  bool Fraction(int32_t& nanos) {
    nanos = 0;
    int32_t unit = 100'000'000;
    size_t digits = 0;
    for (; digits < rest_.size() && IsDigit(rest_[digits]); ++digits) {
      nanos += (rest_[digits] - '0') * unit;
      unit /= 10;
    }
    rest_.remove_prefix(digits);
    return digits > 0;
  }

 private:
  std::string_view rest_;
};

int DaysInMonth(int year, int month) {
  constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return month == 2 && leap ? 29 : kDays[month - 1];
}

// Days from 1970-01-01 in the proleptic Gregorian calendar: years are counted from March, so that
// the leap day is the last of its year.
int64_t DaysSinceEpoch(int year, int month, int day) {
  const int64_t y = month <= 2 ? year - 1 : year;
  const int64_t era = y / 400;
  const int64_t year_of_era = y - era * 400;
  const int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  const int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146'097 + day_of_era - 719'468;
}

// `Z`, `+HH:MM`, `+HHMM`, `+HH` or nothing.
bool ScanZone(Scanner& in, int64_t& offset_seconds) {
  offset_seconds = 0;
  if (in.AtEnd() || in.SkipAny("Zz")) return true;
  int sign = 1;
  if (in.Skip('-')) {
    sign = -1;
  } else if (!in.Skip('+')) {
    return false;
  }
  int hours = 0;
  int minutes = 0;
  if (!in.Number(2, 0, 23, hours)) return false;
  in.Skip(':');
  if (!in.AtEnd() && !in.Number(2, 0, 59, minutes)) return false;
  offset_seconds = int64_t{sign} * (hours * 3'600 + minutes * 60);
  return true;
}

}  // namespace

std::optional<Instant> ParseInstant(std::string_view text) {
  Scanner in(text);
  int year = 0;
  int month = 0;
  int day = 0;
  if (!in.Number(4, 1, 9999, year) || !in.Skip('-') || !in.Number(2, 1, 12, month) ||
      !in.Skip('-') || !in.Number(2, 1, DaysInMonth(year, month), day)) {
    return std::nullopt;
  }
  Instant instant;
  instant.seconds = DaysSinceEpoch(year, month, day) * kSecondsPerDay;
  if (in.AtEnd()) return instant;

  int hour = 0;
  int minute = 0;
  int second = 0;
  int64_t offset = 0;
  if (!in.SkipAny("Tt ") || !in.Number(2, 0, 23, hour) || !in.Skip(':') ||
      !in.Number(2, 0, 59, minute)) {
    return std::nullopt;
  }
  if (in.Skip(':')) {
    if (!in.Number(2, 0, 59, second)) return std::nullopt;
    if (in.Skip('.') && !in.Fraction(instant.nanos)) return std::nullopt;
  }
  if (!ScanZone(in, offset) || !in.AtEnd()) return std::nullopt;
  instant.seconds += hour * 3'600 + minute * 60 + second - offset;
  if (instant.seconds < kFirstSecond || instant.seconds > kLastSecond) return std::nullopt;
  return instant;
}

std::string InstantText(const Instant& instant) {
  const bool has_text = instant.seconds >= kFirstSecond && instant.seconds <= kLastSecond &&
                        instant.nanos >= 0 && instant.nanos < kNanosPerSecond;
  if (!has_text) return {};
  return absl::FormatTime("%E4Y-%m-%dT%H:%M:%E*SZ",
                          absl::FromUnixSeconds(instant.seconds) + absl::Nanoseconds(instant.nanos),
                          absl::UTCTimeZone());
}

Instant DecodeTimestamp(std::string_view bytes) {
  Instant instant;
  wire::Reader reader(bytes);
  while (const auto field = reader.Next()) {
    if (field->number == 1) instant.seconds = static_cast<int64_t>(field->varint);
    if (field->number == 2) instant.nanos = static_cast<int32_t>(field->varint);
  }
  return instant;
}

std::string EncodeTimestamp(const Instant& instant) {
  std::string out;
  wire::AppendUint(out, 1, static_cast<uint64_t>(instant.seconds));
  wire::AppendUint(out, 2, static_cast<uint64_t>(instant.nanos));
  return out;
}

}  // namespace tributary
