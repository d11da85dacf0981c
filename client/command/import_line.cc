#include "client/command/import_line.h"

#include <map>
#include <string_view>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/command/json_members.h"
#include "client/feed_client.h"
#include "client/reflect.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"

namespace tributary::command {
namespace {

using google::protobuf::Message;
using google::protobuf::util::JsonStringToMessage;
using ingest::v1::Event;

using Members = std::map<std::string_view, std::string_view>;

// The string under `key`; empty if there is none.
absl::StatusOr<std::string> TextOf(const Members& members, std::string_view key) {
  const auto found = members.find(key);
  if (found == members.end()) return "";
  google::protobuf::Value value;
  const auto status = JsonStringToMessage({found->second.data(), found->second.size()}, &value);
  if (status.ok() && value.has_string_value()) return value.string_value();
  return absl::InvalidArgumentError(absl::StrCat(std::string(key), " is no string"));
}

absl::StatusOr<Event> ReadExported(const std::string& line, const Scope& scope) {
  Event event;
  if (const auto status = JsonStringToMessage(line, &event); !status.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("is no event as `tributary export` writes them: ",
                     std::string(status.message().data(), status.message().size())));
  }
  const Message* resource = ResourceIn(event.resource());
  if (resource == nullptr) return absl::InvalidArgumentError("holds no resource of a known model");
  const auto fill = [&](const char* name, const std::string& otherwise) {
    if (!GetString(event, name).empty()) return;
    const std::string own = GetString(*resource, name);
    SetString(event, name, own.empty() ? otherwise : own);
  };
  fill("connector_id", scope.connector_id);
  fill("owner_id", scope.owner_id);
  return event;
}

absl::StatusOr<Event> ReadBody(const std::string& line, const Members& members,
                               const Scope& scope) {
  Event event;
  event.set_body(line);
  for (const auto& [key, name, otherwise] :
       {std::tuple{"connectorId", "connector_id", &scope.connector_id},
        std::tuple{"ownerId", "owner_id", &scope.owner_id}}) {
    const absl::StatusOr<std::string> own = TextOf(members, key);
    if (!own.ok()) return own.status();
    SetString(event, name, own->empty() ? *otherwise : *own);
  }
  const absl::StatusOr<std::string> key = TextOf(members, "idempotencyKey");
  if (!key.ok()) return key.status();
  event.set_idempotency_key(*key);
  return event;
}

}  // namespace

absl::StatusOr<Event> ReadImportLine(const std::string& line, const Scope& scope) {
  const auto found = JsonMembers(line);
  if (!found.has_value()) return absl::InvalidArgumentError("is no JSON object");
  Members members;
  for (const auto& [key, value] : *found) members[key] = value;  // of equal keys the last holds
  if (members.contains("resource")) return ReadExported(line, scope);
  if (members.contains("event") || members.contains("data")) {
    return ReadBody(line, members, scope);
  }
  return absl::InvalidArgumentError(
      "is neither the body of a webhook (event, data) nor what `tributary export` writes");
}

}  // namespace tributary::command
