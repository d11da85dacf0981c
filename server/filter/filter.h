#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "google/protobuf/descriptor.h"
#include "server/model/time_text.h"
#include "server/store/types.h"

namespace tributary {

namespace filter {
struct Program;
}

// A filter of List or Watch (docs/filters.md), compiled against the descriptor of its model. It is
// evaluated on stored bytes: one walk over a state sees all fields that the filter names, and
// nothing is parsed or allocated.
//
// Immutable, thread-safe.
class Filter final : public RecordFilter, public ChangeFilter {
 public:
  enum class Use {
    kList,  // steps through references; refuses what speaks of a change
    kWatch  // previous. and changed(); refuses steps, as the target's own changes are not watched
  };

  // INVALID_ARGUMENT, FILTER_INVALID, with the position (Unicode characters from 1), the token
  // there and the rule, with the nearest known names. `resource`: the message of the model. An
  // empty text matches everything.
  static absl::StatusOr<std::shared_ptr<const Filter>> Compile(
      std::string_view text, const google::protobuf::Descriptor& resource, Use use);

  // For a Watch over all models: the fields of the frame, which have one number in every message,
  // and `model`.
  static absl::StatusOr<std::shared_ptr<const Filter>> CompileForFeed(std::string_view text);

  // For messages that are no resources: any field of `message` itself. Evaluated by MatchesEncoded.
  static absl::StatusOr<std::shared_ptr<const Filter>> CompileForMessage(
      std::string_view text, const google::protobuf::Descriptor& message);

  explicit Filter(std::unique_ptr<const filter::Program> program);
  ~Filter() override;

  // What a state filter says of a state. Others are looked up only where the answer hangs on them.
  bool Matches(const Record& record, RecordLookup& others) const override;
  // The same where no reference is stepped through, which is always so with kWatch.
  bool Matches(const Record& record) const override;
  // Of a message that CompileForMessage was given the type of.
  bool MatchesEncoded(std::string_view message) const;

  // A comparison that holds of every resource that the filter matches, in a form for an index.
  struct Requirement {
    enum class Relation : uint8_t { kEqual, kAtLeast, kBelow, kAtMost };

    // The numbers of the fields from the resource down to the value; of a reference its id, of a
    // list one of its elements.
    std::vector<uint32_t> path;
    Relation relation = Relation::kEqual;
    // A text, a number (also of an enum or a bool), or a time. Where the filter says more than
    // `relation` can, this is the weaker one.
    std::variant<std::string, double, Instant> value;
  };
  const std::vector<Requirement>& requirements() const;

  // True: it speaks of transitions (previous., changed()), so it chooses changes, not states.
  bool is_event() const override;

  // What it says of a change. On a created resource `previous` is absent and changed(f) means that
  // f is present; on a deleted one the current state is the last one, and nothing changed. What is
  // said of a state that is not known is unknown, and so may be the answer: kMaybe. The state
  // before is known if `before_known` and `change` has it or is of kind kCreated.
  Truth MatchesChange(const Change& change, bool before_known) const override;

 private:
  const std::unique_ptr<const filter::Program> program_;
};

}  // namespace tributary
