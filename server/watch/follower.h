#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "server/base/limits.h"
#include "server/store/store.h"
#include "server/watch/change_block.h"
#include "server/watch/change_hub.h"
#include "server/watch/position.h"

namespace tributary {

struct FollowerOptions {
  Selection selection;
  Position start;
  std::optional<Revision> stop_at;  // go no further than this revision, if that is a state
  bool raw = false;                 // read raw_resource too
  bool before = false;              // read the replaced states too
  std::shared_ptr<const RecordFilter> existing_filter = nullptr;  // of a snapshot; null: all
  std::shared_ptr<const ChangeFilter> filter = nullptr;           // of what changes; null: all
  int batch_max = limits::kWatchResponseChangesMax;               // changes in one batch
};

// One reader of the log: sends what exists (a snapshot), then what changes (the tail), each change
// once, in order. It keeps a position and nothing else, so that it can wait for ever at no cost,
// and reads from the hub's window or, behind it, from the store in short pieces.
//
// Compaction may pass the position at any time. A tail then goes on with what is left of the log, a
// coalesced delta; a snapshot moves to a newer revision. Neither holds history back.
//
// Who is behind the window may have its next page read while the last one is on its way
// (ReadAhead): it holds one page then, and takes it as if it had just been read.
//
// Not thread-safe: one call at a time, but for ReadAhead. Next blocks on the disk. `store` and
// `hub` must outlive it.
class Follower {
 public:
  // What is ready. May hold nothing although `caught_up` is false: a long scan comes back now and
  // then.
  struct Batch {
    std::vector<Record> existing;    // of the snapshot, in key order
    std::vector<ChangeRun> changes;  // of the tail or of a moving snapshot, in revision order
    bool snapshot_complete = false;  // the snapshot ended with this batch
    bool caught_up = false;          // nothing more is ready: wait for the hub
    bool done = false;               // `stop_at` was reached
    Revision revision = 0;  // nothing at or before it is still to come, and who applied all holds
                            // the state of it; 0 while there is no such revision
    Revision head = 0;      // of the store
    int64_t committed_us = 0;  // when the change at the position was committed; 0: not known
  };

  Follower(Store& store, ChangeHub& hub, FollowerOptions options);
  ~Follower() { SetLate(false); }
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;

  // OUT_OF_RANGE, RESUME_TOKEN_EXPIRED: deletions since the position have been forgotten.
  absl::StatusOr<Batch> Next();

  // The same where it takes no disk, from the hub's window or what was read ahead; nullopt: call
  // Next.
  std::optional<Batch> NextInMemory();

  // What Next would read of the log now; nullopt: there is no need to read it ahead.
  std::optional<ChangeQuery> QueryAhead() const;

  // Reads `query`, the last answer of QueryAhead, for Next. Blocks on the disk; meanwhile nothing
  // may be called but what is const.
  void ReadAhead(const ChangeQuery& query);

  // Moves the position of a tail forward to `revision`. The caller knows from the hub that nothing
  // it covers lies between.
  void SkipTo(Revision revision);

  const Position& position() const { return position_; }
  const Selection& selection() const { return tail_.selection; }
  bool in_snapshot() const { return position_.stage == Position::Stage::kSnapshot; }

 private:
  absl::StatusOr<Batch> NextOfSnapshot();
  void MoveSnapshot();
  absl::StatusOr<Batch> NextOfMove();
  absl::StatusOr<Batch> NextOfTail();
  // What to read behind the window.
  ChangeQuery LateQuery() const;
  absl::StatusOr<ChangeRuns> ReadShared(const ChangeQuery& query);
  absl::StatusOr<ChangeRuns> ReadStore(const ChangeQuery& query);
  // What was read ahead, if it is what comes next.
  std::optional<Batch> NextAhead();
  // A batch of what was read behind the window; the position has not expired.
  Batch LateBatch(ChangeRuns read);
  // `judge`: not all of it is told as it stands.
  Batch TailBatch(ChangeRuns read, bool judge);
  std::vector<ChangeRun> Told(std::vector<ChangeRun> runs) const;
  bool IsDone() const;
  void SetLate(bool late);

  Store& store_;
  ChangeHub& hub_;
  const std::optional<Revision> stop_at_;
  const std::shared_ptr<const RecordFilter> existing_filter_;
  const std::shared_ptr<const ChangeFilter> filter_;
  Position position_;
  bool late_ = false;  // behind the hub's window
  ChangeQuery tail_;   // what it reads of the log, from the position to `stop_at`

  struct Page {
    Revision after = 0;
    ChangeRuns read;
  };
  std::unique_ptr<Page> ahead_;  // null but for who catches up
};

}  // namespace tributary
