#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "server/model/field_plan.h"
#include "server/model/model.h"
#include "server/model/time_text.h"
#include "server/store/types.h"

namespace tributary {

// By which of its values a resource of one model can be looked up and ordered: the fields that its
// proto marks as `indexed`, `created_at` and `updated_at`. Immutable, thread-safe.
class ResourceIndex {
 public:
  struct Field {
    uint32_t number = 0;  // in IndexEntry
    std::string path;     // "fields.amount", "updated_at"
    FieldKind kind = FieldKind::kString;
    // It has one value, or none, which sorts before all; so resources can be ordered by it.
    bool ordered = false;
  };

  explicit ResourceIndex(const Model& model);

  // What a stored state has, sorted, each entry once.
  std::vector<IndexEntry> EntriesOf(std::string_view state) const;

  const std::vector<Field>& fields() const { return fields_; }
  // By its path; the names of fields of `fields` do without that word. null: not indexed.
  const Field* Find(std::string_view path) const;
  // By the numbers of the fields from the resource down; of a reference, of its id.
  const Field* Find(const std::vector<uint32_t>& numbers) const;

  // Values as entries hold them.
  static std::string Absent() { return ""; }
  static std::string OfText(std::string_view text);  // strings, and the ids of references
  static std::string OfNumber(double number);        // also enums, by number, and bools
  static std::string OfTime(const Instant& time);

  // Tells these fields and forms from others.
  int64_t Definition() const;

 private:
  void AddOfFields(std::string_view message, std::vector<IndexEntry>& entries) const;
  void AddAbsent(std::vector<IndexEntry>& entries) const;

  std::string model_;
  std::vector<Field> fields_;  // by number
};

}  // namespace tributary
