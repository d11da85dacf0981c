#pragma once

#include <cstdint>
#include <string>

namespace tributary::testing {

// A disk that fails as it is told to, under every SQLite file of this process: a VFS in front of
// the system's own, and the default one from before main() on where faulty_disk.cc is linked in.
// Neither root nor a mount is needed. Thread-safe.
//
// It also knows what would be left if the power went: a write counts once an fsync of its file has
// succeeded. After a failed one the disk is at its worst: what was written since the last good one
// is given up (though it can still be read, as on ext4), and the next fsync reports success all the
// same; only what is written anew counts again.
class FaultyDisk {
 public:
  enum class File { kDatabase, kLog, kAny };

  // Everything works again, all that was written is on the disk, and all counts begin at 0.
  static void Mend();

  // From the `nth` write on files can grow by `bytes` altogether, and no more; what they give back
  // counts. SQLITE_FULL beyond that, after writing what there is room for.
  static void FillUp(int64_t bytes = 0, int nth = 1);
  // There is room again.
  static void MakeRoom();

  // The `nth` fsync of `file` from now on fails, and `count - 1` more; nth = 0: none any more.
  static void FailFsync(File file, int nth = 1, int count = 1);

  // The `nth` write from now on is torn, and nothing works any more. After that close what is open
  // and call RestorePower().
  static void LosePower(int nth = 0);
  // Leaves in all files what is sure to be on the disk; of what was written since, each block of
  // 4 KiB is there or not, as `seed` says. No file may be open.
  static void RestorePower(unsigned seed = 0);

  // From now on reads of `file` that reach to byte `at` and beyond end there, or show that byte
  // flipped; until Mend().
  static void CutReads(File file, int64_t at);
  static void FlipReads(File file, int64_t at);

  // Whether what was told to happen has happened, and how often files were written and synced.
  static bool struck();
  static int writes();
  static int fsyncs(File file);
};

// Flips a bit of a file that is not open.
void FlipByte(const std::string& path, int64_t at);

}  // namespace tributary::testing
