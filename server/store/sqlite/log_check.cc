#include "server/store/sqlite/log_check.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/error.h"
#include "server/store/sqlite/big_endian.h"

namespace tributary::sqlite {
namespace {

// The format: https://www.sqlite.org/fileformat2.html#the_write_ahead_log. This magic number says
// that checksums are over words in the order of little-endian hosts, as all that we run on.
constexpr uint32_t kMagic = 0x377f0682;
constexpr size_t kHeaderBytes = 32;
constexpr size_t kFrameHeaderBytes = 24;
constexpr uint32_t kPageBytesMin = 512;
constexpr uint32_t kPageBytesMax = 65'536;

// The running checksum of a log. Each frame holds its value behind it, so that a frame can be
// checked whatever was before it, against what the one before it says.
struct Checksum {
  uint32_t first = 0;
  uint32_t second = 0;

  static Checksum At(const char* bytes) { return {BigEndian(bytes), BigEndian(bytes + 4)}; }

  void Add(std::string_view bytes) {
    for (size_t i = 0; i + 8 <= bytes.size(); i += 8) {
      std::array<uint32_t, 2> words;
      std::memcpy(words.data(), bytes.data() + i, 8);
      first += words[0] + second;
      second += words[1] + first;
    }
  }

  bool operator==(const Checksum&) const = default;
};

class Log {
 public:
  explicit Log(std::ifstream& file) : file_(file) {}

  enum class Header { kNone, kDamaged, kWhole };
  Header ReadHeader() {
    std::array<char, kHeaderBytes> bytes{};
    file_.read(bytes.data(), bytes.size());
    if (static_cast<size_t>(file_.gcount()) < bytes.size()) return Header::kNone;
    // A file that was made longer, and no more: the header is on the disk before the first frame.
    if (std::all_of(bytes.begin(), bytes.end(), [](char c) { return c == 0; })) {
      return Header::kNone;
    }
    Checksum checksum;
    checksum.Add({bytes.data(), kHeaderBytes - 8});
    said_ = held_ = Checksum::At(&bytes[kHeaderBytes - 8]);
    salt_ = Checksum::At(&bytes[16]);
    const uint32_t page_bytes = BigEndian(&bytes[8]);
    if (BigEndian(bytes.data()) != kMagic || checksum != said_ || page_bytes < kPageBytesMin ||
        page_bytes > kPageBytesMax) {
      return Header::kDamaged;
    }
    frame_.resize(kFrameHeaderBytes + page_bytes);
    return Header::kWhole;
  }

  struct Frame {
    bool whole = false;    // its checksum follows from the frame before it
    bool commits = false;  // a transaction ends with it
  };
  // nullopt: there is none, or it is left of an earlier use of the file.
  std::optional<Frame> ReadFrame() {
    file_.read(frame_.data(), static_cast<std::streamsize>(frame_.size()));
    if (static_cast<size_t>(file_.gcount()) < frame_.size()) return std::nullopt;
    // Of the frame before it what it says may be the damage, or what it holds.
    const Checksum from_said = With(said_);
    const Checksum from_held = held_ == said_ ? from_said : With(held_);
    said_ = Checksum::At(&frame_[16]);
    const bool follows = from_said == said_ || from_held == said_;
    held_ = from_held == said_ ? from_held : from_said;
    const bool current = Checksum::At(&frame_[8]) == salt_;
    if (!current && !follows) return std::nullopt;
    return Frame{current && follows, BigEndian(&frame_[4]) != 0};
  }

 private:
  // `checksum`, continued over the frame.
  Checksum With(Checksum checksum) const {
    checksum.Add({frame_.data(), 8});
    checksum.Add({&frame_[kFrameHeaderBytes], frame_.size() - kFrameHeaderBytes});
    return checksum;
  }

  std::ifstream& file_;
  std::vector<char> frame_;
  Checksum salt_;
  Checksum said_;  // behind what was read: as the file has it
  Checksum held_;  // and as it is
};

absl::Status Damaged(const std::string& path, std::string_view where, std::string_view way_out) {
  return MakeError(
      absl::StatusCode::kDataLoss,
      absl::StrCat(path, "-wal is damaged ", std::string(where),
                   ": to go on would lose what was acknowledged after that. Nothing was changed. "
                   "Restore the files from a backup",
                   std::string(way_out)),
      reason::kStoredDataCorrupt);
}

}  // namespace

absl::Status CheckLog(const std::string& path) {
  errno = 0;
  std::ifstream file(path + "-wal", std::ios::binary);
  if (!file.is_open()) {
    if (errno == ENOENT) return absl::OkStatus();
    return MakeError(absl::StatusCode::kUnavailable,
                     absl::StrCat("can't open ", path, "-wal: ", std::strerror(errno)),
                     reason::kStoreUnavailable);
  }
  Log log(file);
  const Log::Header header = log.ReadHeader();
  if (header == Log::Header::kDamaged) return Damaged(path, "at its head", "");
  if (header != Log::Header::kWhole) return absl::OkStatus();
  // Behind the first frame that is not whole, up to the second one that is not: had they not been
  // complete, a later transaction would not have been begun.
  int64_t damaged = 0;
  bool committed = false;
  for (int64_t number = 1;; ++number) {
    const std::optional<Log::Frame> frame = log.ReadFrame();
    if (!frame.has_value()) return absl::OkStatus();
    if (damaged == 0) {
      if (frame->whole) continue;
      damaged = number;
    } else if (!frame->whole) {
      return absl::OkStatus();
    } else if (committed) {
      return Damaged(path, absl::StrCat("in frame ", damaged),
                     absl::StrCat("; or, to keep what came before it and no more, run: sqlite3 ",
                                  path, " 'PRAGMA wal_checkpoint(TRUNCATE)'"));
    }
    committed = committed || frame->commits;
  }
}

}  // namespace tributary::sqlite
