#include <string>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "bench/load/flags.h"
#include "bench/load/unary_load.h"
#include "bench/load/verbs.h"
#include "bench/load/webhook.h"
#include "tributary/crm/v1/opportunity.pb.h"

namespace bench {
namespace {

// Gets any of the resources, all of which are there.
class Getter final : public Caller {
 public:
  explicit Getter(unsigned seed) : maker_(MixFromFlags(), seed) {}

  std::string Request() override {
    maker_.Next();
    tributary::crm::v1::GetOpportunityRequest request;
    request.set_connector_id("hubspot");
    request.set_owner_id(maker_.OwnerId());
    request.set_id(absl::StrCat(maker_.id()));
    return request.SerializeAsString();
  }

  int64_t Answered(const grpc::ByteBuffer& answer) override { return answer.Length() > 0 ? 1 : -1; }

 private:
  WebhookMaker maker_;
};

// Sends the same bytes again and again.
class Echoer final : public Caller {
 public:
  std::string Request() override { return absl::GetFlag(FLAGS_raw_request); }
  int64_t Answered(const grpc::ByteBuffer& answer) override { return answer.Length() > 0 ? 1 : -1; }
};

}  // namespace

int RunGet() {
  const std::string method = absl::GetFlag(FLAGS_method);
  UnaryLoad load{
      .method = method.empty() ? "/tributary.crm.v1.OpportunityService/GetOpportunity" : method,
      .in_flight = absl::GetFlag(FLAGS_in_flight),
      .connections = absl::GetFlag(FLAGS_connections),
      .make_caller = [&](int number) -> std::unique_ptr<Caller> {
        if (!method.empty()) return std::make_unique<Echoer>();
        return std::make_unique<Getter>(static_cast<unsigned>(number));
      }};
  return RunUnary(load);
}

}  // namespace bench
