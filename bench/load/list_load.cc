#include <string>
#include <utility>

#include "absl/flags/flag.h"
#include "bench/load/flags.h"
#include "bench/load/grpc_client.h"
#include "bench/load/unary_load.h"
#include "bench/load/verbs.h"
#include "tributary/crm/v1/opportunity.pb.h"

ABSL_FLAG(int, page_size, 1000, "Resources per page of a List.");
ABSL_FLAG(int, pages, 0, "Start over after so many pages; 0: at the end of the List.");
ABSL_FLAG(int, page, 0,
          "Go to that page and read it again and again; 0: read one after the other.");
ABSL_FLAG(std::string, filter, "", "Filter of the List.");
ABSL_FLAG(std::string, order_by, "", "Order of the List.");

namespace bench {
namespace {

constexpr TallyFields kPageFields{.item = 1, .text = 2};  // next_page_token

// Reads a List page by page, and then again.
class Lister final : public Caller {
 public:
  std::string Request() override {
    const std::string raw = absl::GetFlag(FLAGS_raw_request);
    if (!raw.empty()) return raw;
    tributary::crm::v1::ListOpportunitiesRequest request;
    request.set_connector_id("hubspot");
    request.set_owner_id(owner_);
    request.set_page_size(page_size_);
    request.set_page_token(token_);
    request.set_filter(filter_);
    request.set_order_by(order_by_);
    return request.SerializeAsString();
  }

  int64_t Answered(const grpc::ByteBuffer& answer) override {
    Tally tally;
    if (!Count(answer, kPageFields, tally)) return -1;
    ++read_;
    if (page_ > 0) {
      if (read_ < page_) token_ = std::move(tally.text);
      return read_ < page_ && token_.empty() ? -1 : tally.items;  // -1: there is no such page
    }
    token_ = std::move(tally.text);
    if (read_ == pages_) {
      read_ = 0;
      token_.clear();
    }
    return tally.items;
  }

 private:
  const std::string owner_ = MixFromFlags().owner;
  const int page_size_ = absl::GetFlag(FLAGS_page_size);
  const int pages_ = absl::GetFlag(FLAGS_pages);
  const int page_ = absl::GetFlag(FLAGS_page);
  const std::string filter_ = absl::GetFlag(FLAGS_filter);
  const std::string order_by_ = absl::GetFlag(FLAGS_order_by);
  std::string token_;
  int read_ = 0;
};

}  // namespace

int RunList() {
  const std::string method = absl::GetFlag(FLAGS_method);
  UnaryLoad load{
      .method = method.empty() ? "/tributary.crm.v1.OpportunityService/ListOpportunities" : method,
      .in_flight = absl::GetFlag(FLAGS_in_flight),
      .connections = absl::GetFlag(FLAGS_connections),
      .make_caller = [](int) { return std::make_unique<Lister>(); }};
  return RunUnary(load);
}

}  // namespace bench
