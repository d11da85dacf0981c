#include "server/store/sqlite/read_pool.h"

#include <algorithm>
#include <utility>

namespace tributary::sqlite {

ReadPool::ReadPool(const SqliteOptions& options, const Scopes& scopes, const Overlay& overlay,
                   const Floors& floors) {
  MutexLock lock(mutex_);
  all_ = static_cast<size_t>(std::max(options.readers, 1));
  while (free_.size() < all_) {
    free_.push_back(std::make_unique<Reader>(options, scopes, overlay, floors));
  }
}

ReadPool::Loan ReadPool::Borrow() {
  MutexLock lock(mutex_);
  while (closed_ || free_.empty()) changed_.Wait(mutex_);
  std::unique_ptr<Reader> reader = std::move(free_.back());
  free_.pop_back();
  return Loan(*this, std::move(reader));
}

void ReadPool::Return(std::unique_ptr<Reader> reader) {
  {
    MutexLock lock(mutex_);
    free_.push_back(std::move(reader));
  }
  changed_.NotifyAll();
}

void ReadPool::Close() {
  MutexLock lock(mutex_);
  closed_ = true;
  while (free_.size() < all_) changed_.Wait(mutex_);
  for (const auto& reader : free_) reader->EndSnapshot();
}

void ReadPool::EndIdleSnapshots() {
  MutexLock lock(mutex_);
  for (const auto& reader : free_) reader->EndSnapshot();
}

void ReadPool::Open() {
  {
    MutexLock lock(mutex_);
    closed_ = false;
  }
  changed_.NotifyAll();
}

}  // namespace tributary::sqlite
