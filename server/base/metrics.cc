#include "server/base/metrics.h"

#include <algorithm>

namespace tributary {
namespace {

constexpr uint64_t kMicro = 1'000;
constexpr uint64_t kMilli = 1'000 * kMicro;
constexpr uint64_t kSecond = 1'000 * kMilli;

// From a read out of the page cache to a disk that is in trouble.
constexpr std::array<uint64_t, 17> kDurations = {
    50 * kMicro,  100 * kMicro, 250 * kMicro,   500 * kMicro, 1 * kMilli,   2'500 * kMicro,
    5 * kMilli,   10 * kMilli,  25 * kMilli,    50 * kMilli,  100 * kMilli, 250 * kMilli,
    500 * kMilli, 1 * kSecond,  2'500 * kMilli, 5 * kSecond,  10 * kSecond};
constexpr std::array<uint64_t, 11> kPowersOfTwo = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024};

}  // namespace

const Histogram::Scale Histogram::kSeconds = {kDurations, 1e9};
const Histogram::Scale Histogram::kSizes = {kPowersOfTwo, 1};

void Histogram::Observe(uint64_t value) {
  static_assert(kDurations.size() < kBucketsMax && kPowersOfTwo.size() < kBucketsMax);
  const auto bucket = std::lower_bound(scale_.bounds.begin(), scale_.bounds.end(), value);
  buckets_[static_cast<size_t>(bucket - scale_.bounds.begin())].Add();
  sum_.Add(value);
}

void Histogram::Observe(std::chrono::nanoseconds duration) {
  Observe(static_cast<uint64_t>(std::max<int64_t>(duration.count(), 0)));
}

}  // namespace tributary
