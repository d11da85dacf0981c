#include "server/filter/field_path.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "proto/resources.h"
#include "server/base/status_macros.h"
#include "server/base/strings.h"
#include "tributary/v1/annotations.pb.h"
#include "tributary/v1/resource.pb.h"

namespace tributary::filter {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

// Numbers of the frame, in every resource, and of google.protobuf.Value and Struct.
enum Frame : int { kConnectorId = 1, kOwnerId, kId, kFields, kRawResource = 9, kRevision = 11 };
enum Json : uint32_t { kStructValue = 5, kStructFields = 1 };

constexpr size_t kNamesMax = 24;  // of a path: custom values nest at most 16 deep

const FieldDescriptor* Find(const Descriptor& message, std::string_view name) {
  for (int i = 0; i < message.field_count(); ++i) {
    const FieldDescriptor* field = message.field(i);
    if (field->name() == name || field->json_name() == name) return field;
  }
  return nullptr;
}

bool IsA(const FieldDescriptor& field, std::string_view message) {
  return field.type() == FieldDescriptor::TYPE_MESSAGE &&
         field.message_type()->full_name() == message;
}
bool IsReference(const FieldDescriptor& field) {
  return field.type() == FieldDescriptor::TYPE_MESSAGE &&
         field.message_type() == v1::ResourceRef::descriptor();
}

std::optional<FieldType> TypeOf(const FieldDescriptor& field) {
  if (field.is_map()) {
    return IsA(*field.message_type()->map_value(), "google.protobuf.Value")
               ? std::optional(FieldType::kMap)
               : std::nullopt;
  }
  switch (field.type()) {
    case FieldDescriptor::TYPE_STRING:
      return FieldType::kText;
    case FieldDescriptor::TYPE_DOUBLE:
    case FieldDescriptor::TYPE_INT32:
    case FieldDescriptor::TYPE_INT64:
      return FieldType::kNumber;
    case FieldDescriptor::TYPE_BOOL:
      return FieldType::kBool;
    case FieldDescriptor::TYPE_ENUM:
      return FieldType::kEnum;
    case FieldDescriptor::TYPE_MESSAGE:
      break;
    default:
      return std::nullopt;
  }
  if (IsA(field, "google.protobuf.Timestamp")) return FieldType::kInstant;
  if (IsA(field, "google.protobuf.Value")) return FieldType::kValue;
  if (IsA(field, "google.protobuf.Any")) return std::nullopt;
  return IsReference(field) ? FieldType::kReference : FieldType::kMessage;
}

// One path on its way from name to name.
class Walk {
 public:
  Walk(const Scope& scope, const std::vector<Name>& path, size_t first)
      : scope_(scope), path_(path), next_(first) {}

  absl::StatusOr<FieldPath> Run() {
    if (path_.size() > kNamesMax) {
      return Refuse(path_[kNamesMax], absl::StrCat("a path has at most ", kNamesMax, " names"));
    }
    TRIBUTARY_RETURN_IF_ERROR(Begin(scope_.resource));
    while (next_ < path_.size()) TRIBUTARY_RETURN_IF_ERROR(Step());
    return std::move(found_);
  }

 private:
  // The frame first, then `fields`.
  absl::Status Begin(const Descriptor& resource) {
    const Name& name = path_[next_++];
    if (scope_.subject == Subject::kMessage) return TakeOfMessage(name, resource);
    if (feed_ && name.text == "model") return TakeModel(resource);
    const Descriptor& fields = *resource.FindFieldByNumber(kFields)->message_type();
    if (const FieldDescriptor* field = Find(resource, name.text)) {
      if (feed_ && field->number() == kFields) return UnknownInFeed(name, resource);
      return TakeOfFrame(name, *field);
    }
    if (feed_) return UnknownInFeed(name, resource);
    const FieldDescriptor* field = Find(fields, name.text);
    if (field == nullptr) return Unknown(name, {&resource, &fields});
    found_.edges.push_back({kFields, std::nullopt});
    return TakeField(name, *field);
  }

  absl::Status TakeOfMessage(const Name& name, const Descriptor& message) {
    const FieldDescriptor* field = Find(message, name.text);
    if (field == nullptr) return Unknown(name, {&message});
    TRIBUTARY_RETURN_IF_ERROR(TakeField(name, *field));
    found_.plain = !field->has_presence() && !field->is_repeated();
    return absl::OkStatus();
  }

  absl::Status TakeModel(const Descriptor& resource) {
    found_.place = FieldPath::Place::kKey;
    found_.part = &Key::model;
    found_.type = FieldType::kText;
    found_.field = resource.FindFieldByNumber(kId);
    return absl::OkStatus();
  }

