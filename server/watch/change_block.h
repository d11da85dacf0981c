#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "server/store/types.h"
#include "server/watch/change_type.h"

namespace tributary {

// Changes that follow each other in the log and are kept together: those of one commit, or one page
// of the store. All who read them share the block, and with it what was made of it: a form, say its
// encoding, is made when the first one asks. Thread-safe.
class ChangeBlock {
 public:
  static constexpr size_t kForms = 8;

  // `changes`, in revision order, not empty.
  explicit ChangeBlock(std::vector<ChangePtr> changes) : changes_(std::move(changes)) {}
  ChangeBlock(const ChangeBlock&) = delete;
  ChangeBlock& operator=(const ChangeBlock&) = delete;

  std::span<const ChangePtr> changes() const { return changes_; }

  // The form with this number (below kForms) of all changes, made by `make(changes())` the first
  // time. Whoever asks for one number means the same `Form` and `make`.
  template <typename Form, typename Make>
  const Form& As(size_t number, Make make) const {
    Slot& slot = slots_[number];
    std::call_once(slot.once, [&] { slot.form = std::make_shared<const Form>(make(changes())); });
    return *static_cast<const Form*>(slot.form.get());
  }

 private:
  struct Slot {
    std::once_flag once;
    std::shared_ptr<const void> form;
  };

  const std::vector<ChangePtr> changes_;
  mutable std::array<Slot, kForms> slots_;
};

using BlockPtr = std::shared_ptr<const ChangeBlock>;

// Some neighbours in a block: what a reader takes of it.
struct ChangeRun {
  BlockPtr block;
  uint32_t first = 0;
  uint32_t count = 0;
  // How each of them is told; none: as its kind says, with all that is known of it.
  std::optional<Telling> telling = std::nullopt;

  std::span<const ChangePtr> changes() const { return block->changes().subspan(first, count); }
};

// What a reader of changes got.
struct ChangeRuns {
  std::vector<ChangeRun> runs;  // in revision order; kHidden left out as in ChangePage
  Revision through = 0;         // nothing covered at or before it is missing
  Revision head = 0;
  // The floors of the store at that read; 0 from memory, which has no holes.
  Revision floor = 0;
  Revision tombstone_floor = 0;
};

}  // namespace tributary
