#pragma once

#include <bit>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "server/filter/field_path.h"
#include "server/filter/predicate.h"
#include "server/store/types.h"

namespace tributary::filter {

// A set of terms: those that hold, those that are not known.
using Terms = uint64_t;
constexpr Terms Bit(size_t term) { return Terms{1} << term; }

// What one look at a resource has found.
struct Findings {
  Terms hold = 0;
  // The references to step through, as encoded; by step.
  absl::InlinedVector<std::string_view, 4> references;
  // The fields of changed(), as encoded, with the term of each.
  absl::InlinedVector<std::pair<size_t, std::string_view>, 8> watched;
};

// All that a filter wants to know of one resource: of its current state, its previous one, or one
// that it refers to. The fields stand in a tree, so that one walk over a state finds them all.
class View {
 public:
  void AddTerm(size_t term, const FieldPath& path, Predicate predicate);
  void AddWatched(size_t term, const FieldPath& path) {
    NodeAt(path.edges).watched.push_back(term);
  }
  void AddReference(size_t step, const std::vector<Edge>& edges) {
    NodeAt(edges).references.push_back(step);
  }

  Terms terms() const { return terms_; }
  Terms key_terms() const { return key_terms_; }  // those that need no state

  // Terms that no field of `state` decides stay as they are: an absent field compares as false.
  void Look(const Key& key, Revision revision, std::string_view state, Findings& findings) const;

 private:
  struct Test {
    size_t term;
    bool any;  // of a list: one element is enough
    Predicate predicate;
  };
  struct Node {
    Edge edge;
    std::vector<Node> children;
    std::vector<Test> tests;
    std::vector<size_t> watched;
    std::vector<size_t> references;
  };
  struct KeyTest {
    size_t term;
    const std::string Key::*part;
    Predicate predicate;
  };

  Node& NodeAt(const std::vector<Edge>& edges);
  static void Walk(const Node& node, std::string_view message, Findings& findings);
  static void Meet(const Node& node, const wire::Field& field, Findings& findings);

  Node root_;
  std::vector<KeyTest> key_tests_;
  std::vector<Test> revision_tests_;
  Terms terms_ = 0;
  Terms key_terms_ = 0;
  Terms hold_if_absent_ = 0;
  bool looks_ = false;  // into the state
};

}  // namespace tributary::filter
