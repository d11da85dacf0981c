#include "server/flags.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/reflection.h"
#include "absl/flags/usage.h"
#include "absl/flags/usage_config.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "server/base/log.h"
#include "server/base/status_macros.h"
#include "server/base/strings.h"
#include "server/version.h"

namespace tributary {
namespace {

struct Unit {
  std::string_view suffix;
  int64_t factor;
};

// A whole number with a unit of `units`; false if `text` is anything else or out of range.
bool ParseWithUnit(absl::string_view text, const std::vector<Unit>& units, int64_t& value) {
  for (const Unit& unit : units) {
    int64_t number = 0;
    if (absl::EndsWith(text, Absl(unit.suffix)) &&
        absl::SimpleAtoi(text.substr(0, text.size() - unit.suffix.size()), &number) &&
        number >= 0 && number <= std::numeric_limits<int64_t>::max() / unit.factor) {
      value = number * unit.factor;
      return true;
    }
  }
  return false;
}

// A time span in milliseconds: `500ms`, `10s`, `5m`, `24h`, `7d`.
struct Span {
  int64_t ms = 0;
};

bool AbslParseFlag(absl::string_view text, Span* span, std::string* error) {
  static const std::vector<Unit> kUnits = {
      {"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}};
  if (ParseWithUnit(text, kUnits, span->ms)) return true;
  *error = absl::StrCat("a time span is a whole number with a unit: 500ms, 10s, 5m, 24h, 7d; not ",
                        Clip(Std(text)));
  return false;
}

std::string AbslUnparseFlag(Span span) {
  if (span.ms % 86'400'000 == 0 && span.ms != 0) return absl::StrCat(span.ms / 86'400'000, "d");
  if (span.ms % 1000 == 0) return absl::StrCat(span.ms / 1000, "s");
  return absl::StrCat(span.ms, "ms");
}

// A number of bytes: `65536B`, `512KiB`, `1MiB`, `1GiB`.
struct Size {
  int64_t bytes = 0;
};

bool AbslParseFlag(absl::string_view text, Size* size, std::string* error) {
  static const std::vector<Unit> kUnits = {
      {"KiB", 1LL << 10}, {"MiB", 1LL << 20}, {"GiB", 1LL << 30}, {"B", 1}};
  if (ParseWithUnit(text, kUnits, size->bytes)) return true;
  *error = absl::StrCat("a size is a whole number with a unit: 65536B, 512KiB, 1MiB, 1GiB; not ",
                        Clip(Std(text)));
  return false;
}

std::string AbslUnparseFlag(Size size) {
  if (size.bytes % (1LL << 20) == 0 && size.bytes != 0)
    return absl::StrCat(size.bytes >> 20, "MiB");
  if (size.bytes % (1LL << 10) == 0 && size.bytes != 0)
    return absl::StrCat(size.bytes >> 10, "KiB");
  return absl::StrCat(size.bytes, "B");
}

}  // namespace
}  // namespace tributary

ABSL_FLAG(std::string, store, "sqlite:tributary.db", "Where everything is kept: sqlite:PATH.");
ABSL_FLAG(std::string, grpc_address, "127.0.0.1:50051",
          "host:port that gRPC listens on; port 0 picks one.");
ABSL_FLAG(std::string, http_address, "127.0.0.1:8080",
          "host:port that webhooks and health checks listen on; port 0 picks one.");
ABSL_FLAG(std::string, webhook_path, "/webhooks",
          "Path that takes webhooks. The source does not sign them: an unguessable path helps.");
ABSL_FLAG(
    std::string, validation, "warn",
    "What a value out of its contract does: `warn` keeps it with a warning, `reject` answers 422.");
ABSL_FLAG(std::string, raw_resource, "keep",
          "`keep` stores the provider's own record for VIEW_FULL, `drop` does not.");
ABSL_FLAG(tributary::Size, max_body_bytes, {1 << 20}, "Largest body of a webhook.");
ABSL_FLAG(int, max_http_connections, 1024,
          "HTTP connections at once; further ones take the place of slow ones, or wait.");
ABSL_FLAG(tributary::Span, card_view_timeout, {3'000},
          "How long the answer to a card view waits for a receiver's cards, 100ms to 60s. Then the "
          "user is shown none.");
ABSL_FLAG(int, max_streams, 10'000, "Watch streams at once; further ones get RESOURCE_EXHAUSTED.");
ABSL_FLAG(tributary::Span, idempotency_window, {7LL * 86'400'000},
          "For how long a repeated delivery is recognized.");
ABSL_FLAG(
    tributary::Span, history_retention, {7LL * 86'400'000},
    "For how long changes are kept, so that a watch that was away gets each of them; 0s: as "
    "long as --history_max_changes allows. Older ones are compacted: the newest state stays.");
ABSL_FLAG(int64_t, history_max_changes, 10'000'000,
          "How many changes are kept at the most; 0: as many as --history_retention allows.");
ABSL_FLAG(tributary::Span, tombstone_retention, {30LL * 86'400'000},
          "For how long it is known that a resource was deleted: a watch that was away for longer "
          "has to start over. 0s: for ever. At least --history_retention.");
ABSL_FLAG(tributary::Span, ledger_retention, {7LL * 86'400'000},
          "For how long accepted deliveries stay on record once their change is compacted, or if "
          "they made none. Parked and rejected ones stay until they are purged.");
ABSL_FLAG(std::string, ledger_bodies, "problems",
          "Which bodies the ledger keeps, for replays: `problems` those of deliveries that were "
          "parked, rejected, superseded or warned about, `all` every one, `none` none.");
ABSL_FLAG(tributary::Size, ledger_max_bytes, {1LL << 30},
          "What bodies in the ledger may take, compressed. Beyond it the oldest go: of accepted "
          "deliveries first, then of rejected, then of parked ones.");
ABSL_FLAG(std::string, log_level, "info",
          "Least level of lines on standard error: debug, info, warning, error.");
ABSL_FLAG(tributary::Span, drain_timeout, {5'000}, "Time to stop in, after SIGTERM.");

namespace tributary {
namespace {

// absl takes a flag by the one spelling it was declared with; users expect `--grpc-address` too.
std::string Normalized(std::string argument) {
  if (!absl::StartsWith(argument, "--")) return argument;
  const size_t end = std::min(argument.find('='), argument.size());
  std::replace(argument.begin() + 2, argument.begin() + static_cast<std::ptrdiff_t>(end), '-', '_');
  return argument;
}

bool IsOurs(const absl::CommandLineFlag& flag) {
  return absl::EndsWith(flag.Filename(), "server/flags.cc");
}

absl::Status ReadEnvironment() {
  for (const auto& [name, flag] : absl::GetAllFlags()) {
    if (!IsOurs(*flag)) continue;
    const std::string variable = absl::StrCat("TRIBUTARY_", absl::AsciiStrToUpper(name));
    const char* value = std::getenv(variable.c_str());
    std::string error;
    if (value != nullptr && !flag->ParseFrom(value, &error)) {
      return absl::InvalidArgumentError(absl::StrCat(variable, "=", Clip(value), ": ", error));
    }
  }
  return absl::OkStatus();
}

// One of two words: whether it is the first.
absl::StatusOr<bool> Choice(std::string_view flag, std::string_view value, std::string_view first,
                            std::string_view second) {
  if (value == first) return true;
  if (value == second) return false;
  return absl::InvalidArgumentError(absl::StrCat("--", Absl(flag), "=", Clip(value), " is neither ",
                                                 Absl(first), " nor ", Absl(second)));
}

absl::StatusOr<LedgerBodies> ReadLedgerBodies() {
  const std::string which = absl::GetFlag(FLAGS_ledger_bodies);
  if (which == "problems") return LedgerBodies::kProblems;
  if (which == "all") return LedgerBodies::kAll;
  if (which == "none") return LedgerBodies::kNone;
  return absl::InvalidArgumentError(
      absl::StrCat("--ledger_bodies=", Clip(which), " is none of problems, all, none"));
}

absl::Status AtLeastOne(std::string_view flag, int64_t value) {
  if (value >= 1) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("--", Absl(flag), "=", value, " must be at least 1"));
}

absl::StatusOr<std::chrono::milliseconds> CardViewTimeout() {
  const tributary::Span timeout = absl::GetFlag(FLAGS_card_view_timeout);
  if (timeout.ms >= 100 && timeout.ms <= 60'000) return std::chrono::milliseconds(timeout.ms);
  return absl::InvalidArgumentError(
      absl::StrCat("--card_view_timeout=", AbslUnparseFlag(timeout), " must be from 100ms to 60s"));
}

absl::Status CollectRetention(SqliteOptions& sqlite) {
  const auto micros = [](const auto& flag) { return absl::GetFlag(flag).ms * 1000; };
  sqlite.idempotency_window_us = micros(FLAGS_idempotency_window);
  sqlite.history_retention_us = micros(FLAGS_history_retention);
  sqlite.history_max_changes = absl::GetFlag(FLAGS_history_max_changes);
  sqlite.tombstone_retention_us = micros(FLAGS_tombstone_retention);
  sqlite.ledger_retention_us = micros(FLAGS_ledger_retention);
  sqlite.ledger_bytes_max = absl::GetFlag(FLAGS_ledger_max_bytes).bytes;
  TRIBUTARY_ASSIGN_OR_RETURN(sqlite.ledger_bodies, ReadLedgerBodies());
  if (sqlite.history_max_changes < 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--history_max_changes=", sqlite.history_max_changes, " must not be negative"));
  }
  if (sqlite.tombstone_retention_us > 0 &&
      sqlite.tombstone_retention_us < sqlite.history_retention_us) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--tombstone_retention=", AbslUnparseFlag(absl::GetFlag(FLAGS_tombstone_retention)),
        " is less than --history_retention=",
        AbslUnparseFlag(absl::GetFlag(FLAGS_history_retention)),
        ": who can still follow the changes would miss deletions"));
  }
  return absl::OkStatus();
}

absl::StatusOr<ServerOptions> Collect() {
  ServerOptions options;
  options.store = absl::GetFlag(FLAGS_store);
  options.grpc.address = absl::GetFlag(FLAGS_grpc_address);
  options.grpc.version = kVersion;
  options.grpc.streams_max = absl::GetFlag(FLAGS_max_streams);
  options.http.address = absl::GetFlag(FLAGS_http_address);
  options.http.webhook_path = absl::GetFlag(FLAGS_webhook_path);
  options.http.body_bytes_max = static_cast<size_t>(absl::GetFlag(FLAGS_max_body_bytes).bytes);
  options.http.connections_max = absl::GetFlag(FLAGS_max_http_connections);
  TRIBUTARY_ASSIGN_OR_RETURN(options.http.card_view_timeout, CardViewTimeout());
  TRIBUTARY_RETURN_IF_ERROR(CollectRetention(options.sqlite));
  options.drain_timeout = std::chrono::milliseconds(absl::GetFlag(FLAGS_drain_timeout).ms);
  TRIBUTARY_RETURN_IF_ERROR(AtLeastOne("max_streams", options.grpc.streams_max));
  TRIBUTARY_RETURN_IF_ERROR(AtLeastOne("max_http_connections", options.http.connections_max));
  TRIBUTARY_RETURN_IF_ERROR(
      AtLeastOne("max_body_bytes", static_cast<int64_t>(options.http.body_bytes_max)));
  if (!absl::StartsWith(options.http.webhook_path, "/")) {
    return absl::InvalidArgumentError(
        absl::StrCat("--webhook_path=", Clip(options.http.webhook_path), " must begin with /"));
  }
  const std::optional<LogLevel> level = LogLevelOf(absl::GetFlag(FLAGS_log_level));
  if (!level.has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--log_level=", Clip(absl::GetFlag(FLAGS_log_level)),
                     " is none of debug, info, warning, error"));
  }
  SetLogLevel(*level);
  TRIBUTARY_ASSIGN_OR_RETURN(
      const bool warn, Choice("validation", absl::GetFlag(FLAGS_validation), "warn", "reject"));
  options.decoder.validation = warn ? Validation::kWarn : Validation::kReject;
  TRIBUTARY_ASSIGN_OR_RETURN(
      options.decoder.keep_raw_resource,
      Choice("raw_resource", absl::GetFlag(FLAGS_raw_resource), "keep", "drop"));
  return options;
}

}  // namespace

absl::StatusOr<ServerOptions> OptionsFromCommandLine(int argc, char** argv) {
  absl::SetProgramUsageMessage(
      "Receives the webhooks of Morph's unified model, keeps them in SQLite and serves them as "
      "gRPC.\n\n"
      "  tributaryd --store=sqlite:/var/lib/tributary/tributary.db --http_address=0.0.0.0:8080\n\n"
      "Every flag can also be given as TRIBUTARY_<FLAG> in the environment; the command line "
      "wins.");
  absl::FlagsUsageConfig config;
  config.version_string = [] { return absl::StrCat("tributaryd ", kVersion, "\n"); };
  config.contains_help_flags = [](absl::string_view file) {
    return absl::EndsWith(file, "server/flags.cc");
  };
  absl::SetFlagsUsageConfig(config);

  TRIBUTARY_RETURN_IF_ERROR(ReadEnvironment());
  std::vector<std::string> normalized;
  for (int i = 0; i < argc; ++i) normalized.push_back(i == 0 ? argv[i] : Normalized(argv[i]));
  std::vector<char*> arguments;
  for (std::string& argument : normalized) arguments.push_back(argument.data());
  const std::vector<char*> positional = absl::ParseCommandLine(argc, arguments.data());
  if (positional.size() > 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("unexpected argument ", Clip(positional[1]), "; flags begin with --"));
  }
  return Collect();
}

}  // namespace tributary
