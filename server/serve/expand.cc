#include "server/serve/expand.h"

#include <algorithm>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "server/base/error.h"
#include "server/base/limits.h"
#include "server/base/status_macros.h"
#include "server/base/strings.h"
#include "server/base/wire.h"
#include "server/model/field_plan.h"
#include "server/model/nested_field.h"
#include "server/serve/encode.h"

namespace tributary {
namespace {

// Field numbers of the frame, of tributary.v1.ResourceRef and of google.protobuf.Any.
constexpr uint32_t kFields = 4;
enum RefField : uint32_t { kModel = 1, kId = 2, kResource = 4 };
enum AnyField : uint32_t { kTypeUrl = 1, kValue = 2 };

struct Reference {
  std::string_view model;
  std::string_view id;
};

Reference ReadReference(std::string_view bytes, const ReferenceField& field) {
  Reference reference{field.model, {}};
  wire::Reader reader(bytes);
  while (const auto part = reader.Next()) {
    if (part->number == kModel && !part->bytes.empty()) reference.model = part->bytes;
    if (part->number == kId) reference.id = part->bytes;
  }
  return reference;
}

const ReferenceField* Find(const std::vector<ReferenceField>& fields, const wire::Field& field) {
  if (field.type != wire::Type::kBytes) return nullptr;
  const auto found = std::find_if(fields.begin(), fields.end(), [&](const ReferenceField& one) {
    return one.number == field.number;
  });
  return found == fields.end() ? nullptr : &*found;
}

std::string_view FieldsOf(std::string_view state) {
  wire::Reader reader(state);
  while (const auto field = reader.Next()) {
    if (field->number == kFields) return field->bytes;
  }
  return {};
}

std::string EncodeResourceField(const Model& model, const Record& record) {
  std::string any;
  wire::AppendBytes(any, kTypeUrl,
                    absl::StrCat("type.googleapis.com/", model.message()->full_name()));
  wire::AppendBytes(any, kValue, EncodeResource(record, View::kBasic));
  std::string field;
  wire::AppendBytes(field, kResource, any);
  return field;
}

}  // namespace

References::References(const Model& model) : model_(model.name()) { Add(model.fields(), {}); }

void References::Add(const MessagePlan& plan, const Named& outer) {
  for (const FieldPlan& field : plan.fields()) {
    Named named = outer;
    absl::StrAppend(&named.name, outer.name.empty() ? "" : ".", field.name);
    absl::StrAppend(&named.json_name, outer.name.empty() ? "" : ".", field.key);
    named.numbers.push_back(field.number);
    named.model = field.ref;
    if (field.kind == FieldKind::kMessage) Add(*field.message, named);
    if (field.kind == FieldKind::kReference) all_.push_back(std::move(named));
  }
}

absl::StatusOr<std::vector<ReferenceField>> References::Select(
    const std::vector<std::string>& names) const {
  std::vector<ReferenceField> selected;
  for (size_t i = 0; i < names.size(); ++i) {
    const absl::string_view name = absl::StripPrefix(names[i], "fields.");
    const auto named = std::find_if(all_.begin(), all_.end(), [name](const Named& one) {
      return name == one.name || name == one.json_name;
    });
    if (named == all_.end()) {
      const auto known = [](std::string* out, const Named& one) { out->append(one.name); };
      return InvalidField(
          absl::StrCat("expand[", i, "]"),
          absl::StrCat(Clip(names[i]), " is no reference of ", model_,
                       all_.empty() ? ", which has none"
                                    : absl::StrCat("; it has ", absl::StrJoin(all_, ", ", known))));
    }
    std::vector<ReferenceField>* level = &selected;
    for (const uint32_t& number : named->numbers) {
      const auto known =
          std::find_if(level->begin(), level->end(),
                       [number](const ReferenceField& one) { return one.number == number; });
      if (known != level->end()) {
        level = &known->inside;
      } else {
        const bool last = &number == &named->numbers.back();
        level->push_back({number, last ? named->model : "", {}});
        level = &level->back().inside;
      }
    }
  }
  return selected;
}

void Expansion::Collect(std::string_view message, const std::vector<ReferenceField>& fields,
                        Scope& scope) {
  wire::Reader reader(message);
  while (const auto part = reader.Next()) {
    const ReferenceField* field = Find(fields, *part);
    if (field == nullptr) continue;
    if (!field->inside.empty()) {
      Collect(part->bytes, field->inside, scope);
      continue;
    }
    const Reference reference = ReadReference(part->bytes, *field);
    std::string id(reference.id);
    const std::string model(reference.model);
    if (scope.models[model].try_emplace(id).second) scope.wanted[model].push_back(std::move(id));
  }
}

absl::StatusOr<size_t> Expansion::ReadTargets(Store& store, const Model& model, BatchQuery query,
                                              Targets& targets) {
  TRIBUTARY_ASSIGN_OR_RETURN(const RecordBatch batch, store.BatchGet(query));
  size_t bytes = 0;
  for (const Record& record : batch.records) {
    Target& target = targets[record.key.id];
    target = {true, EncodeResourceField(model, record)};
    bytes += target.resource.size();
  }
  for (const std::string& id : batch.missing) targets[id].read = true;
  return bytes;
}

absl::StatusOr<Expansion> Expansion::Read(Store& store, const ModelRegistry& models,
                                          const std::vector<ReferenceField>& selected,
                                          const std::vector<Record>& records, Revision revision) {
  Expansion expansion;
  if (selected.empty()) return expansion;
  expansion.selected_ = &selected;
  std::vector<Scopes::value_type*> scopes;  // in the order of the records
  for (const Record& record : records) {
    const auto [at, is_new] =
        expansion.scopes_.try_emplace({record.key.connector_id, record.key.owner_id});
    if (is_new) scopes.push_back(&*at);
    Collect(FieldsOf(record.state), selected, at->second);
  }
  size_t bytes = 0;
  for (Scopes::value_type* one : scopes) {
    // What the first resource of an answer refers to is always read; after that, an answer's worth.
    if (bytes > limits::kAnswerBytesMax) break;
    auto& [name, scope] = *one;
    for (auto& [model_name, ids] : scope.wanted) {
      Targets& targets = scope.models[model_name];
      const Model* model = models.Find(model_name);
      if (model == nullptr) {
        for (auto& [id, target] : targets) target.read = true;  // nothing can be there
        continue;
      }
      BatchQuery query;
      query.scope = {model_name, name.first, name.second, ""};
      query.ids = std::move(ids);
      query.revision = revision;
      query.max_bytes = limits::kAnswerBytesMax;
      TRIBUTARY_ASSIGN_OR_RETURN(const size_t read,
                                 ReadTargets(store, *model, std::move(query), targets));
      bytes += read;
    }
  }
  return expansion;
}

// Writes messages anew, with resources in their references.
class Expansion::Rewriting {
 public:
  Rewriting(const Scope& scope, size_t room) : scope_(scope), room_(room) {}

