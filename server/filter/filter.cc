#include "server/filter/filter.h"

#include <utility>

#include "proto/resources.h"
#include "server/base/status_macros.h"
#include "server/base/wire.h"
#include "server/filter/program.h"

namespace tributary {
namespace {

using filter::Bit;
using filter::Expression;
using filter::Findings;
using filter::Program;
using filter::Step;
using filter::Terms;
using Truth = Filter::Truth;

// Three-valued: what hangs on a term that is not known is kMaybe.
Truth Evaluate(const Expression& expression, Terms hold, Terms unknown) {
  switch (expression.kind) {
    case Expression::Kind::kTerm:
      if ((unknown & Bit(expression.term)) != 0) return Truth::kMaybe;
      return (hold & Bit(expression.term)) != 0 ? Truth::kYes : Truth::kNo;
    case Expression::Kind::kNot: {
      const Truth inner = Evaluate(expression.parts.front(), hold, unknown);
      return inner == Truth::kMaybe ? inner : inner == Truth::kYes ? Truth::kNo : Truth::kYes;
    }
    default:
      break;
  }
  const bool all = expression.kind == Expression::Kind::kAnd;
  Truth whole = all ? Truth::kYes : Truth::kNo;
  for (const Expression& part : expression.parts) {
    const Truth truth = Evaluate(part, hold, unknown);
    if (truth == (all ? Truth::kNo : Truth::kYes)) return truth;
    if (truth == Truth::kMaybe) whole = truth;
  }
  return whole;
}

// The target of a reference. One of another model than the field's is somebody else's.
std::optional<Key> TargetOf(const Step& step, std::string_view reference, const Key& from) {
  Key key{step.model, from.connector_id, from.owner_id, ""};
  wire::Reader reader(reference);
  while (const std::optional<wire::Field> field = reader.Next()) {
    if (field->number == 1 && field->bytes != step.model) return std::nullopt;
    if (field->number == 2) key.id = field->bytes;
  }
  return key.id.empty() ? std::nullopt : std::optional(std::move(key));
}

// The terms of changed() that hold: their fields are encoded in two ways.
Terms Changed(const Terms terms, const Findings& before, const Findings& after) {
  Terms changed = 0;
  const auto next = [](const Findings& findings, size_t& at, size_t term) {
    while (at < findings.watched.size() && findings.watched[at].first != term) ++at;
    return at < findings.watched.size();
  };
  for (size_t term = 0; (terms >> term) != 0; ++term) {
    if ((terms & Bit(term)) == 0) continue;
    size_t old_at = 0;
    size_t new_at = 0;
    while (true) {
      const bool has_old = next(before, old_at, term);
      const bool has_new = next(after, new_at, term);
      if (!has_old && !has_new) break;
      if (has_old != has_new || before.watched[old_at].second != after.watched[new_at].second) {
        changed |= Bit(term);
        break;
      }
      ++old_at;
      ++new_at;
    }
    if (term + 1 == filter::kTermsMax) break;
  }
  return changed;
}

absl::StatusOr<std::shared_ptr<const Filter>> Compiled(absl::StatusOr<Program> program) {
  if (!program.ok()) return std::move(program).status();
  return std::make_shared<const Filter>(std::make_unique<const Program>(*std::move(program)));
}

}  // namespace

Filter::Filter(std::unique_ptr<const Program> program) : program_(std::move(program)) {}
Filter::~Filter() = default;

absl::StatusOr<std::shared_ptr<const Filter>> Filter::Compile(
    std::string_view text, const google::protobuf::Descriptor& resource, Use use) {
  return Compiled(filter::CompileProgram(text, resource, use, filter::Subject::kResource));
}

absl::StatusOr<std::shared_ptr<const Filter>> Filter::CompileForFeed(std::string_view text) {
  // Any model's message will do: the frame is the same in all.
  return Compiled(filter::CompileProgram(text, *ResourceDescriptors().front(), Use::kWatch,
                                         filter::Subject::kFeed));
}

absl::StatusOr<std::shared_ptr<const Filter>> Filter::CompileForMessage(
    std::string_view text, const google::protobuf::Descriptor& message) {
  return Compiled(filter::CompileProgram(text, message, Use::kList, filter::Subject::kMessage));
}

const std::vector<Filter::Requirement>& Filter::requirements() const {
  return program_->requirements;
}

bool Filter::is_event() const { return program_->is_event; }

bool Filter::Matches(const Record& record) const {
  Findings findings;
  program_->current.Look(record.key, record.revision, record.state, findings);
  return Evaluate(program_->root, findings.hold, 0) == Truth::kYes;
}

bool Filter::MatchesEncoded(std::string_view message) const {
  Findings findings;
  program_->current.Look({}, 0, message, findings);
  return Evaluate(program_->root, findings.hold, 0) == Truth::kYes;
}

bool Filter::Matches(const Record& record, RecordLookup& others) const {
  Findings findings;
  program_->current.Look(record.key, record.revision, record.state, findings);
  const Truth truth = Evaluate(program_->root, findings.hold, program_->beyond);
  if (truth != Truth::kMaybe) return truth == Truth::kYes;
  for (size_t i = 0; i < program_->steps.size(); ++i) {
    const Step& step = program_->steps[i];
    if (i >= findings.references.size()) break;
    const std::optional<Key> key = TargetOf(step, findings.references[i], record.key);
    if (!key.has_value()) continue;
    const std::optional<Record> target = others.Find(*key);
    if (!target.has_value()) continue;
    step.target.Look(target->key, target->revision, target->state, findings);
  }
  return Evaluate(program_->root, findings.hold, 0) == Truth::kYes;
}

Filter::Truth Filter::MatchesChange(const Change& change, bool before_known) const {
  const bool deleted = change.kind == ChangeKind::kDeleted;
  const Record* before = change.before.get();
  const bool created = change.kind == ChangeKind::kCreated;
  Terms unknown = 0;
  Findings now;
  Findings then;
  if (!deleted) {
    program_->current.Look(change.key, change.revision, change.state, now);
  } else if (before != nullptr) {
    program_->current.Look(before->key, before->revision, before->state, now);
  } else {
    unknown |= program_->current.terms() & ~program_->current.key_terms();
    program_->current.Look(change.key, change.revision, "", now);
  }
  if (!before_known || (before == nullptr && !created)) {
    unknown |= program_->previous.terms() | (deleted ? 0 : program_->changed);
  } else {
    if (before != nullptr) {
      program_->previous.Look(before->key, before->revision, before->state, then);
    }
    if (!deleted) now.hold |= Changed(program_->changed, then, now);
  }
  return Evaluate(program_->root, now.hold | then.hold, unknown);
}

}  // namespace tributary
