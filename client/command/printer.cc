#include "client/command/printer.h"

#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "client/command/cell.h"
#include "client/command/difference.h"
#include "client/command/exit_code.h"
#include "client/command/json.h"
#include "client/command/source_json.h"
#include "client/command/suggest.h"
#include "client/command/text.h"
#include "client/feed_client.h"
#include "client/reflect.h"
#include "tributary/v1/watch.pb.h"

namespace tributary::command {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr size_t kListFieldsMax = 6;
constexpr size_t kChangeFieldsMax = 2;
// What a column keeps when a table must shrink, before columns are left out.
constexpr size_t kTextWidthMin = 12;
constexpr size_t kIdWidthMin = 20;
constexpr size_t kTimeWidth = 20;      // to the second
constexpr size_t kTitleWidthMax = 60;  // where no table says

// Fields that fit into one cell: not lists, not nested messages but times and references.
bool FitsCell(const FieldDescriptor& field) {
  if (field.is_repeated()) return false;
  if (field.message_type() == nullptr) return true;
  return IsTime(field) || IsReference(field);
}

std::vector<const FieldDescriptor*> CellFields(const ResourceModel& model, size_t count_max) {
  std::vector<const FieldDescriptor*> fields;
  const Descriptor& type = *model.message().FindFieldByName("fields")->message_type();
  for (int i = 0; i < type.field_count() && fields.size() < count_max; ++i) {
    if (FitsCell(*type.field(i))) fields.push_back(type.field(i));
  }
  return fields;
}

bool IsNumber(const FieldDescriptor& field) {
  return field.cpp_type() == FieldDescriptor::CPPTYPE_DOUBLE ||
         field.cpp_type() == FieldDescriptor::CPPTYPE_INT32;
}

void AddScopeColumns(const Scope& scope, std::vector<Column>& columns) {
  if (scope.connector_id.empty()) columns.push_back({"CONNECTOR"});
  if (scope.owner_id.empty()) columns.push_back({"OWNER"});
  columns.push_back({.title = "ID", .width_min = kIdWidthMin});
}

void AddFieldColumns(const std::vector<const FieldDescriptor*>& fields,
                     std::vector<Column>& columns) {
  for (const FieldDescriptor* field : fields) {
    const bool first = field == fields.front();
    const size_t width_min = IsTime(*field) ? kTimeWidth : first ? kIdWidthMin : kTextWidthMin;
    columns.push_back({.title = absl::AsciiStrToUpper(field->name()),
                       .width_min = width_min,
                       .optional = !first,
                       .number = IsNumber(*field)});
  }
}

std::vector<Column> ResourceColumns(const ResourceModel& model, const Scope& scope) {
  std::vector<Column> columns;
  AddScopeColumns(scope, columns);
  AddFieldColumns(CellFields(model, kListFieldsMax), columns);
  columns.push_back({.title = "UPDATED_AT", .width_min = kTimeWidth});
  columns.push_back({.title = "REVISION", .number = true});
  return columns;
}

std::vector<Column> ChangeColumns(const ResourceModel* model, const Scope& scope) {
  std::vector<Column> columns = {{.title = "REVISION", .number = true}, {.title = "CHANGE"}};
  if (model == nullptr) columns.push_back({.title = "MODEL", .width_min = kIdWidthMin});
  AddScopeColumns(scope, columns);
  if (model == nullptr) {
    columns.push_back({.title = "TITLE", .width_min = kTextWidthMin});
  } else {
    AddFieldColumns(CellFields(*model, kChangeFieldsMax), columns);
  }
  columns.push_back({.title = "CHANGED_FIELDS", .width_min = 14});
  return columns;
}

// As CellText, with a time to the second: nobody sorts milliseconds by eye.
std::string ListCellText(const Message& message, const FieldDescriptor& field) {
  std::string text = CellText(message, field);
  if (IsTime(field) && text.size() > kTimeWidth) text = text.substr(0, kTimeWidth - 1) + "Z";
  return text;
}

const ResourceModel& ModelOf(const Message& resource) {
  return ResourceModel::Of(*resource.GetDescriptor());
}

void AddCells(const Message& resource, size_t fields_max, bool show_connector, bool show_owner,
              std::vector<std::string>& row) {
  if (show_connector) row.push_back(GetString(resource, "connector_id"));
  if (show_owner) row.push_back(GetString(resource, "owner_id"));
  row.push_back(GetString(resource, "id"));
  const Message& fields = GetMessage(resource, "fields");
  for (const FieldDescriptor* field : CellFields(ModelOf(resource), fields_max)) {
    row.push_back(ListCellText(fields, *field));
  }
}

// "CHANGE_TYPE_UPDATED" -> "updated"
std::string ChangeWord(const Message& change) {
  const std::string& name =
      v1::ChangeType_Name(static_cast<v1::ChangeType>(GetEnum(change, "type")));
  std::string word = absl::AsciiStrToLower(absl::StripPrefix(name, "CHANGE_TYPE_"));
  return GetBool(change, "coalesced") ? word + "*" : word;
}

std::string ChangedFields(const Message& change) {
  std::vector<std::string> fields = GetStrings(change, "changed_fields");
  for (std::string& field : fields) field = std::string(absl::StripPrefix(field, "fields."));
  return absl::StrJoin(fields, ",");
}

// One line per field that is set, with its path.
void AddRows(const Message& message, const std::string& prefix, Table& table) {
  const Descriptor& type = *message.GetDescriptor();
  const Reflection& reflection = *message.GetReflection();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    const std::string path = prefix + field.name();
    if (field.is_map()) {
      for (int item = 0; item < reflection.FieldSize(message, &field); ++item) {
        const Message& entry = reflection.GetRepeatedMessage(message, &field, item);
        table.Add({absl::StrCat(path, ".", GetString(entry, "key")),
                   CellText(entry, FieldNamed(entry, "value"))});
      }
    } else if (field.is_repeated()) {
      for (int item = 0; item < reflection.FieldSize(message, &field); ++item) {
        table.Add({absl::StrCat(path, "[", item, "]"), ItemText(message, field, item)});
      }
    } else if (!reflection.HasField(message, &field)) {
      continue;
    } else if (field.name() == "fields") {
      AddRows(reflection.GetMessage(message, &field), path + ".", table);
    } else {
      table.Add({path, CellText(message, field)});
    }
  }
}

}  // namespace

