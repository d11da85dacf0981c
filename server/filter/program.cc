#include "server/filter/program.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"
#include "server/base/strings.h"

namespace tributary::filter {
namespace {

constexpr uint32_t kReferenceId = 2;  // of tributary.v1.ResourceRef

using Requirement = Filter::Requirement;

std::optional<Requirement::Relation> RelationOf(const Predicate& predicate) {
  switch (predicate.comparator()) {
    case Comparator::kEqual:
    case Comparator::kHas:
      return Requirement::Relation::kEqual;
    case Comparator::kLess:
      return Requirement::Relation::kBelow;
    case Comparator::kLessEqual:
      return Requirement::Relation::kAtMost;
    case Comparator::kGreater:
    case Comparator::kGreaterEqual:
      return Requirement::Relation::kAtLeast;
  }
  return std::nullopt;
}

// What a comparison requires, if it is of a kind that an index can answer.
std::optional<Requirement> RequirementOf(const FieldPath& path, const Predicate& predicate) {
  if (predicate.is_presence() || predicate.anywhere() || predicate.constants().size() != 1) {
    return std::nullopt;
  }
  if (path.place != FieldPath::Place::kState || !path.target_model.empty()) return std::nullopt;
  const std::optional<Requirement::Relation> relation = RelationOf(predicate);
  if (!relation.has_value()) return std::nullopt;
  Requirement requirement;
  requirement.relation = *relation;
  for (const Edge& edge : path.edges) {
    if (edge.key.has_value()) return std::nullopt;
    requirement.path.push_back(edge.number);
  }
  const Constant& constant = predicate.constants().front();
  switch (predicate.type()) {
    case FieldType::kText:
    case FieldType::kReference:
      if (constant.text.pieces.size() != 1 || *relation != Requirement::Relation::kEqual) {
        return std::nullopt;
      }
      requirement.value = constant.text.pieces.front();
      return requirement;
    case FieldType::kNumber:
      if (!constant.number.has_value()) return std::nullopt;
      requirement.value = *constant.number;
      return requirement;
    case FieldType::kEnum:
      requirement.value = static_cast<double>(constant.integer);
      return requirement;
    case FieldType::kInstant:
      requirement.value = constant.instant;
      return requirement;
    default:
      return std::nullopt;
  }
}

bool IsRequired(const Expression& root, size_t term) {
  const auto is_it = [term](const Expression& part) {
    return part.kind == Expression::Kind::kTerm && part.term == term;
  };
  return is_it(root) || (root.kind == Expression::Kind::kAnd &&
                         std::any_of(root.parts.begin(), root.parts.end(), is_it));
}

class Compiler {
 public:
  Compiler(std::string_view text, const Scope& scope, Filter::Use use)
      : text_(text), scope_(scope), use_(use) {}

  absl::StatusOr<Program> Run() {
    TRIBUTARY_ASSIGN_OR_RETURN(Syntax syntax, Parse(text_));
    program_.root = std::move(syntax.root);
    for (size_t term = 0; term < syntax.terms.size(); ++term) {
      TRIBUTARY_RETURN_IF_ERROR(Add(term, syntax.terms[term]));
    }
    return std::move(program_);
  }

 private:
  absl::Status Add(size_t term, const Restriction& restriction) {
    const Name& first = restriction.path.front();
    const bool previous = first.text == "previous" && restriction.path.size() > 1;
    const bool event = previous || restriction.changed;
    if (event && use_ == Filter::Use::kList) {
      return Fault(text_, first.at, first.text,
                   "previous. and changed() speak of a change: only Watch takes them");
    }
    if (previous && restriction.changed) {
      return Fault(text_, first.at, first.text,
                   "changed() compares with the previous state already: name the field alone");
    }
    program_.is_event = program_.is_event || event;
    TRIBUTARY_ASSIGN_OR_RETURN(FieldPath path, Resolve(scope_, restriction.path, previous ? 1 : 0));
    if (restriction.changed) return AddChanged(term, restriction, path);
    const bool presence = restriction.values.size() == 1 && restriction.values.front().is_star() &&
                          (restriction.comparator == Comparator::kHas ||
                           restriction.comparator == Comparator::kEqual);
    Predicate predicate = Predicate::Presence(path.type);
    if (!presence) {
      TRIBUTARY_ASSIGN_OR_RETURN(
          predicate, Predicate::Compile(text_, restriction, path.type, *path.field, path.in_list));
      if (path.type == FieldType::kReference) path.edges.push_back({kReferenceId, std::nullopt});
    }
    if (!previous && IsRequired(program_.root, term)) {
      std::optional<Requirement> requirement = RequirementOf(path, predicate);
      if (requirement.has_value()) program_.requirements.push_back(*std::move(requirement));
    }
    ViewOf(term, path, previous).AddTerm(term, path, std::move(predicate));
    return absl::OkStatus();
  }

  absl::Status AddChanged(size_t term, const Restriction& restriction, const FieldPath& path) {
    if (path.place != FieldPath::Place::kState) {
      const Name& name = restriction.path.back();
      return Fault(text_, name.at, name.text,
                   path.place == FieldPath::Place::kRevision ? "changes with every change"
                                                             : "never changes");
    }
    program_.changed |= Bit(term);
    program_.current.AddWatched(term, path);
    program_.previous.AddWatched(term, path);
    return absl::OkStatus();
  }

  View& ViewOf(size_t term, const FieldPath& path, bool previous) {
    if (path.target_model.empty()) return previous ? program_.previous : program_.current;
    program_.beyond |= Bit(term);
    for (Step& step : program_.steps) {
      if (step.through == path.through) return step.target;
    }
    program_.current.AddReference(program_.steps.size(), path.through);
    program_.steps.push_back({path.target_model, path.through, {}});
    return program_.steps.back().target;
  }

  const std::string_view text_;
  const Scope& scope_;
  const Filter::Use use_;
  Program program_;
};

}  // namespace

absl::StatusOr<Program> CompileProgram(std::string_view text,
                                       const google::protobuf::Descriptor& resource,
                                       Filter::Use use, Subject subject) {
  const Scope scope{text, resource, use == Filter::Use::kList, subject};
  return Compiler(text, scope, use).Run();
}

}  // namespace tributary::filter
