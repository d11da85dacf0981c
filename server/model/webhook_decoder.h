#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/model/model.h"
#include "server/store/types.h"

namespace tributary {

class CustomFieldRules;
class JsonBody;

// What is wrong with one place of a body.
struct Fault {
  std::string pointer;  // RFC 6901, into the body: "/data/fields/email"
  std::string
      path;  // the same in the vocabulary of the API: "fields.email"; empty outside a resource
  std::string code;        // the source's own code for content; empty for the envelope
  std::string detail;      // the rule
  std::string value;       // the offending text, clipped
  bool tolerated = false;  // also with Validation::kReject
};

// The headers of a webhook, already checked to be present and clean.
struct WebhookHeaders {
  std::string connector_id;
  std::string owner_id;
  std::string idempotency_key;
};

// A webhook that was read.
struct DecodedWebhook {
  // Why a delivery was refused before it could be judged. kNone: it is judged (or parked).
  enum class Refusal { kNone, kNotJson, kEnvelope, kContent, kTooLarge };

  Delivery delivery;  // intake kReject where refused: the ledger keeps it all the same
  Refusal refusal = Refusal::kNone;
  std::vector<Fault> faults;    // why it was refused or parked
  std::vector<Fault> warnings;  // of the delivery's own resource, found by us
  bool answers_with_cards = false;
};

// What happens to a value that is out of its contract.
enum class Validation { kWarn, kReject };

struct DecoderOptions {
  Validation validation = Validation::kWarn;
  bool keep_raw_resource = true;  // false: rawResource is dropped, silently
};

// Memory that the decodes of one thread use one after the other. Keeps a few hundred KiB at most.
class DecodeMemory {
 public:
  DecodeMemory();
  ~DecodeMemory();

 private:
  friend class WebhookDecoder;
  const std::unique_ptr<JsonBody> body_;
};

// Turns the body of a webhook into a Delivery: one mechanism for all models, driven by their plans.
//
// Lenient in content, strict in the envelope. Malformed JSON anywhere in the body refuses it; a
// value out of its contract becomes a warning on the resource and is kept where its type allows.
// Never fails in any other way, whatever the bytes. Thread-safe; `registry` and `custom_fields`, by
// which custom fields are checked and discovered if it is not null, must outlive it.
class WebhookDecoder {
 public:
  explicit WebhookDecoder(const ModelRegistry& registry, DecoderOptions options = {},
                          CustomFieldRules* custom_fields = nullptr)
      : registry_(registry), options_(options), custom_fields_(custom_fields) {}

  // Capacity beyond its size that a body should have: parsing needs it, and copies a body without.
  static constexpr size_t kBodySlackBytes = 64;

  // `arrived_us` is the clock when the request was read. `body` is taken, to be parsed where it
  // lies.
  DecodedWebhook Decode(const WebhookHeaders& headers, std::string body, int64_t arrived_us,
                        DecodeMemory& memory) const;
  // The same with new memory.
  DecodedWebhook Decode(const WebhookHeaders& headers, std::string body, int64_t arrived_us) const {
    DecodeMemory memory;
    return Decode(headers, std::move(body), arrived_us, memory);
  }

 private:
  const ModelRegistry& registry_;
  const DecoderOptions options_;
  CustomFieldRules* const custom_fields_;
};

}  // namespace tributary