absl::StatusOr<Format> ParseFormat(std::string_view text) {
  const std::vector<std::string> names = {"table", "json", "jsonl", "source"};
  for (size_t i = 0; i < names.size(); ++i) {
    if (text == names[i]) return static_cast<Format>(i);
  }
  return UsageError(absl::StrCat("--output=", std::string(text),
                                 ": wants table, json, jsonl or source", DidYouMean(text, names)));
}

void PrintResource(const Message& resource, Format format, Output& out) {
  switch (format) {
    case Format::kTable: {
      Table table({{.title = "FIELD", .width_min = 16}, {.title = "VALUE", .width_min = 16}},
                  out.width());
      AddRows(resource, "", table);
      out.Write(table.Render());
      break;
    }
    case Format::kJson:
      out.Write(ProtoJson(resource, Layout::kIndented) + "\n");
      break;
    case Format::kJsonl:
      out.Write(ProtoJson(resource, Layout::kOneLine) + "\n");
      break;
    case Format::kSource:
      out.Write(SourceJson(resource, Layout::kIndented) + "\n");
      break;
  }
  out.Flush();
}

ResourcePrinter::ResourcePrinter(const ResourceModel& model, const Scope& scope, Format format,
                                 Output& out)
    : format_(format),
      out_(out),
      table_(ResourceColumns(model, scope), out.width()),
      show_connector_(scope.connector_id.empty()),
      show_owner_(scope.owner_id.empty()) {}

