#pragma once

#include <optional>
#include <utility>

#include "server/store/sqlite/reader.h"

namespace tributary::sqlite {

// Finds what a filter wants to know of other resources. While one is in use no cursor is open: to
// look a resource up may need a newer snapshot.
class Reader::Lookup final : public RecordLookup {
 public:
  Lookup(Reader& reader, Revision at) : reader_(reader), at_(at) {}

  std::optional<Record> Find(const Key& key) override {
    const Scope* scope = reader_.scopes_.Find(key);
    if (scope == nullptr) return std::nullopt;
    std::optional<Record> record = reader_.Find(*scope, key.id, at_, false);
    if (!record.has_value() || record->deleted) return std::nullopt;
    return record;
  }

 private:
  Reader& reader_;
  const Revision at_;
};

}  // namespace tributary::sqlite
