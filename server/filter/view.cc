#include "server/filter/view.h"

#include <optional>

namespace tributary::filter {
namespace {

void Set(Terms& terms, size_t term, bool holds) {
  terms = holds ? terms | Bit(term) : terms & ~Bit(term);
}

// The value of a map's entry, if it is that of `key`.
std::optional<wire::Field> ValueOf(std::string_view entry, std::string_view key) {
  wire::Reader reader(entry);
  bool found = false;
  while (const std::optional<wire::Field> field = reader.Next()) {
    if (field->number == 1) found = field->bytes == key;
    if (field->number == 2 && found) return field;
  }
  return std::nullopt;
}

// What a field without presence holds where it is absent. No frame has a double among them.
wire::Field EmptyOf(FieldType type) {
  wire::Field field;
  field.type = type == FieldType::kText ? wire::Type::kBytes : wire::Type::kVarint;
  return field;
}

}  // namespace

void View::AddTerm(size_t term, const FieldPath& path, Predicate predicate) {
  terms_ |= Bit(term);
  switch (path.place) {
    case FieldPath::Place::kKey:
      key_terms_ |= Bit(term);
      key_tests_.push_back({term, path.part, std::move(predicate)});
      break;
    case FieldPath::Place::kRevision:
      revision_tests_.push_back({term, false, std::move(predicate)});
      break;
    case FieldPath::Place::kState:
      if (path.plain && !predicate.is_presence() && predicate.Holds(EmptyOf(path.type))) {
        hold_if_absent_ |= Bit(term);
      }
      NodeAt(path.edges).tests.push_back({term, path.in_list, std::move(predicate)});
      break;
  }
}

View::Node& View::NodeAt(const std::vector<Edge>& edges) {
  looks_ = true;
  Node* node = &root_;
  for (const Edge& edge : edges) {
    Node* next = nullptr;
    for (Node& child : node->children) {
      if (child.edge == edge) next = &child;
    }
    if (next == nullptr) {
      node->children.emplace_back();
      next = &node->children.back();
      next->edge = edge;
    }
    node = next;
  }
  return *node;
}

void View::Look(const Key& key, Revision revision, std::string_view state,
                Findings& findings) const {
  findings.hold |= hold_if_absent_;
  for (const KeyTest& test : key_tests_) {
    Set(findings.hold, test.term, test.predicate.HoldsText(key.*test.part));
  }
  for (const Test& test : revision_tests_) {
    Set(findings.hold, test.term, test.predicate.HoldsNumber(static_cast<double>(revision)));
  }
  if (looks_) Walk(root_, state, findings);
}

void View::Walk(const Node& node, std::string_view message, Findings& findings) {
  wire::Reader reader(message);
  while (const std::optional<wire::Field> field = reader.Next()) {
    for (const Node& child : node.children) {
      if (child.edge.number != field->number) continue;
      if (!child.edge.key.has_value()) {
        Meet(child, *field, findings);
      } else if (const auto value = ValueOf(field->bytes, *child.edge.key)) {
        Meet(child, *value, findings);
      }
    }
  }
}

void View::Meet(const Node& node, const wire::Field& field, Findings& findings) {
  for (const Test& test : node.tests) {
    if (test.any && (findings.hold & Bit(test.term)) != 0) continue;
    Set(findings.hold, test.term, test.predicate.Holds(field));
  }
  for (const size_t term : node.watched) findings.watched.emplace_back(term, field.whole);
  for (const size_t step : node.references) {
    if (findings.references.size() <= step) findings.references.resize(step + 1);
    findings.references[step] = field.bytes;
  }
  if (!node.children.empty()) Walk(node, field.bytes, findings);
}

}  // namespace tributary::filter
