// The unary services of a whole server, over real sockets.

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "grpcpp/support/byte_buffer.h"
#include "gtest/gtest.h"
#include "proto/resources.h"
#include "server/base/wire.h"
#include "tests/serve/server_fixture.h"
#include "tributary/crm/v1/opportunity.pb.h"
#include "tributary/v1/server.pb.h"

namespace tributary {
namespace {

using crm::v1::Opportunity;
using generic::v1::Contact;
using testing::Call;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kBatchGet;
using testing::kGet;
using testing::ReasonIn;
using testing::ServerTest;

TEST_F(ServerTest, GetShowsWhatWasAcknowledged) {
  for (int i = 0; i < 50; ++i) {
    Put("c1", "Ines " + std::to_string(i));
    Contact contact;
    ASSERT_TRUE(Call(*server_.channel(), kGet, Named("c1"), &contact).ok());
    EXPECT_EQ(contact.fields().first_name(), "Ines " + std::to_string(i));
    EXPECT_EQ(contact.revision(), i + 1);
  }
}

TEST_F(ServerTest, ManyGetsAtOnceAreAllAnsweredWhoeverReads) {
  Put("c1", "Ines");
  std::atomic<int> right = 0;
  std::vector<std::thread> callers;
  for (int i = 0; i < 16; ++i) {
    callers.emplace_back([&] {
      for (int call = 0; call < 50; ++call) {
        Contact contact;
        if (Call(*server_.channel(), kGet, Named("c1"), &contact).ok() && contact.id() == "c1") {
          ++right;
        }
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(right, 16 * 50);
}

TEST_F(ServerTest, GetOfWhatNeverCameSaysSo) {
  grpc::ClientContext context;
  Contact contact;
  const grpc::Status status = Call(*server_.channel(), kGet, Named("311"), &contact, &context);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(status.error_message(), "genericContact \"311\" not found (RESOURCE_NOT_FOUND)");
  EXPECT_EQ(ReasonIn(context), "RESOURCE_NOT_FOUND");
  EXPECT_THAT(status.error_details(), HasSubstr("ResourceInfo"));
}

TEST_F(ServerTest, GetOfWhatWasDeletedNamesTheRevision) {
  Put("c1", "Ines");
  EXPECT_EQ(server_.Delete("genericContact", "c1"), 2);
  grpc::ClientContext context;
  Contact contact;
  const grpc::Status status = Call(*server_.channel(), kGet, Named("c1"), &contact, &context);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(ReasonIn(context), "RESOURCE_DELETED");
  EXPECT_THAT(status.error_details(), HasSubstr("revision"));
}

TEST_F(ServerTest, GetNeedsAWholeKey) {
  grpc::ClientContext context;
  Contact contact;
  const grpc::Status status =
      Call(*server_.channel(), kGet, generic::v1::GetContactRequest(), &contact, &context);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(),
              EndsWith("connector_id: must be set (and 2 more) (ARGUMENT_INVALID)"));
  EXPECT_THAT(status.error_details(), HasSubstr("BadRequest"));
}

TEST_F(ServerTest, NamesWithControlCharactersOrTooLongAreRefused) {
  for (const std::string& id : {std::string("a\x01"), std::string(513, 'x')}) {
    Contact contact;
    const grpc::Status status = Call(*server_.channel(), kGet, Named(id), &contact);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_LT(status.error_message().size(), 300u);
  }
  Contact contact;
  EXPECT_EQ(Call(*server_.channel(), kGet, Named(std::string(512, 'x')), &contact).error_code(),
            grpc::StatusCode::NOT_FOUND);
}

TEST_F(ServerTest, FullViewAddsTheProvidersRecordAndBasicDoesNot) {
  const nlohmann::json body = {
      {"event", "genericContact::created"},
      {"data", {{"id", "c1"}, {"fields", {{"firstName", "Ines"}}}, {"rawResource", {{"vid", 7}}}}}};
  ASSERT_EQ(server_.Post(body.dump()).status, 200);
  Contact basic;
  auto request = Named("c1");
  ASSERT_TRUE(Call(*server_.channel(), kGet, request, &basic).ok());
  EXPECT_FALSE(basic.has_raw_resource());
  request.set_view(v1::VIEW_FULL);
  Contact full;
  ASSERT_TRUE(Call(*server_.channel(), kGet, request, &full).ok());
  EXPECT_EQ(full.raw_resource().struct_value().fields().at("vid").number_value(), 7);
}

TEST_F(ServerTest, BatchGetAnswersInTheOrderAskedForAndNamesWhatIsMissing) {
  Put("a", "A");
  Put("b", "B");
  Put("gone", "G");
  server_.Delete("genericContact", "gone");
  generic::v1::BatchGetContactsRequest request;
  request.set_connector_id("hubspot");
  request.set_owner_id("acme");
  for (const char* id : {"b", "never", "a", "b", "gone"}) request.add_ids(id);
  generic::v1::BatchGetContactsResponse response;
  const grpc::Status status = Call(*server_.channel(), kBatchGet, request, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_EQ(response.contacts_size(), 2);
  EXPECT_EQ(response.contacts(0).id(), "b");
  EXPECT_EQ(response.contacts(1).id(), "a");
  EXPECT_THAT(response.missing_ids(), ElementsAre("never", "gone"));
  EXPECT_THAT(response.unread_ids(), IsEmpty());
  EXPECT_EQ(response.revision(), 4);
}

TEST_F(ServerTest, BatchGetNamesWhatDidNotFit) {
  for (int i = 0; i < 4; ++i) {
    server_.Put("genericContact", std::to_string(i), {{"note", std::string(700'000, 'n')}});
  }
  generic::v1::BatchGetContactsRequest request;
  request.set_connector_id("hubspot");
  request.set_owner_id("acme");
  for (int i = 0; i < 4; ++i) request.add_ids(std::to_string(i));
  generic::v1::BatchGetContactsResponse response;
  ASSERT_TRUE(Call(*server_.channel(), kBatchGet, request, &response).ok());
  EXPECT_EQ(response.contacts_size(), 2);
  EXPECT_THAT(response.unread_ids(), ElementsAre("2", "3"));
}

TEST_F(ServerTest, BatchGetTakesAThousandIdsAndNoMore) {
  generic::v1::BatchGetContactsRequest request;
  request.set_connector_id("hubspot");
  request.set_owner_id("acme");
  for (int i = 0; i < 1000; ++i) request.add_ids(std::to_string(i));
  generic::v1::BatchGetContactsResponse response;
  EXPECT_TRUE(Call(*server_.channel(), kBatchGet, request, &response).ok());
  request.add_ids("one more");
  EXPECT_EQ(Call(*server_.channel(), kBatchGet, request, &response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(ServerTest, EveryModelAnswersUnderItsOwnService) {
  for (const google::protobuf::Descriptor* resource : ResourceDescriptors()) {
    const google::protobuf::ServiceDescriptor* service = resource->file()->service(0);
    for (int i = 0; i < service->method_count(); ++i) {
      if (service->method(i)->server_streaming()) continue;
      const std::string path = "/" + service->full_name() + "/" + service->method(i)->name();
      const generic::v1::ListContactsRequest empty;
      generic::v1::ListContactsResponse response;
      const grpc::Status status = Call(*server_.channel(), path, empty, &response);
      const bool is_list = service->method(i)->name().rfind("List", 0) == 0;
      EXPECT_EQ(status.error_code(),
                is_list ? grpc::StatusCode::OK : grpc::StatusCode::INVALID_ARGUMENT)
          << path << ": " << status.error_message();
    }
  }
}

TEST_F(ServerTest, AMethodThatIsNotServedIsNamed) {
  for (const char* path :
       {"/tributary.generic.v1.ContactService/DeleteContact", "/no.such.Service/Get"}) {
    grpc::ClientContext context;
    Contact contact;
    const grpc::Status status = Call(*server_.channel(), path, Named("1"), &contact, &context);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
    EXPECT_THAT(status.error_message(), HasSubstr(path));
    EXPECT_EQ(ReasonIn(context), "METHOD_NOT_FOUND");
  }
}

TEST_F(ServerTest, TellsAboutItself) {
  Put("a", "x");
  v1::GetServerInfoResponse info;
  ASSERT_TRUE(Call(*server_.channel(), "/tributary.v1.ServerService/GetServerInfo",
                   v1::GetServerInfoRequest(), &info)
                  .ok());
  EXPECT_EQ(info.version(), "test");
  EXPECT_EQ(info.store_id(), server_.server().store_id());
  EXPECT_EQ(info.head_revision(), 1);
  EXPECT_EQ(info.models_size(), static_cast<int>(ResourceDescriptors().size()));
  EXPECT_GT(info.server_time().seconds(), 1'700'000'000);
}

TEST_F(ServerTest, SendsTheRequestIdBackOrMakesOne) {
  Put("a", "x");
  Contact contact;
  const auto id_in = [](const grpc::ClientContext& context) {
    const auto found = context.GetServerInitialMetadata().find("x-request-id");
    return found == context.GetServerInitialMetadata().end()
               ? ""
               : std::string(found->second.data(), found->second.size());
  };
  grpc::ClientContext own;
  own.AddMetadata("x-request-id", "mine-1");
  ASSERT_TRUE(Call(*server_.channel(), kGet, Named("a"), &contact, &own).ok());
  EXPECT_EQ(id_in(own), "mine-1");
  grpc::ClientContext made;
  ASSERT_TRUE(Call(*server_.channel(), kGet, Named("a"), &contact, &made).ok());
  EXPECT_THAT(id_in(made), ::testing::MatchesRegex("[0-9a-f]{32}"));
}

TEST_F(ServerTest, AMalformedRequestIsAnErrorAndNothingMore) {
  const grpc::Slice announced_longer_than_it_is(
      "\x1a\x7f"
      "abc");
  const grpc::ByteBuffer garbage(&announced_longer_than_it_is, 1);
  grpc::ByteBuffer response;
  grpc::ClientContext context;
  testing::SetDeadline(context);
  const grpc::internal::RpcMethod method(kGet, grpc::internal::RpcMethod::NORMAL_RPC);
  const grpc::Status status = grpc::internal::BlockingUnaryCall<grpc::ByteBuffer, grpc::ByteBuffer>(
      server_.channel().get(), method, &context, garbage, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ReasonIn(context), "ARGUMENT_INVALID");
  Contact contact;
  Put("a", "x");
  EXPECT_TRUE(Call(*server_.channel(), kGet, Named("a"), &contact).ok());
}

// The status that grpc.health.v1.Health gives for `service`: 1 SERVING, 2 NOT_SERVING; 0 if it
// knows none.
int Health(grpc::Channel& channel, const std::string& service) {
  std::string request;
  wire::AppendBytes(request, 1, service);
  const grpc::Slice slice(request);
  const grpc::ByteBuffer bytes(&slice, 1);
  grpc::ByteBuffer response;
  grpc::ClientContext context;
  testing::SetDeadline(context);
  const grpc::internal::RpcMethod method("/grpc.health.v1.Health/Check",
                                         grpc::internal::RpcMethod::NORMAL_RPC);
  if (!grpc::internal::BlockingUnaryCall<grpc::ByteBuffer, grpc::ByteBuffer>(
           &channel, method, &context, bytes, &response)
           .ok()) {
    return 0;
  }
  grpc::Slice answer;
  EXPECT_TRUE(response.DumpToSingleSlice(&answer).ok());
  wire::Reader reader({reinterpret_cast<const char*>(answer.begin()), answer.size()});
  const auto status = reader.Next();
  return status.has_value() ? static_cast<int>(status->varint) : 0;
}

TEST_F(ServerTest, HealthIsKnownForTheServerAndForEachService) {
  EXPECT_EQ(Health(*server_.channel(), ""), 1);
  EXPECT_EQ(Health(*server_.channel(), "tributary.v1.ServerService"), 1);
  for (const google::protobuf::Descriptor* resource : ResourceDescriptors()) {
    EXPECT_EQ(Health(*server_.channel(), resource->file()->service(0)->full_name()), 1);
  }
  EXPECT_EQ(Health(*server_.channel(), "no.such.Service"), 0);
}

TEST_F(ServerTest, KeepsEverythingOverARestart) {
  Put("a", "x");
  const std::string id = server_.server().store_id();
  server_.Restart();
  Contact contact;
  ASSERT_TRUE(Call(*server_.channel(), kGet, Named("a"), &contact).ok());
  EXPECT_EQ(contact.fields().first_name(), "x");
  EXPECT_EQ(server_.server().store_id(), id);
}

}  // namespace
}  // namespace tributary
