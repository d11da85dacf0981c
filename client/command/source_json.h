#pragma once

#include <string>
#include <string_view>

#include "client/command/json.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "google/protobuf/timestamp.pb.h"

namespace tributary::command {

// The resource in the source's own JSON, as a webhook carries it in `data`: the source's names,
// enums in its spelling, references as objects, custom fields beside the others. Reads nothing but
// descriptors and their options. What the source did not say is left out; times have milliseconds,
// as the source writes them.
std::string SourceJson(const google::protobuf::Message& resource, Layout layout);

// The change as the webhook that would cause it: {"event": "crmOpportunity::updated", "data": {…}}.
// Where that does not tell the type of the change, "change" does (existing, entered, left), and
// "coalesced" marks one that stands for several; who takes webhooks ignores both.
std::string SourceEventJson(const google::protobuf::Message& change, Layout layout);

// The source's word for an enum value: "inProgress" for STATUS_IN_PROGRESS of enum Status; empty
// for the zero value.
std::string SourceEnumText(const google::protobuf::EnumValueDescriptor& value);

// "2025-06-03T10:05:30.777Z"
std::string TimeText(const google::protobuf::Timestamp& time);

}  // namespace tributary::command
