#pragma once

#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "server/store/store.h"
#include "server/watch/change_block.h"
#include "server/watch/change_hub.h"
#include "server/watch/position.h"

namespace tributary {

struct FollowerOptions {
  Selection selection;
  Position start;
  std::optional<Revision> stop_at;  // go no further than this revision
  bool raw = false;                 // read raw_resource too
  bool before = false;              // read the replaced states too
};

// One reader of the log: sends what exists (a snapshot), then what changes (the tail), each change
// once, in order. It keeps a position and nothing else, so that it can wait for ever at no cost,
// and reads from the hub's window or, behind it, from the store in short pieces.
//
// Not thread-safe: one call at a time. Next blocks on the disk. `store` and `hub` must outlive it.
class Follower {
 public:
  // What is ready. May hold nothing although `caught_up` is false: a long scan comes back now and
  // then.
  struct Batch {
    std::vector<Record> existing;    // of the snapshot, in key order
    std::vector<ChangeRun> changes;  // of the tail, in revision order
    bool snapshot_complete = false;  // the snapshot ended with this batch
    bool caught_up = false;          // nothing more is ready: wait for the hub
    bool done = false;               // `stop_at` was reached
    Revision revision = 0;  // nothing at or before it is still to come; 0 inside a snapshot
    Revision head = 0;      // of the store
  };

  Follower(Store& store, ChangeHub& hub, FollowerOptions options);
  ~Follower() { SetLate(false); }
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;

  absl::StatusOr<Batch> Next();

  // The same where it takes no disk, from the hub's window; nullopt: call Next.
  std::optional<Batch> NextInMemory();

  // Moves the position of a tail forward to `revision`. The caller knows from the hub that nothing
  // it covers lies between.
  void SkipTo(Revision revision);

  const Position& position() const { return position_; }
  const Selection& selection() const { return tail_.selection; }
  bool in_snapshot() const { return position_.stage == Position::Stage::kSnapshot; }

 private:
  const std::optional<Revision>& stop_at() const { return tail_.through; }
  absl::StatusOr<Batch> NextOfSnapshot();
  absl::StatusOr<Batch> NextOfTail();
  absl::StatusOr<ChangeRuns> ReadBehindWindow();
  Batch TailBatch(ChangeRuns read);
  void SetLate(bool late);

  Store& store_;
  ChangeHub& hub_;
  Position position_;
  bool late_ = false;  // behind the hub's window
  ChangeQuery tail_;   // what it reads, also in a snapshot; `after` is the position
};

}  // namespace tributary
