#pragma once

#include <atomic>
#include <exception>

#include "server/store/types.h"

namespace tributary::sqlite {

// How far back the file reaches. Moved by the writer before what they release is removed: a reader
// that misses a row finds the floor above it.
struct Floors {
  // The state of every resource at every revision from here on can be read; a change that was
  // replaced at or below it may be gone.
  std::atomic<Revision> history = 0;
  // A tombstone at or below it may be gone.
  std::atomic<Revision> tombstones = 0;
  // The index knows what is shown at every revision from here on.
  std::atomic<Revision> index = 0;
};

// What was asked for was there once, but history has passed it.
class Compacted : public std::exception {
 public:
  const char* what() const noexcept override { return "compacted"; }
};

}  // namespace tributary::sqlite
