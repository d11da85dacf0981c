#include "server/model/place.h"

#include "gtest/gtest.h"

namespace tributary {
namespace {

TEST(Place, IsAPointerIntoTheBodyAndAPathOfTheResource) {
  const Place data = Place::Resource(nullptr, "data");
  const Place fields = data.Named("fields", "fields");
  const Place contacts = fields.Named("contacts", "contacts");
  const Place item = contacts.Item(1);
  EXPECT_EQ(item.Pointer(), "/data/fields/contacts/1");
  EXPECT_EQ(item.Path(), "fields.contacts[1]");
  EXPECT_EQ(fields.Named("duration", "duration_seconds").Pointer(), "/data/fields/duration");
  EXPECT_EQ(fields.Named("duration", "duration_seconds").Path(), "fields.duration_seconds");
}

TEST(Place, OfAnEmbeddedResourceBeginsItsPathAnew) {
  const Place data = Place::Resource(nullptr, "data");
  const Place fields = data.Named("fields", "fields");
  const Place stage = fields.Named("stage", "stage");
  const Place embedded = Place::Resource(&stage, {});
  const Place name = embedded.Named("updatedAt", "updated_at");
  EXPECT_EQ(name.Pointer(), "/data/fields/stage/updatedAt");
  EXPECT_EQ(name.Path(), "updated_at");
}

TEST(Place, OfACustomFieldQuotesTheKey) {
  const Place data = Place::Resource(nullptr, "data");
  const Place fields = data.Named("fields", "fields");
  EXPECT_EQ(fields.Custom("region").Path(), "custom_fields.region");
  EXPECT_EQ(fields.Custom("a/b~c").Pointer(), "/data/fields/a~1b~0c");
  EXPECT_EQ(fields.Custom("a/b~c").Path(), "custom_fields.`a/b~c`");
}

TEST(QuotedKey, LeavesIdentifiersAloneAndDoublesBackquotes) {
  EXPECT_EQ(QuotedKey("lead_Status2"), "lead_Status2");
  EXPECT_EQ(QuotedKey("_"), "_");
  EXPECT_EQ(QuotedKey(""), "``");
  EXPECT_EQ(QuotedKey("2nd"), "`2nd`");
  EXPECT_EQ(QuotedKey("a.b"), "`a.b`");
  EXPECT_EQ(QuotedKey("région"), "`région`");
  EXPECT_EQ(QuotedKey("a`b"), "`a``b`");
}

}  // namespace
}  // namespace tributary