void ResourcePrinter::Print(const Message& resource) {
  switch (format_) {
    case Format::kTable: {
      std::vector<std::string> row;
      AddCells(resource, kListFieldsMax, show_connector_, show_owner_, row);
      row.push_back(ListCellText(resource, FieldNamed(resource, "updated_at")));
      row.push_back(absl::StrCat(GetInt64(resource, "revision")));
      table_.Add(std::move(row));
      break;
    }
    case Format::kJson:
      out_.Write(any_ ? ",\n" : "[\n");
      out_.Write(ProtoJson(resource, Layout::kIndented));
      break;
    case Format::kJsonl:
      out_.Write(ProtoJson(resource, Layout::kOneLine) + "\n");
      break;
    case Format::kSource:
      out_.Write(SourceJson(resource, Layout::kOneLine) + "\n");
      break;
  }
  any_ = true;
}

void ResourcePrinter::Flush() {
  out_.Write(table_.Render());
  out_.Flush();
}

void ResourcePrinter::Finish() {
  if (format_ == Format::kJson) out_.Write(any_ ? "\n]\n" : "[]\n");
  Flush();
}

ChangePrinter::ChangePrinter(const ResourceModel* model, const Scope& scope, Format format,
                             bool differences, Output& out)
    : model_(model),
      format_(format),
      differences_(differences),
      out_(out),
      table_(ChangeColumns(model, scope), out.width()),
      show_connector_(scope.connector_id.empty()),
      show_owner_(scope.owner_id.empty()) {}

void ChangePrinter::Print(const Message& change) {
  if (format_ == Format::kJson) return out_.Write(ProtoJson(change, Layout::kIndented) + "\n");
  if (format_ == Format::kJsonl) return out_.Write(ProtoJson(change, Layout::kOneLine) + "\n");
  if (model_ != nullptr) return PrintTyped(change);
  const MessagePtr typed = ChangeOfModel(change);
  if (typed != nullptr) return PrintTyped(*typed);
  // Of a model that is newer than this program: nothing is left out, if it is not pretty.
  out_.Write(ProtoJson(change, Layout::kOneLine) + "\n");
}

void ChangePrinter::PrintTyped(const Message& change) {
  if (format_ == Format::kSource) {
    out_.Write(SourceEventJson(change, Layout::kOneLine) + "\n");
  } else if (differences_) {
    out_.Write(Line(change));
  } else {
    AddRow(change);
  }
}

void ChangePrinter::AddRow(const Message& change) {
  std::vector<std::string> row = {absl::StrCat(GetInt64(change, "revision")), ChangeWord(change)};
  const Message& resource = GetMessage(change, "resource");
  if (model_ == nullptr) row.push_back(ModelOf(resource).id());
  AddCells(resource, model_ == nullptr ? 0 : kChangeFieldsMax, show_connector_, show_owner_, row);
  if (model_ == nullptr) row.push_back(TitleOf(resource));
  row.push_back(ChangedFields(change));
  table_.Add(std::move(row));
}

// `12  UPDATED   311 "Deal"  amount 10 → 20`
std::string ChangePrinter::Line(const Message& change) const {
  const Message& resource = GetMessage(change, "resource");
  std::string line = absl::StrFormat("%8d  %-9s ", GetInt64(change, "revision"),
                                     absl::AsciiStrToUpper(ChangeWord(change)));
  if (model_ == nullptr) absl::StrAppend(&line, " ", ModelOf(resource).id());
  if (show_connector_) absl::StrAppend(&line, " ", OneLine(GetString(resource, "connector_id")));
  if (show_owner_) absl::StrAppend(&line, " ", OneLine(GetString(resource, "owner_id")));
  absl::StrAppend(&line, " ", OneLine(GetString(resource, "id")));
  if (const std::string title = TitleOf(resource); !title.empty()) {
    absl::StrAppend(&line, " ", Quoted(title, kTitleWidthMax));
  }
  const std::string difference = DifferenceText(change);
  return absl::StrCat(line, difference.empty() ? "" : "  ", difference, "\n");
}

void ChangePrinter::Flush() {
  out_.Write(table_.Render());
  out_.Flush();
}

}  // namespace tributary::command
