#pragma once

#include <random>
#include <string>
#include <vector>

#include "google/protobuf/message.h"

// Filters made at random, and what they say of a message by the plainest means: the parsed message,
// reflection, one field after the other.
namespace tributary::testing {

class Dice {
 public:
  explicit Dice(uint64_t seed) : engine_(seed) {}
  int Below(int bound) { return std::uniform_int_distribution<int>(0, bound - 1)(engine_); }
  bool Chance(double p) { return std::bernoulli_distribution(p)(engine_); }
  template <typename T>
  const T& Of(const std::vector<T>& some) {
    return some[static_cast<size_t>(Below(static_cast<int>(some.size())))];
  }

 private:
  std::mt19937_64 engine_;
};

// Fills a resource with few distinct values, so that comparisons often hold.
void FillAtRandom(google::protobuf::Message& resource, Dice& dice);

// A tree of comparisons.
struct Tree {
  enum class Kind { kAnd, kOr, kNot, kTerm };

  static Tree Random(const google::protobuf::Descriptor& resource, Dice& dice, int depth);

  std::string Text(Dice& dice) const;
  bool Holds(const google::protobuf::Message& resource) const;

  Kind kind = Kind::kTerm;
  std::vector<Tree> parts;
  // Of a term. A value is its text; in one of a text field a star is a wildcard.
  std::vector<const google::protobuf::FieldDescriptor*> path;
  std::string key;  // of a map
  std::string comparator;
  std::vector<std::string> values;
};

}  // namespace tributary::testing
