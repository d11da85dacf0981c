// Filters at random: none brings the server down, and those that are filters mean what they say.

#include <cstdlib>
#include <iostream>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "google/protobuf/message.h"
#include "gtest/gtest.h"
#include "proto/resources.h"
#include "server/base/limits.h"
#include "server/filter/filter.h"
#include "tests/filter/oracle.h"
#include "tests/filter/records.h"

namespace tributary::testing {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::Message;
using google::protobuf::MessageFactory;

// FILTER_SEED=N repeats a run.
uint64_t Seed() {
  const char* given = std::getenv("FILTER_SEED");
  const uint64_t seed =
      given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
  std::cout << "FILTER_SEED=" << seed << std::endl;
  return seed;
}

std::unique_ptr<Message> RandomResource(const Descriptor& type, Dice& dice) {
  std::unique_ptr<Message> message(MessageFactory::generated_factory()->GetPrototype(&type)->New());
  FillAtRandom(*message, dice);
  return message;
}

Record RecordOf(const Message& message) {
  const auto text = [&](int number) {
    return message.GetReflection()->GetString(message,
                                              message.GetDescriptor()->FindFieldByNumber(number));
  };
  Record record;
  record.key = {"model", text(1), text(2), text(3)};
  record.revision = 3;
  record.state = Encoded(message);
  return record;
}

TEST(FilterFuzz, AgreesWithANaiveEvaluatorOverTheParsedMessage) {
  Dice dice(Seed());
  int holds = 0;
  int trees = 0;
  for (int round = 0; round < 300; ++round) {
    const Descriptor& type = *dice.Of(ResourceDescriptors());
    if (type.FindFieldByName("fields")->message_type()->field_count() == 0) continue;
    std::vector<std::unique_ptr<Message>> messages;
    std::vector<Record> records;
    for (int i = 0; i < 8; ++i) {
      messages.push_back(RandomResource(type, dice));
      records.push_back(RecordOf(*messages.back()));
    }
    for (int i = 0; i < 20; ++i) {
      const Tree tree = Tree::Random(type, dice, 4);
      const std::string text = tree.Text(dice);
      const auto filter = Filter::Compile(text, type, Filter::Use::kList);
      if (!filter.ok() && text.size() > 1'000) continue;  // past a bound
      ASSERT_TRUE(filter.ok()) << type.name() << ": " << text << "\n" << filter.status();
      ++trees;
      for (size_t n = 0; n < records.size(); ++n) {
        const bool expected = tree.Holds(*messages[n]);
        holds += expected ? 1 : 0;
        ASSERT_EQ((*filter)->Matches(records[n]), expected) << type.name() << ": " << text << "\n"
                                                            << messages[n]->DebugString();
      }
    }
  }
  // The agreement is worth something only where both answers occur.
  EXPECT_GT(holds, trees);
  EXPECT_LT(holds, trees * 7);
}

// The pieces of which filters are made, and some that are no such thing.
const std::vector<std::string> kPieces = {"AND",        "OR",
                                          "NOT",        "-",
                                          "(",          ")",
                                          " ",          " ",
                                          " ",          "=",
                                          "!=",         "<",
                                          "<=",         ">",
                                          ">=",         ":",
                                          "*",          "\"",
                                          "'",          "`",
                                          "\\",         ".",
                                          "amount",     "stage",
                                          "contacts",   "custom_fields",
                                          "fields",     "previous.",
                                          "changed(",   "1",
                                          "1e9",        "won",
                                          "2025-06-01", "\xC3\xA9",
                                          "\xff",       "revision"};

TEST(FilterFuzz, NothingThatIsSentBringsItDown) {
  Dice dice(Seed());
  const Descriptor& type = *dice.Of(ResourceDescriptors());
  const std::unique_ptr<Message> message = RandomResource(type, dice);
  const Record record = RecordOf(*message);
  Change change;
  change.kind = ChangeKind::kUpdated;
  change.key = record.key;
  change.state = record.state;
  change.before = std::make_shared<Record>(record);
  for (int round = 0; round < 20'000; ++round) {
    std::string text = dice.Chance(0.3) ? Tree::Random(type, dice, 3).Text(dice) : "";
    for (int i = dice.Below(12); i > 0; --i) {
      const size_t at = static_cast<size_t>(dice.Below(static_cast<int>(text.size()) + 1));
      if (dice.Chance(0.3) && at < text.size()) {
        text.erase(at, static_cast<size_t>(1 + dice.Below(3)));
      } else {
        text.insert(at, dice.Chance(0.1) ? std::string(1, static_cast<char>(dice.Below(256)))
                                         : dice.Of(kPieces));
      }
    }
    for (const Filter::Use use : {Filter::Use::kList, Filter::Use::kWatch}) {
      const auto filter = Filter::Compile(text, type, use);
      if (filter.ok()) {
        (void)(*filter)->Matches(record);
        (void)(*filter)->MatchesChange(change, true);
      } else {
        ASSERT_THAT(filter, HasReason("FILTER_INVALID")) << text;
        ASSERT_LT(filter.status().ToString().size(), limits::kErrorBytesMax);
      }
    }
  }
}

TEST(FilterFuzz, DamagedStatesAreReadToTheirDamage) {
  Dice dice(Seed());
  for (int round = 0; round < 2'000; ++round) {
    const Descriptor& type = *dice.Of(ResourceDescriptors());
    const auto filter =
        Filter::Compile(Tree::Random(type, dice, 2).Text(dice), type, Filter::Use::kList);
    if (!filter.ok()) continue;
    Record record = RecordOf(*RandomResource(type, dice));
    for (int i = 1 + dice.Below(4); i > 0 && !record.state.empty(); --i) {
      const auto at = static_cast<size_t>(dice.Below(static_cast<int>(record.state.size())));
      record.state[at] = static_cast<char>(dice.Below(256));
      if (dice.Chance(0.2)) record.state.resize(at);
    }
    (void)(*filter)->Matches(record);
  }
}

}  // namespace
}  // namespace tributary::testing
