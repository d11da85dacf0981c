#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/model/custom_fields.h"
#include "server/model/field_reader.h"
#include "server/model/json_body.h"
#include "server/model/model.h"
#include "server/model/place.h"
#include "server/model/warning_list.h"
#include "server/model/webhook_decoder.h"
#include "server/store/types.h"

namespace tributary {

// Reads the resources of one delivery into mutations: the delivery's own, and those that are
// embedded in it in the place of references. Keeps the limits of what is stored. For one delivery,
// on one thread; what it is given must outlive it.
class ResourceReader final : private EmbeddedResources {
 public:
  ResourceReader(const ModelRegistry& registry, const JsonBody& body, const WebhookHeaders& headers,
                 int64_t arrived_us, bool keep_raw, CustomFieldRules* custom_fields)
      : registry_(registry),
        body_(body),
        headers_(headers),
        arrived_us_(arrived_us),
        keep_raw_(keep_raw),
        custom_fields_(custom_fields) {}

  // Reads the delivery's own resource, the object `data`, whose id was checked. None if it is too
  // large to be stored. What is embedded in it is in TakeEmbedded() afterwards.
  std::optional<Mutation> Read(const Model& model, const JsonValue& data, std::string_view id,
                               Rank rank, WarningList& warnings);

  // The same for a delete, of which only the key and the time count.
  Mutation ReadDelete(const Model& model, const JsonValue& data, std::string_view id,
                      WarningList& warnings);

  // Embedded resources, depth first, and what they and the delivery's own tell of custom fields.
  std::vector<Mutation> TakeEmbedded() { return std::move(embedded_); }
  // How many warnings of ours they have.
  size_t embedded_warnings() const { return embedded_warnings_; }

 private:
  struct Members;
  struct Encoding;

  void Take(const ReferenceTarget& target, std::string_view field_model, const JsonValue& object,
            const Place& place, WarningList& warnings) override;
  std::optional<Mutation> ReadAt(const Model& model, const JsonValue& object, std::string_view id,
                                 Rank rank, const Place& place, WarningList& warnings);
  void ReadFields(const Model& model, const Members& members, const Place& place,
                  WarningList& warnings, Encoding& encoding);
  // The fields that are kept.
  std::vector<SentField> ReadCustom(std::span<const JsonValue::Member> sent, const Place& fields,
                                    FieldReader& reader, WarningList& warnings, Encoding& encoding);
  void CheckCustom(const Model& model, std::span<const SentField> kept, const Place& fields,
                   WarningList& warnings);
  void ReadTimes(const Members& members, const Place& place, WarningList& warnings,
                 Encoding& encoding);
  void ReadRaw(const Members& members, const Place& place, WarningList& warnings,
               Encoding& encoding);
  // Leaves out what has to be, until the resource can be stored; false if it cannot.
  bool Fit(const Place& place, WarningList& warnings, Encoding& encoding);
  Key KeyOf(const Model& model, std::string_view id) const;

  const ModelRegistry& registry_;
  const JsonBody& body_;
  const WebhookHeaders& headers_;
  const int64_t arrived_us_;
  const bool keep_raw_;
  CustomFieldRules* const custom_fields_;  // may be null
  std::vector<Mutation> embedded_;
  size_t embedded_count_ = 0;
  int depth_ = 0;
  size_t embedded_warnings_ = 0;
};

}  // namespace tributary
