#include "server/serve/list_plan.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "google/protobuf/descriptor.h"
#include "server/base/error.h"
#include "server/base/status_macros.h"
#include "server/base/strings.h"

namespace tributary {
namespace {

using Requirement = Filter::Requirement;

std::string ValueOf(const Requirement& requirement) {
  struct Visitor {
    std::string operator()(const std::string& text) const { return ResourceIndex::OfText(text); }
    std::string operator()(double number) const { return ResourceIndex::OfNumber(number); }
    std::string operator()(const Instant& time) const { return ResourceIndex::OfTime(time); }
  };
  return std::visit(Visitor(), requirement.value);
}

// `path` is that of a field in the frame, or among `fields`.
bool HasField(const google::protobuf::Descriptor& resource, std::string_view path) {
  const bool among_fields = path.starts_with("fields.");
  if (among_fields) path.remove_prefix(std::string_view("fields.").size());
  const std::string name(path);
  if (!among_fields && resource.FindFieldByName(name) != nullptr) return true;
  const google::protobuf::FieldDescriptor* fields = resource.FindFieldByName("fields");
  return fields != nullptr && fields->message_type() != nullptr &&
         fields->message_type()->FindFieldByName(name) != nullptr;
}

absl::Status OrderInvalid(const ResourceIndex& index, std::string_view order_by,
                          std::string_view why = reason::kArgumentInvalid) {
  std::vector<std::string> known;
  for (const ResourceIndex::Field& field : index.fields()) {
    if (field.ordered) known.push_back(field.path);
  }
  const std::string rule = absl::StrCat("must be one of ", absl::StrJoin(known, ", "),
                                        ", with ` desc` behind it for the greatest first");
  ErrorDetail detail;
  detail.reason = why;
  detail.violations.push_back({"order_by", rule});
  return MakeError(absl::StatusCode::kInvalidArgument,
                   absl::StrCat("order_by ", Clip(order_by), " ", rule), std::move(detail));
}

// Names are taken in the spelling of JSON too: `updatedAt`.
std::string SnakeCase(std::string_view name) {
  std::string snake;
  for (const char letter : name) {
    if (absl::ascii_isupper(static_cast<unsigned char>(letter))) snake += '_';
    snake += absl::ascii_tolower(static_cast<unsigned char>(letter));
  }
  return snake;
}

absl::StatusOr<IndexScan> ScanInOrder(const Model& model, const ResourceIndex& index,
                                      std::string_view order_by) {
  const std::vector<std::string> words =
      absl::StrSplit(Absl(order_by), absl::ByAnyChar(" \t"), absl::SkipEmpty());
  if (words.empty() || words.size() > 2) return OrderInvalid(index, order_by);
  const std::string direction = words.size() == 2 ? absl::AsciiStrToLower(words[1]) : "asc";
  if (direction != "desc" && direction != "asc") return OrderInvalid(index, order_by);
  const std::string path = SnakeCase(words[0]);
  const ResourceIndex::Field* field = index.Find(path);
  if (field == nullptr || !field->ordered) {
    if (!HasField(*model.message(), path)) return OrderInvalid(index, order_by);
    return OrderInvalid(index, order_by, reason::kArgumentNotSupported);
  }
  IndexScan scan;
  scan.field = field->number;
  scan.order = direction == "desc" ? IndexScan::Order::kDescending : IndexScan::Order::kRising;
  return scan;
}

// The scan need not leave what the filter requires of its field.
void Narrow(const Requirement& requirement, IndexScan& scan) {
  const std::string value = ValueOf(requirement);
  const auto end_at = [&](const std::string& until) {
    scan.until = scan.until.empty() ? until : std::min(scan.until, until);
  };
  switch (requirement.relation) {
    case Requirement::Relation::kEqual:
      scan.from = std::max(scan.from, value);
      end_at(value + '\0');
      break;
    case Requirement::Relation::kAtLeast:
      scan.from = std::max(scan.from, value);
      break;
    case Requirement::Relation::kAtMost:
      end_at(value + '\0');
      break;
    case Requirement::Relation::kBelow:
      end_at(value);
      break;
  }
}

// The index that most likely leads to the fewest: many resources share a status, few a person.
std::optional<IndexScan> ScanOfValue(const ResourceIndex& index,
                                     const std::vector<Requirement>& requirements) {
  std::optional<IndexScan> scan;
  bool is_text = false;
  for (const Requirement& requirement : requirements) {
    const ResourceIndex::Field* field = index.Find(requirement.path);
    if (field == nullptr || requirement.relation != Requirement::Relation::kEqual) continue;
    const bool text = std::holds_alternative<std::string>(requirement.value);
    if (scan.has_value() && (is_text || !text)) continue;
    scan = IndexScan{field->number, IndexScan::Order::kEqual, ValueOf(requirement), ""};
    is_text = text;
  }
  return scan;
}

}  // namespace

absl::StatusOr<ListPlan> PlanList(const Model& model, const ResourceIndex& index,
                                  const Request& request) {
  ListPlan plan;
  if (!request.filter.empty()) {
    TRIBUTARY_ASSIGN_OR_RETURN(
        plan.filter, Filter::Compile(request.filter, *model.message(), Filter::Use::kList));
  }
  const std::vector<Requirement> none;
  const auto& requirements = plan.filter == nullptr ? none : plan.filter->requirements();
  if (request.order_by.empty()) {
    plan.index = ScanOfValue(index, requirements);
    return plan;
  }
  TRIBUTARY_ASSIGN_OR_RETURN(plan.index, ScanInOrder(model, index, request.order_by));
  for (const Requirement& requirement : requirements) {
    const ResourceIndex::Field* field = index.Find(requirement.path);
    if (field != nullptr && field->number == plan.index->field) Narrow(requirement, *plan.index);
  }
  return plan;
}

}  // namespace tributary