  absl::Status TakeOfFrame(const Name& name, const FieldDescriptor& field) {
    if (field.number() == kRawResource) {
      return Refuse(name, "raw_resource cannot be asked for in a filter");
    }
    TRIBUTARY_RETURN_IF_ERROR(TakeField(name, field));
    found_.plain = found_.type == FieldType::kText;
    if (field.number() == kRevision) found_.place = FieldPath::Place::kRevision;
    found_.part = field.number() == kConnectorId ? &Key::connector_id
                  : field.number() == kOwnerId   ? &Key::owner_id
                  : field.number() == kId        ? &Key::id
                                                 : nullptr;
    if (found_.part != nullptr) found_.place = FieldPath::Place::kKey;
    return absl::OkStatus();
  }

  absl::Status TakeField(const Name& name, const FieldDescriptor& field) {
    const std::optional<FieldType> type = TypeOf(field);
    if (!type.has_value()) return Refuse(name, "has a type that no filter can ask for");
    found_.edges.push_back({static_cast<uint32_t>(field.number()), std::nullopt});
    found_.field = &field;
    found_.type = *type;
    found_.in_list = found_.in_list || (field.is_repeated() && !field.is_map());
    return absl::OkStatus();
  }

  // One name further into what was found.
  absl::Status Step() {
    const Name& name = path_[next_];
    switch (found_.type) {
      case FieldType::kMap:
        found_.edges.back().key = name.text;
        found_.type = FieldType::kValue;
        break;
      case FieldType::kValue:
        found_.edges.push_back({kStructValue, std::nullopt});
        found_.edges.push_back({kStructFields, name.text});
        break;
      case FieldType::kMessage:
      case FieldType::kReference: {
        const Descriptor& message = *found_.field->message_type();
        const FieldDescriptor* field = Find(message, name.text);
        if (field == nullptr && found_.type == FieldType::kReference) return StepThrough();
        if (field == nullptr) return Unknown(name, {&message});
        ++next_;
        return TakeField(name, *field);
      }
      default:
        return Refuse(name, absl::StrCat(found_.field->name(), " has no fields"));
    }
    ++next_;
    return absl::OkStatus();
  }

  absl::Status StepThrough() {
    const Name& name = path_[next_];
    const std::string model = found_.field->options().GetExtension(v1::field).ref();
    const Descriptor* target = nullptr;
    for (const Descriptor* resource : ResourceDescriptors()) {
      if (resource->options().GetExtension(v1::resource).model() == model) target = resource;
    }
    if (target == nullptr) return Unknown(name, {found_.field->message_type()});
    if (!found_.target_model.empty()) {
      return Refuse(name, "a filter steps through one reference, not through two");
    }
    if (found_.in_list) {
      const std::string list = PathBefore(next_);
      return Refuse(name, absl::StrCat(list,
                                       " is a list of references, and a filter steps through "
                                       "single ones: ask for an id, as in ",
                                       list, ":\"ID\""));
    }
    if (!scope_.steps) {
      return Refuse(
          name, absl::StrCat("is a field of another resource, whose changes a Watch of "
                             "this one does not see: compare ",
                             found_.field->name(), " with its id here; List takes such a filter"));
    }
    FieldPath beyond;
    beyond.target_model = model;
    beyond.through = std::move(found_.edges);
    found_ = std::move(beyond);
    return Begin(*target);
  }

  absl::Status Refuse(const Name& name, std::string_view rule) const {
    return Fault(scope_.filter, name.at, name.text, rule);
  }

  // The path up to its name `end`, as written.
  std::string PathBefore(size_t end) const {
    std::string text;
    for (size_t i = 0; i < end; ++i) absl::StrAppend(&text, i == 0 ? "" : ".", path_[i].text);
    return text;
  }

  // Not that it is a slip: a model may well have it.
  absl::Status UnknownInFeed(const Name& name, const Descriptor& resource) const {
    std::vector<std::string> known = {"model"};
    for (int i = 0; i < resource.field_count(); ++i) {
      const int number = resource.field(i)->number();
      if (number != kFields && number != kRawResource) known.push_back(resource.field(i)->name());
    }
    return Refuse(name, absl::StrCat("a filter over all models knows what every resource has, ",
                                     absl::StrJoin(known, ", "), ", and no model's own fields",
                                     DidYouMean(name.text, known)));
  }

  absl::Status Unknown(const Name& name, const std::vector<const Descriptor*>& where) const {
    const bool json = std::any_of(name.text.begin(), name.text.end(),
                                  [](char c) { return c >= 'A' && c <= 'Z'; });
    std::vector<std::string> known;
    for (const Descriptor* message : where) {
      for (int i = 0; i < message->field_count(); ++i) {
        if (message->field(i)->name() == "raw_resource") continue;
        known.push_back(json ? message->field(i)->json_name() : message->field(i)->name());
      }
    }
    return Refuse(name, absl::StrCat(where.front()->name(), " has no such field",
                                     DidYouMean(name.text, known)));
  }

  const Scope& scope_;
  const bool feed_ = scope_.subject == Subject::kFeed;
  const std::vector<Name>& path_;
  size_t next_;
  FieldPath found_;
};

}  // namespace

absl::StatusOr<FieldPath> Resolve(const Scope& scope, const std::vector<Name>& path, size_t first) {
  return Walk(scope, path, first).Run();
}

}  // namespace tributary::filter
