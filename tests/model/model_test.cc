#include "server/model/model.h"

#include <functional>
#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "google/protobuf/descriptor.pb.h"
#include "gtest/gtest.h"
#include "server/model/field_plan.h"
#include "tests/model/decoding.h"
#include "tests/testing/status_matchers.h"
#include "tributary/crm/v1/engagement.pb.h"
#include "tributary/v1/annotations.pb.h"

namespace tributary::testing {
namespace {

using google::protobuf::DescriptorPool;
using google::protobuf::DescriptorProto;
using google::protobuf::EnumDescriptorProto;
using google::protobuf::FieldDescriptorProto;
using google::protobuf::FileDescriptor;
using google::protobuf::FileDescriptorProto;
using ::testing::AllOf;
using ::testing::HasSubstr;

// The proto file of engagements under another name, changed by `edit`, and compiled.
absl::Status CompileEdited(const std::function<void(FileDescriptorProto&)>& edit) {
  FileDescriptorProto file;
  crm::v1::Engagement::descriptor()->file()->CopyTo(&file);
  // Names begin with the package, so one replacement renames them all.
  std::string bytes = file.SerializeAsString();
  const std::string from = "tributary.crm.v1";
  for (size_t at = bytes.find(from); at != std::string::npos; at = bytes.find(from, at)) {
    bytes.replace(at, from.size(), "tributary.doc.v1");
  }
  EXPECT_TRUE(file.ParseFromString(bytes));
  file.set_name("made_up.proto");
  edit(file);
  DescriptorPool pool(DescriptorPool::generated_pool());
  const FileDescriptor* built = pool.BuildFile(file);
  if (built == nullptr) {
    ADD_FAILURE() << "the edited file is no valid proto";
    return absl::OkStatus();
  }
  return Model::Compile(built->FindMessageTypeByName("Engagement")).status();
}

DescriptorProto& Message(FileDescriptorProto& file, const std::string& name) {
  for (DescriptorProto& message : *file.mutable_message_type()) {
    if (message.name() == name) return message;
  }
  ADD_FAILURE() << "no message " << name;
  return *file.mutable_message_type(0);
}

DescriptorProto& Fields(FileDescriptorProto& file) {
  DescriptorProto& resource = Message(file, "Engagement");
  for (DescriptorProto& nested : *resource.mutable_nested_type()) {
    if (nested.name() == "Fields") return nested;
  }
  ADD_FAILURE() << "no message Fields";
  return resource;
}

FieldDescriptorProto& Field(DescriptorProto& message, const std::string& name) {
  for (FieldDescriptorProto& field : *message.mutable_field()) {
    if (field.name() == name) return field;
  }
  ADD_FAILURE() << "no field " << name << " in " << message.name();
  return *message.mutable_field(0);
}

v1::FieldRule& Rule(FieldDescriptorProto& field) {
  return *field.mutable_options()->MutableExtension(v1::field);
}

auto Refuses(const std::string& why) {
  return AllOf(
      StatusIs(absl::StatusCode::kInvalidArgument),
      ::testing::ResultOf([](const absl::Status& status) { return std::string(status.message()); },
                          AllOf(HasSubstr("made_up.proto"), HasSubstr(why))));
}

TEST(Model, CompilesEveryRegisteredResource) {
  const absl::StatusOr<ModelRegistry> registry = ModelRegistry::Build(ResourceDescriptors());
  ASSERT_THAT(registry, IsOk());
  EXPECT_EQ(registry->models().size(), ResourceDescriptors().size());
  for (const std::unique_ptr<const Model>& model : registry->models()) {
    EXPECT_EQ(registry->Find(model->name()), model.get());
    EXPECT_EQ(model->service()->name(), model->message()->name() + "Service");
  }
  EXPECT_EQ(registry->Find("crmopportunity"), nullptr);
  EXPECT_EQ(registry->Find(""), nullptr);
}

TEST(Model, ReadsTheRulesFromTheOptions) {
  const Model* model = Registry().Find("crmEngagement");
  ASSERT_NE(model, nullptr);
  const int index = model->fields().IndexOf("duration");
  ASSERT_GE(index, 0);
  const FieldPlan& duration = model->fields().fields()[static_cast<size_t>(index)];
  EXPECT_EQ(duration.name, "duration_seconds");
  EXPECT_EQ(duration.kind, FieldKind::kInteger);
  EXPECT_EQ(duration.minimum, 0.0);
  EXPECT_EQ(model->fields().FindNumber(duration.number), &duration);
  EXPECT_EQ(model->fields().IndexOf("durationSeconds"), -1);
}

TEST(Model, IsNotMadeOfAnEditedFileOnlyBecauseItIsEdited) {
  EXPECT_THAT(CompileEdited([](FileDescriptorProto&) {}), IsOk());
}

TEST(Model, NeedsAName) {
  EXPECT_THAT(CompileEdited([](FileDescriptorProto& file) {
                Message(file, "Engagement").mutable_options()->ClearExtension(v1::resource);
              }),
              Refuses("must have the option (tributary.v1.resource).model"));
}

TEST(Model, NeedsTheFrameAndNothingElse) {
  EXPECT_THAT(CompileEdited([](FileDescriptorProto& file) {
                Field(Message(file, "Engagement"), "remote_id").set_number(15);
              }),
              Refuses("must have the field `string remote_id = 10`"));
  EXPECT_THAT(
      CompileEdited([](FileDescriptorProto& file) {
        Field(Message(file, "Engagement"), "revision").set_type(FieldDescriptorProto::TYPE_UINT64);
      }),
      Refuses("must have the field `int64 revision = 11`"));
  EXPECT_THAT(CompileEdited([](FileDescriptorProto& file) {
                FieldDescriptorProto* extra = Message(file, "Engagement").add_field();
                *extra = Field(Message(file, "Engagement"), "remote_id");
                extra->set_name("extra");
                extra->set_json_name("extra");
                extra->set_number(12);
              }),
              Refuses("must have the fields of the frame alone"));
}

TEST(Model, NeedsTheServiceThatServingReliesOn) {
  EXPECT_THAT(CompileEdited([](FileDescriptorProto& file) { file.clear_service(); }),
              Refuses("must have a service EngagementService"));
  EXPECT_THAT(CompileEdited([](FileDescriptorProto& file) {
                file.mutable_service(0)->mutable_method()->DeleteSubrange(2, 1);
              }),
              Refuses("must have a method List..."));
  EXPECT_THAT(CompileEdited([](FileDescriptorProto& file) {
                file.mutable_service(0)->mutable_method(3)->set_server_streaming(false);
              }),
              Refuses("must have a WatchEngagements that answers a stream"));
  EXPECT_THAT(CompileEdited([](FileDescriptorProto& file) {
                Field(Message(file, "ListEngagementsRequest"), "page_size").set_number(9);
              }),
              Refuses("must have the field `int32 page_size = 5`"));
  for (const char* request :
       {"GetEngagementRequest", "BatchGetEngagementsRequest", "ListEngagementsRequest"}) {
    EXPECT_THAT(CompileEdited([request](FileDescriptorProto& file) {
                  Field(Message(file, request), "expand").set_name("include");
                }),
                Refuses("must have the field `repeated string expand = 21`"));
    EXPECT_THAT(CompileEdited([request](FileDescriptorProto& file) {
                  Field(Message(file, request), "read_revision").set_number(30);
                }),
                Refuses("must have the field `int64 read_revision = 20`"));
  }
  EXPECT_THAT(CompileEdited([](FileDescriptorProto& file) {
                Field(Message(file, "EngagementChange"), "delivery_id").set_number(11);
              }),
              Refuses("must have the field `string delivery_id = 10`"));
  EXPECT_THAT(
      CompileEdited([](FileDescriptorProto& file) {
        Field(Message(file, "BatchGetEngagementsResponse"), "unread_ids").set_name("remaining_ids");
      }),
      Refuses("must have the field `repeated string unread_ids = 3`"));
}

TEST(Model, NeedsEveryScalarToBeOptional) {
  EXPECT_THAT(CompileEdited([](FileDescriptorProto& file) {
                FieldDescriptorProto* plain = Fields(file).add_field();
                plain->set_name("plain");
                plain->set_json_name("plain");
                plain->set_number(100);
                plain->set_type(FieldDescriptorProto::TYPE_STRING);
                plain->set_label(FieldDescriptorProto::LABEL_OPTIONAL);
              }),
              Refuses("plain must be `optional`"));
}

TEST(Model, NeedsTypesThatJsonCanBeReadInto) {
  EXPECT_THAT(CompileEdited([](FileDescriptorProto& file) {
                Field(Fields(file), "title").set_type(FieldDescriptorProto::TYPE_BYTES);
              }),
              Refuses("title has a type that the source's JSON is not read into"));
  EXPECT_THAT(CompileEdited([](FileDescriptorProto& file) {
                Field(Fields(file), "started_at").set_type_name(".google.protobuf.Duration");
              }),
              Refuses("started_at has a type that the source's JSON is not read into"));
  EXPECT_THAT(
      CompileEdited([](FileDescriptorProto& file) {
        Field(Fields(file), "started_at").set_type_name(".tributary.doc.v1.Engagement.Fields");
      }),
      Refuses("Fields must not contain itself"));
}

TEST(Model, NeedsRulesThatFitTheirFields) {
  const auto with_rule = [](const std::string& field,
                            const std::function<void(v1::FieldRule&)>& edit) {
    return CompileEdited(
        [&](FileDescriptorProto& file) { edit(Rule(Field(Fields(file), field))); });
  };
  EXPECT_THAT(with_rule("duration_seconds", [](v1::FieldRule& rule) { rule.set_max_length(3); }),
              Refuses("duration_seconds has a rule that only a string can have"));
  EXPECT_THAT(with_rule("title", [](v1::FieldRule& rule) { rule.set_minimum(0); }),
              Refuses("title has a rule that only a number can have"));
  EXPECT_THAT(with_rule("owner", [](v1::FieldRule& rule) { rule.clear_ref(); }),
              Refuses("owner must have the rule `ref`"));
  EXPECT_THAT(with_rule("title", [](v1::FieldRule& rule) { rule.set_ref("genericUser"); }),
              Refuses("title must have the rule `ref`"));
  EXPECT_THAT(with_rule("title", [](v1::FieldRule& rule) { rule.set_source_name("owner"); }),
              Refuses("owner has the source key of another field"));
  EXPECT_THAT(with_rule("title",
                        [](v1::FieldRule& rule) {
                          rule.set_min_length(3);
                          rule.set_max_length(2);
                        }),
              Refuses("title has a min_length above its max_length"));
}

TEST(Model, NeedsEnumsWithTheirPrefix) {
  EXPECT_THAT(CompileEdited([](FileDescriptorProto& file) {
                EnumDescriptorProto& type = *Fields(file).mutable_enum_type(0);
                type.mutable_value(1)->set_name("OTHER_" + type.value(1).name());
              }),
              Refuses("which must begin with"));
}

TEST(ModelRegistry, RefusesTwoMessagesOfOneModel) {
  EXPECT_THAT(
      ModelRegistry::Build({crm::v1::Engagement::descriptor(), crm::v1::Engagement::descriptor()}),
      StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace tributary::testing
