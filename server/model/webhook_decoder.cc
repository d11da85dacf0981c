#include "server/model/webhook_decoder.h"

#include <memory>
#include <optional>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/hash.h"
#include "server/base/limits.h"
#include "server/base/strings.h"
#include "server/model/json_body.h"
#include "server/model/resource_reader.h"
#include "server/model/warning_list.h"

namespace tributary {
namespace {

using Refusal = DecodedWebhook::Refusal;

constexpr std::string_view kSeparator = "::";
constexpr size_t kFaultValueBytesMax = 128;
constexpr size_t kFaultsInProblem = 3;

std::optional<Rank> RankOf(std::string_view trigger) {
  if (trigger == "created") return Rank::kCreated;
  if (trigger == "updated") return Rank::kUpdated;
  if (trigger == "deleted") return Rank::kDeleted;
  return std::nullopt;
}

Fault MakeFault(std::string_view pointer, std::string_view rule, std::string_view value = {}) {
  Fault fault;
  fault.pointer = std::string(pointer);
  fault.detail = std::string(rule);
  fault.value = std::string(CutUtf8(value, kFaultValueBytesMax));
  return fault;
}

Fault MakeFault(std::string_view pointer, std::string_view rule, const JsonValue& value) {
  return MakeFault(pointer, rule, value.Text(kFaultValueBytesMax));
}

// What the envelope says, as far as it was read; the rest is in the faults.
struct Envelope {
  std::optional<JsonValue> event;
  std::optional<JsonValue> data;
  std::string_view event_text;
  std::string_view model;    // in event_text
  std::string_view trigger;  // in event_text
  std::string id;
};

void ReadEvent(Envelope& envelope, std::vector<Fault>& faults) {
  constexpr std::string_view kRule = "must be a string of the form model::trigger";
  const std::optional<JsonValue>& event = envelope.event;
  if (!event.has_value()) {
    faults.push_back(MakeFault("/event", kRule));
    return;
  }
  if (event->kind() == JsonValue::Kind::kString) {
    envelope.event_text = CutUtf8(event->AsString(), limits::kNameBytesMax);
  }
  const std::string_view text = envelope.event_text;
  const size_t at = text.find(kSeparator);
  if (at == 0 || at == std::string_view::npos || at + kSeparator.size() == text.size() ||
      event->AsString().size() > limits::kNameBytesMax || !IsCleanUtf8(text)) {
    faults.push_back(MakeFault("/event", kRule, *event));
    return;
  }
  envelope.model = text.substr(0, at);
  envelope.trigger = text.substr(at + kSeparator.size());
}

void ReadId(const std::optional<JsonValue>& id, Envelope& envelope, std::vector<Fault>& faults) {
  if (!id.has_value() || id->IsNull()) {
    faults.push_back(MakeFault("/data/id", "is required"));
    return;
  }
  std::string digits;
  const std::string_view text = FieldReader::IdText(*id, digits);
  if (FieldReader::IsName(text)) {
    envelope.id = text;
    return;
  }
  faults.push_back(MakeFault("/data/id",
                             absl::StrCat("must be a string of 1 to ", limits::kNameBytesMax,
                                          " bytes without control characters, or a number"),
                             *id));
}

Envelope ReadEnvelope(const JsonValue& root, std::vector<Fault>& faults) {
  Envelope envelope;
  if (!root.IsObject()) {
    faults.push_back(MakeFault("", "the body must be an object with event and data", root));
    return envelope;
  }
  std::tie(envelope.event, envelope.data) = std::tuple_cat(root.FindEach({"event", "data"}));
  ReadEvent(envelope, faults);
  if (!envelope.data.has_value() || !envelope.data->IsObject()) {
    faults.push_back(envelope.data.has_value()
                         ? MakeFault("/data", "must be an object", *envelope.data)
                         : MakeFault("/data", "is required"));
    return envelope;
  }
  const auto [id, model] = envelope.data->FindEach({"id", "model"});
  ReadId(id, envelope, faults);
  const bool said = model.has_value() && !model->IsNull();
  if (said && !envelope.model.empty() &&
      (model->kind() != JsonValue::Kind::kString || model->AsString() != envelope.model)) {
    faults.push_back(MakeFault(
        "/data/model", absl::StrCat("must be ", Absl(envelope.model), ", the model of the event"),
        *model));
  }
  return envelope;
}

// One decode: gathers the result from the envelope inwards.
class Decoding {
 public:
  Decoding(const ModelRegistry& registry, const DecoderOptions& options,
           CustomFieldRules* custom_fields, const WebhookHeaders& headers, std::string text,
           int64_t arrived_us, JsonBody& body)
      : registry_(registry),
        options_(options),
        custom_fields_(custom_fields),
        headers_(headers),
        text_(std::move(text)),
        body_(body) {
    Delivery& delivery = result_.delivery;
    delivery.connector_id = headers.connector_id;
    delivery.owner_id = headers.owner_id;
    delivery.idempotency_key = headers.idempotency_key;
    delivery.arrived_us = arrived_us;
  }

  DecodedWebhook Run();

 private:
  void Judge();
  void ReadState(const Model& model, Rank rank);
  void Refuse(Refusal refusal, std::vector<Fault> faults);
  void Park(std::string_view why);
  void DescribeProblem(const std::vector<Fault>& faults);
  void Seal();

