#include "server/filter/program.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/status_macros.h"
#include "server/base/strings.h"

namespace tributary::filter {
namespace {

constexpr uint32_t kReferenceId = 2;  // of tributary.v1.ResourceRef

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
                                       Filter::Use use, bool feed) {
  const Scope scope{text, resource, use == Filter::Use::kList, feed};
  return Compiler(text, scope, use).Run();
}

}  // namespace tributary::filter
