#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "server/model/json_body.h"
#include "server/model/place.h"
#include "server/model/webhook_decoder.h"

namespace tributary {

// What is wrong with one resource: the source's own warnings, then ours, in the order in which they
// were found. Keeps no more than can be stored, and counts the rest.
//
// A resource that was read here, or by another of us, and is sent again brings the warnings of then
// (`origin` in JSON). They stand as they are, and what is found now is not added: what was left out
// then is not there to be found, and a place in a list may have moved.
class WarningList {
 public:
  // Takes over the `warnings` that a resource came with, the value at `place`.
  void TakeSent(const JsonValue& list, const Place& place);

  // `value` breaks `rule`, which says what holds and what became of the value, in words.
  void Add(const Place& place, std::string_view rule, const JsonValue& value);
  // The same of something that is not one value: `text` is the offending text, or empty.
  void Add(const Place& place, std::string_view rule, std::string_view text = {});

  // The same of a value that breaks no rule of the source, but one that was made here:
  // `--validation=reject` does not refuse it.
  void AddTolerated(const Place& place, std::string_view rule, const JsonValue& value);

  // Those that we found, whether they are kept or not.
  size_t ours() const { return ours_; }
  // Those of them for which a delivery may be refused.
  size_t refusable() const { return ours_ - tolerated_; }
  // Those that we found and kept.
  std::vector<Fault> TakeFaults() { return std::move(faults_); }

  // As fields 8 of a resource, at most kWarningsMax; where there are more the last says how many.
  std::string Encode() const;

 private:
  struct Sent {
    std::string code;
    std::string message;
    std::string field;
    std::string value;
    bool ours = false;  // found by us, when the resource was read before
  };

  std::vector<Sent> sent_;
  size_t sent_count_ = 0;
  bool read_before_ = false;
  std::vector<Fault> faults_;
  size_t ours_ = 0;
  size_t tolerated_ = 0;
};

}  // namespace tributary