  void Append(std::string_view message, const std::vector<ReferenceField>& fields,
              std::string& out) {
    wire::Reader reader(message);
    while (const auto part = reader.Next()) {
      const ReferenceField* field = Find(fields, *part);
      if (field == nullptr) {
        out.append(part->whole);
      } else if (field->inside.empty()) {
        AppendReference(*part, *field, out);
      } else {
        NestedField nested(out, part->number);
        Append(part->bytes, field->inside, out);
        nested.End();
      }
    }
  }

  bool complete() const { return complete_; }

 private:
  void AppendReference(const wire::Field& part, const ReferenceField& field, std::string& out) {
    // Lengths, of the reference and of what it lies in, may take some bytes more.
    constexpr size_t kLengthBytes = 16;
    const Reference reference = ReadReference(part.bytes, field);
    const Target& target =
        scope_.models.find(reference.model)->second.find(Absl(reference.id))->second;
    const size_t growth = target.resource.size() + kLengthBytes;
    if (!target.read || (!target.resource.empty() && growth > room_)) {
      complete_ = false;
      out.append(part.whole);
    } else if (target.resource.empty()) {
      out.append(part.whole);
    } else {
      room_ -= growth;
      wire::AppendTag(out, part.number, wire::Type::kBytes);
      wire::AppendVarint(out, part.bytes.size() + target.resource.size());
      out.append(part.bytes);
      out.append(target.resource);
    }
  }

  const Scope& scope_;
  size_t room_;
  bool complete_ = true;
};

bool Expansion::PutInto(Record& record, size_t room) const {
  if (selected_ == nullptr) return true;
  const Scope& scope = scopes_.find({record.key.connector_id, record.key.owner_id})->second;
  Rewriting rewriting(scope, room);
  std::string state;
  wire::Reader reader(record.state);
  while (const auto part = reader.Next()) {
    if (part->number != kFields) {
      state.append(part->whole);
      continue;
    }
    NestedField fields(state, kFields);
    rewriting.Append(part->bytes, *selected_, state);
    fields.End();
  }
  record.state = std::move(state);
  return rewriting.complete();
}

}  // namespace tributary
