#include "server/serve/token.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/base/hash.h"
#include "server/base/limits.h"
#include "server/base/status_macros.h"
#include "server/base/strings.h"
#include "server/base/wire.h"

namespace tributary {
namespace {

// Layout: format version, kind, fields in wire format, CRC-32C of all before it; base64url of the
// whole.
constexpr char kFormat = 1;
enum class Kind : char { kPage = 'P', kResume = 'R' };
constexpr size_t kFrameBytes = 2 + sizeof(uint32_t);

// Field numbers. Only ever added to: older tokens lack the newer ones.
enum Field : uint32_t {
  kStore = 1,
  kModels = 2,
  kConnector = 3,
  kOwner = 4,
  kFilter = 5,
  kOrderBy = 6,
  kStage = 7,
  kRevision = 8,
  kCommitted = 9,
  kHasLast = 10,
  kLastModel = 11,
  kLastConnector = 12,
  kLastOwner = 13,
  kLastId = 14,
  kMoveSent = 15,
  kMoveTo = 16,
  kConsistentFrom = 17,
  kLastValue = 18,
};

struct Content {
  std::array<uint64_t, kOrderBy + 1> bound{};  // by field number
  uint64_t stage = 0;
  Revision revision = 0;
  int64_t committed_us = 0;
  std::optional<Key> last;
  std::string last_value;
  Position::Move move;
  Revision consistent_from = 0;
};

uint64_t Hash(std::string_view text) { return Hasher().Add(text).Finish().low >> 1; }

std::array<uint64_t, kOrderBy + 1> Bound(const TokenBinding& binding) {
  std::vector<std::string> models = binding.selection.models;
  std::sort(models.begin(), models.end());
  Hasher of_models;
  for (const std::string& model : models) of_models.Add(model);
  if (binding.feed) of_models.Add("feed");
  std::array<uint64_t, kOrderBy + 1> bound{};
  bound[kStore] = Hash(binding.store_id);
  bound[kModels] = of_models.Finish().low >> 1;
  bound[kConnector] = Hash(binding.selection.connector_id);
  bound[kOwner] = Hash(binding.selection.owner_id);
  bound[kFilter] = Hash(binding.filter);
  bound[kOrderBy] = Hash(binding.order_by);
  return bound;
}

// The first request field in which the token's request was another one; empty if none.
std::string_view FirstDifference(const Content& content, const TokenBinding& binding) {
  static constexpr std::array<std::string_view, kOrderBy + 1> kNames = {
      "", "store", "models", "connector_id", "owner_id", "filter", "order_by"};
  const auto expected = Bound(binding);
  for (uint32_t field = kStore; field <= kOrderBy; ++field) {
    if (content.bound[field] != expected[field]) return kNames[field];
  }
  return "";
}

// The bytes with which every token for `binding` begins.
std::string Begin(Kind kind, const TokenBinding& binding) {
  std::string bytes = {kFormat, static_cast<char>(kind)};
  const auto bound = Bound(binding);
  for (uint32_t field = kStore; field <= kOrderBy; ++field)
    wire::AppendUint(bytes, field, bound[field]);
  return bytes;
}

void AppendLast(std::string& bytes, const Key& last) {
  wire::AppendUint(bytes, kHasLast, 1);
  wire::AppendBytes(bytes, kLastModel, last.model);
  wire::AppendBytes(bytes, kLastConnector, last.connector_id);
  wire::AppendBytes(bytes, kLastOwner, last.owner_id);
  wire::AppendBytes(bytes, kLastId, last.id);
}

std::string Seal(std::string bytes) {
  const uint32_t crc = Crc32c(bytes);
  for (int shift = 0; shift < 32; shift += 8) bytes.push_back(static_cast<char>(crc >> shift));
  return absl::WebSafeBase64Escape(bytes);
}

void Take(const wire::Field& field, Content& content) {
  const auto last = [&]() -> Key& {
    if (!content.last.has_value()) content.last.emplace();
    return *content.last;
  };
  switch (field.number) {
    case kStage:
      content.stage = field.varint;
      break;
    case kRevision:
      content.revision = static_cast<Revision>(field.varint);
      break;
    case kCommitted:
      content.committed_us = static_cast<int64_t>(field.varint);
      break;
    case kHasLast:
      last();
      break;
    case kLastModel:
      last().model = field.bytes;
      break;
    case kLastConnector:
      last().connector_id = field.bytes;
      break;
    case kLastOwner:
      last().owner_id = field.bytes;
      break;
    case kLastId:
      last().id = field.bytes;
      break;
    case kLastValue:
      content.last_value = field.bytes;
      break;
    case kMoveSent:
      content.move.sent = static_cast<Revision>(field.varint);
      break;
    case kMoveTo:
      content.move.to = static_cast<Revision>(field.varint);
      break;
    case kConsistentFrom:
      content.consistent_from = static_cast<Revision>(field.varint);
      break;
    default:
      if (field.number <= kOrderBy) content.bound[field.number] = field.varint;
  }
}

// No position that a stream can be at is anything else.
bool IsSound(const Content& content) {
  const Position::Move& move = content.move;
  return content.revision >= 0 && content.consistent_from >= 0 && move.sent >= 0 &&
         move.sent <= move.to && (move.to == 0 || content.last.has_value());
}

std::optional<Content> Open(Kind kind, std::string_view token) {
  std::string bytes;
  if (token.size() > limits::kTokenBytesMax || !absl::WebSafeBase64Unescape(Absl(token), &bytes) ||
      bytes.size() < kFrameBytes || bytes[0] != kFormat || bytes[1] != static_cast<char>(kind)) {
    return std::nullopt;
  }
  const std::string_view sealed(bytes.data(), bytes.size() - sizeof(uint32_t));
  uint32_t crc = 0;
  for (int i = 0; i < 4; ++i) {
    crc |= uint32_t{static_cast<uint8_t>(bytes[sealed.size() + static_cast<size_t>(i)])} << (8 * i);
  }
  if (crc != Crc32c(sealed)) return std::nullopt;
  Content content;
  wire::Reader reader(sealed.substr(2));
  while (const auto field = reader.Next()) Take(*field, content);
  if (!reader.ok() || !IsSound(content)) return std::nullopt;
  return content;
}

absl::Status Malformed(std::string_view field, std::string_view token, std::string_view reason) {
  ErrorDetail detail;
  detail.reason = reason;
  detail.violations.push_back(
      {std::string(field), "is not a token of this service, or was cut or changed"});
  return MakeError(absl::StatusCode::kInvalidArgument,
                   absl::StrCat(Absl(field), " ", Clip(token),
                                " is not a token of this service, or was cut or changed"),
                   std::move(detail));
}

absl::Status OtherRequest(std::string_view field, std::string_view differs,
                          std::string_view reason) {
  ErrorDetail detail;
  detail.reason = reason;
  const std::string rule =
      differs == "store" ? std::string("was given by another store")
                         : absl::StrCat("was given for a request with another ", Absl(differs));
  detail.metadata.emplace_back("differs", differs);
  detail.violations.push_back({std::string(field), rule});
  return MakeError(absl::StatusCode::kInvalidArgument, absl::StrCat(Absl(field), " ", rule),
                   std::move(detail));
}

}  // namespace

std::string EncodePageToken(const TokenBinding& binding, const PagePosition& position) {
  std::string bytes = Begin(Kind::kPage, binding);
  wire::AppendUint(bytes, kRevision, static_cast<uint64_t>(position.revision));
  AppendLast(bytes, position.last);
  if (!position.value.empty()) wire::AppendBytes(bytes, kLastValue, position.value);
  return Seal(std::move(bytes));
}

absl::StatusOr<PagePosition> DecodePageToken(std::string_view token, const TokenBinding& binding) {
  std::optional<Content> content = Open(Kind::kPage, token);
  if (!content.has_value() || !content->last.has_value()) {
    return Malformed("page_token", token, reason::kPageTokenMalformed);
  }
  if (const std::string_view differs = FirstDifference(*content, binding); !differs.empty()) {
    return OtherRequest("page_token", differs, reason::kPageTokenMismatch);
  }
  if (binding.read_revision.value_or(content->revision) != content->revision) {
    return OtherRequest("page_token", "read_revision", reason::kPageTokenMismatch);
  }
  return PagePosition{content->revision, *std::move(content->last), std::move(content->last_value)};
}

ResumeTokens::ResumeTokens(const TokenBinding& binding) : begin_(Begin(Kind::kResume, binding)) {
  begin_.shrink_to_fit();  // a stream may be idle for days
}

std::string ResumeTokens::Encode(const Position& position, int64_t committed_us) const {
  std::string bytes = begin_;
  wire::AppendUint(bytes, kStage, static_cast<uint64_t>(position.stage));
  wire::AppendUint(bytes, kRevision, static_cast<uint64_t>(position.revision));
  wire::AppendUint(bytes, kCommitted, static_cast<uint64_t>(committed_us));
  if (position.last.has_value()) AppendLast(bytes, *position.last);
  const Position::Move move = position.move.value_or(Position::Move());
  wire::AppendUint(bytes, kMoveSent, static_cast<uint64_t>(move.sent));
  wire::AppendUint(bytes, kMoveTo, static_cast<uint64_t>(move.to));
  // Once it is passed it says nothing any more.
  if (!position.is_consistent()) {
    wire::AppendUint(bytes, kConsistentFrom, static_cast<uint64_t>(position.consistent_from));
  }
  return Seal(std::move(bytes));
}

absl::StatusOr<ResumePoint> DecodeResumeToken(std::string_view token, const TokenBinding& binding) {
  std::optional<Content> content = Open(Kind::kResume, token);
  const auto snapshot = static_cast<uint64_t>(Position::Stage::kSnapshot);
  const auto tail = static_cast<uint64_t>(Position::Stage::kTail);
  if (!content.has_value() || (content->stage != snapshot && content->stage != tail)) {
    return Malformed("resume_token", token, reason::kResumeTokenMalformed);
  }
  if (const std::string_view differs = FirstDifference(*content, binding); !differs.empty()) {
    return OtherRequest(
        "resume_token", differs,
        differs == "store" ? reason::kResumeTokenOtherStore : reason::kResumeTokenOtherRequest);
  }
  ResumePoint point;
  point.position.stage = static_cast<Position::Stage>(content->stage);
  point.position.revision = content->revision;
  point.position.last = std::move(content->last);
  if (content->move.to != 0) point.position.move = content->move;
  point.position.consistent_from = content->consistent_from;
  point.committed_us = content->committed_us;
  return point;
}

}  // namespace tributary
