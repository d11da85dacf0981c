#include <memory>
#include <string>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "bench/load/etcd.h"
#include "bench/load/flags.h"
#include "bench/load/unary_load.h"
#include "bench/load/verbs.h"
#include "bench/load/webhook.h"

ABSL_FLAG(int, batch, 1, "Puts per transaction, to fill a store (etcd takes at most 128).");

namespace bench {
namespace {

// Puts the body of a webhook under the id of its resource.
class Putter final : public Caller {
 public:
  explicit Putter(unsigned seed) : maker_(MixFromFlags(), seed) {}

  std::string Request() override {
    const int batch = absl::GetFlag(FLAGS_batch);
    if (batch == 1) return NextPut();
    std::string transaction;
    for (int i = 0; i < batch; ++i) transaction += etcd::PutOperation(NextPut());
    return transaction;
  }

  int64_t Answered(const grpc::ByteBuffer& answer) override { return answer.Length() > 0 ? 1 : -1; }

 private:
  std::string NextPut() {
    maker_.Next();
    std::string body;
    maker_.AppendBody(body);
    return etcd::Put(absl::StrCat("/webhooks/", maker_.id()), body);
  }

  WebhookMaker maker_;
};

}  // namespace

int RunEtcdPut() {
  // In sequence there is one line of ids, so one caller has to go through it.
  const bool in_sequence = MixFromFlags().in_sequence;
  UnaryLoad load{.method = absl::GetFlag(FLAGS_batch) == 1 ? etcd::kPut : etcd::kTxn,
                 .in_flight = in_sequence ? 1 : absl::GetFlag(FLAGS_in_flight),
                 .connections = in_sequence ? 1 : absl::GetFlag(FLAGS_connections),
                 .make_caller = [](int number) {
                   return std::make_unique<Putter>(static_cast<unsigned>(number));
                 }};
  return RunUnary(load);
}

}  // namespace bench
