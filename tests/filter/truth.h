#pragma once

#include <string>
#include <vector>

#include "tests/filter/records.h"
#include "tributary/crm/v1/opportunity.pb.h"

// Truth tables: what each of some filters says of one state.
namespace tributary::testing {

struct Case {
  std::string filter;
  bool matches;
};

template <typename Message>
void Check(const Record& record, const std::vector<Case>& cases) {
  for (const Case& one : cases) {
    const auto filter = MustCompile<Message>(one.filter);
    EXPECT_EQ(filter->Matches(record), one.matches) << one.filter;
    // NOT is exact in both directions, whatever is absent.
    if (one.filter.empty()) continue;
    EXPECT_EQ(MustCompile<Message>("NOT (" + one.filter + ")")->Matches(record), !one.matches)
        << "NOT " << one.filter;
    EXPECT_EQ(MustCompile<Message>("-(" + one.filter + ")")->Matches(record), !one.matches)
        << "- " << one.filter;
  }
}

inline Record Deal() {
  return RecordOf<crm::v1::Opportunity>(
      R"pb(
        connector_id: "hubspot"
        owner_id: "acme"
        id: "o1"
        fields {
          name: "Acme: 10* \"Premium\" \xC3\xA9t\xC3\xA9"
          amount: 18499.9
          stage { model: "crmStage" id: "default::closedwon" remote_id: "closedwon" }
          contacts { model: "genericContact" id: "c1" }
          contacts { model: "genericContact" id: "c2" }
        }
        custom_fields {
          key: "region"
          value { string_value: "EU" }
        }
        custom_fields {
          key: "score"
          value { number_value: 7.5 }
        }
        custom_fields {
          key: "text_score"
          value { string_value: "7.5" }
        }
        custom_fields {
          key: "hot"
          value { bool_value: true }
        }
        custom_fields {
          key: "nothing"
          value { null_value: NULL_VALUE }
        }
        custom_fields {
          key: "tags"
          value {
            list_value {
              values { string_value: "new" }
              values { number_value: 3 }
            }
          }
        }
        custom_fields {
          key: "address"
          value {
            struct_value {
              fields {
                key: "city"
                value { string_value: "Bilbao" }
              }
            }
          }
        }
        custom_fields {
          key: "odd key`"
          value { string_value: "x" }
        }
        created_at { seconds: 1748768400 }
        updated_at { seconds: 1748768400 nanos: 500000000 }
        warnings { code: "A" field: "fields.name" origin: ORIGIN_TRIBUTARY }
        warnings { code: "B" }
      )pb",
      "crmOpportunity");
}

}  // namespace tributary::testing