  const ModelRegistry& registry_;
  const DecoderOptions& options_;
  CustomFieldRules* const custom_fields_;
  const WebhookHeaders& headers_;
  std::string text_;
  JsonBody& body_;
  Envelope envelope_;
  bool keep_body_ = false;
  DecodedWebhook result_;
};

DecodedWebhook Decoding::Run() {
  if (body_.Parse(text_)) {
    Judge();
  } else {
    Refuse(Refusal::kNotJson, {MakeFault("", body_.error().reason, body_.error().found)});
  }
  Seal();
  return std::move(result_);
}

void Decoding::Judge() {
  std::vector<Fault> faults;
  envelope_ = ReadEnvelope(body_.root(), faults);
  result_.delivery.event = envelope_.event_text;
  result_.delivery.resource_id = envelope_.id;
  const Model* model = registry_.FindSent(envelope_.model);
  // Somebody waits for cards whatever is wrong with the rest.
  result_.answers_with_cards = model != nullptr && model->answers_with_cards();
  if (!faults.empty()) {
    Refuse(Refusal::kEnvelope, std::move(faults));
    return;
  }
  if (model == nullptr) {
    Park(registry_.Find(envelope_.model) == nullptr
             ? "names a model that this version does not know"
             : "names a model that is not read from webhooks");
    return;
  }
  const std::optional<Rank> rank = RankOf(envelope_.trigger);
  if (!rank.has_value()) {
    Park("names a trigger that this version does not know");
    return;
  }
  ReadState(*model, *rank);
}

void Decoding::ReadState(const Model& model, Rank rank) {
  ResourceReader reader(registry_, body_, headers_, result_.delivery.arrived_us,
                        options_.keep_raw_resource, custom_fields_);
  WarningList warnings;
  std::optional<Mutation> own =
      rank == Rank::kDeleted ? reader.ReadDelete(model, *envelope_.data, envelope_.id, warnings)
                             : reader.Read(model, *envelope_.data, envelope_.id, rank, warnings);
  const size_t found = warnings.ours() + reader.embedded_warnings();
  keep_body_ = found > 0;
  const bool refused = options_.validation == Validation::kReject && warnings.refusable() > 0;
  result_.delivery.warnings = static_cast<int64_t>(found);
  result_.warnings = warnings.TakeFaults();
  if (!own.has_value()) {
    Refuse(Refusal::kTooLarge,
           {MakeFault("/data", absl::StrCat("must not take more than ", limits::kResourceBytesMax,
                                            " bytes when it is stored"))});
    return;
  }
  if (refused) {
    std::vector<Fault> faults = result_.warnings;
    std::erase_if(faults, [](const Fault& fault) { return fault.tolerated; });
    Refuse(Refusal::kContent, std::move(faults));
    return;
  }
  DescribeProblem(result_.warnings);
  result_.delivery.mutations = reader.TakeEmbedded();
  result_.delivery.mutations.push_back(*std::move(own));
}

void Decoding::Refuse(Refusal refusal, std::vector<Fault> faults) {
  result_.refusal = refusal;
  result_.faults = std::move(faults);
  result_.delivery.intake = Delivery::Intake::kReject;
  keep_body_ = true;
  DescribeProblem(result_.faults);
}

void Decoding::Park(std::string_view why) {
  result_.faults.push_back(MakeFault("/event", why, *envelope_.event));
  result_.delivery.intake = Delivery::Intake::kPark;
  keep_body_ = true;
  DescribeProblem(result_.faults);
}

void Decoding::DescribeProblem(const std::vector<Fault>& faults) {
  std::string& problem = result_.delivery.problem;
  size_t said = 0;
  for (const Fault& fault : faults) {
    if (said == kFaultsInProblem) {
      absl::StrAppend(&problem, "; and ", faults.size() - said, " more");
      return;
    }
    absl::StrAppend(&problem, said == 0 ? "" : "; ", fault.pointer,
                    fault.pointer.empty() ? "" : " ", fault.detail);
    if (!fault.value.empty()) absl::StrAppend(&problem, ", is ", fault.value);
    ++said;
  }
}

// Digests the content, and puts the body where the ledger looks for it.
void Decoding::Seal() {
  Delivery& delivery = result_.delivery;
  Hasher hasher;
  hasher.Add(delivery.event);
  if (delivery.mutations.empty()) hasher.Add(text_);
  for (const Mutation& mutation : delivery.mutations) {
    // What it tells of its custom fields is told once: sent again, it is the same delivery.
    if (mutation.expected.has_value()) continue;
    const Key& key = mutation.key;
    hasher.Add(key.model).Add(key.connector_id).Add(key.owner_id).Add(key.id);
    hasher.Add(absl::StrCat(static_cast<int>(mutation.rank)));
    hasher.Add(mutation.time_us.has_value() ? absl::StrCat(*mutation.time_us) : std::string());
    hasher.Add(mutation.state).Add(mutation.raw);
  }
  delivery.content = hasher.Finish();
  (keep_body_ ? delivery.body : delivery.body_if_superseded) = std::move(text_);
}

}  // namespace

DecodeMemory::DecodeMemory() : body_(std::make_unique<JsonBody>()) {}
DecodeMemory::~DecodeMemory() = default;

DecodedWebhook WebhookDecoder::Decode(const WebhookHeaders& headers, std::string body,
                                      int64_t arrived_us, DecodeMemory& memory) const {
  static_assert(kBodySlackBytes >= JsonBody::kSlackBytes);
  DecodedWebhook decoded = Decoding(registry_, options_, custom_fields_, headers, std::move(body),
                                    arrived_us, *memory.body_)
                               .Run();
  memory.body_->Trim();
  return decoded;
}

}  // namespace tributary
