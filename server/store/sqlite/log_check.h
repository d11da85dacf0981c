#pragma once

#include <string>

#include "absl/status/status.h"

namespace tributary::sqlite {

// Looks at the write-ahead log of `path`, before SQLite does and without writing, for damage in its
// middle. SQLite takes the first frame that fails its checksum for the end of the log, and drops
// what follows; so it would lose acknowledged commits without a word, and write over them.
//
// OK: the log is whole, or cut off in its last transaction, as when a process or a machine died in
// the middle of it: what was not complete was not acknowledged. (A last transaction that was
// damaged later looks the same.) DATA_LOSS (STORED_DATA_CORRUPT): what follows the damage was
// complete, or the head of the log is damaged; the message says what can be done. UNAVAILABLE: it
// can't be read.
absl::Status CheckLog(const std::string& path);

}  // namespace tributary::sqlite
