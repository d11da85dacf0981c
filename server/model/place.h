#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tributary {

// Where in a body a value stands: a chain of steps from the root, kept on the stack while the body
// is read, and written out only when there is something to say about the place. The texts that it
// is given must outlive it.
class Place {
 public:
  // A resource: the pointer goes on, the path begins anew. `key` is "data", or empty where the
  // resource stands in the place of a reference, which has named it already.
  static Place Resource(const Place* parent, std::string_view key) {
    return Place(parent, Step::kResource, key, {}, 0);
  }

  // The value of a key of the model; `name` is its proto name.
  Place Named(std::string_view key, std::string_view name) const {
    return Place(this, Step::kNamed, key, name, 0);
  }
  Place Item(size_t index) const { return Place(this, Step::kItem, {}, {}, index); }
  // A key that the sender chose, in a map of the model.
  Place Entry(std::string_view key) const { return Place(this, Step::kEntry, key, {}, 0); }
  // A custom field; this is the place of `fields`.
  Place Custom(std::string_view key) const { return Place(this, Step::kCustom, key, {}, 0); }

  // RFC 6901, into the body: "/data/fields/contacts/1".
  std::string Pointer() const;
  // In the vocabulary of the API, within the resource: "fields.contacts[1]".
  std::string Path() const;

 private:
  enum class Step { kResource, kNamed, kItem, kEntry, kCustom };
  Place(const Place* parent, Step step, std::string_view key, std::string_view name, size_t index)
      : parent_(parent), step_(step), key_(key), name_(name), index_(index) {}

  const Place* parent_;
  Step step_;
  std::string_view key_;
  std::string_view name_;
  size_t index_;
};

// A custom key as it stands in a path: as it is if it is [A-Za-z_][A-Za-z0-9_]*, else in
// backquotes, with a backquote in it doubled.
std::string QuotedKey(std::string_view key);

}  // namespace tributary
