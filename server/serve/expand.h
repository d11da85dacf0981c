#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "server/model/model.h"
#include "server/store/store.h"

namespace tributary {

// A field on the way to references: one itself, or a message with some inside.
struct ReferenceField {
  uint32_t number = 0;
  std::string model;                   // a reference: what it is to, unless it says so itself
  std::vector<ReferenceField> inside;  // a message; empty: a reference
};

// The references of one model, by their names in `expand`. Compiled once, immutable, thread-safe.
class References {
 public:
  explicit References(const Model& model);

  // Those that `names` name, as fields of `Fields`; none if there are no names. By proto or JSON
  // names, with or without `fields.` in front. INVALID_ARGUMENT (ARGUMENT_INVALID) for a name that
  // is no reference, with those that are.
  absl::StatusOr<std::vector<ReferenceField>> Select(const std::vector<std::string>& names) const;

 private:
  struct Named {
    std::string name;       // "speakers.user"
    std::string json_name;  // the same in the JSON's names
    std::vector<uint32_t> numbers;
    std::string model;
  };
  void Add(const MessagePlan& plan, const Named& outer);

  const std::string model_;
  std::vector<Named> all_;
};

// What the references in some resources lead to, for putting it into them: one step, in the scope
// of each resource, as of one revision. What is read is bounded: past the size of an answer, what
// later resources refer to is left unread. Not thread-safe.
class Expansion {
 public:
  // Expands nothing.
  Expansion() = default;

  // Reads what `selected` references of `records` lead to, with one BatchGet for each scope and
  // model. `selected` must outlive it.
  static absl::StatusOr<Expansion> Read(Store& store, const ModelRegistry& models,
                                        const std::vector<ReferenceField>& selected,
                                        const std::vector<Record>& records, Revision revision);

  // Puts the resources into the references of `record`, whose state grows by at most `room` bytes.
  // False: there was no room for all of them. What does not exist stays a reference.
  bool PutInto(Record& record, size_t room) const;

 private:
  struct Target {
    bool read = false;
    std::string resource;  // encoded field `resource` of a ResourceRef; empty: it is not there
  };
  using Targets = absl::flat_hash_map<std::string, Target>;  // by id
  // Of one connector and owner, by model.
  struct Scope {
    std::map<std::string, Targets, std::less<>> models;
    std::map<std::string, std::vector<std::string>> wanted;  // ids, in the order of the records
  };
  using Scopes = std::map<std::pair<std::string, std::string>, Scope>;
  class Rewriting;

  static void Collect(std::string_view message, const std::vector<ReferenceField>& fields,
                      Scope& scope);
  static absl::StatusOr<size_t> ReadTargets(Store& store, const Model& model, BatchQuery query,
                                            Targets& targets);

  const std::vector<ReferenceField>* selected_ = nullptr;
  Scopes scopes_;
};

}  // namespace tributary
