// Batches committed, alone on one thread, to a store in the folder that TMPDIR names: updates of
// any of a hundred thousand resources, each with its fsync.

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "bench/load/webhook.h"
#include "benchmark/benchmark.h"
#include "proto/resources.h"
#include "server/base/clock.h"
#include "server/model/changed_fields.h"
#include "server/model/model.h"
#include "server/model/webhook_decoder.h"
#include "server/store/sqlite/sqlite_store.h"

namespace {

using tributary::Delivery;

// A store and an endless supply of deliveries for it.
class Fixture {
 public:
  Fixture()
      : folder_(std::filesystem::temp_directory_path() / "commit_bench"),
        models_(tributary::ModelRegistry::Build(tributary::ResourceDescriptors())),
        decoder_(*models_),
        maker_({.resources = 100'000}, 0) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directory(folder_);
    tributary::SqliteOptions options;
    options.path = (folder_ / "bench.db").string();
    options.changed_fields = [this](const tributary::Record& before,
                                    const tributary::Record& after) {
      return tributary::ChangedFields(*models_->Find(after.key.model), before, after);
    };
    auto opened = tributary::OpenSqliteStore(options, clock_);
    if (opened.ok()) store_ = *std::move(opened);
  }
  ~Fixture() {
    store_.reset();
    std::filesystem::remove_all(folder_);
  }

  std::vector<Delivery> Batch(int size) {
    std::vector<Delivery> batch;
    for (int i = 0; i < size; ++i) {
      maker_.Next();
      std::string body;
      maker_.AppendBody(body);
      batch.push_back(decoder_
                          .Decode({.connector_id = "hubspot",
                                   .owner_id = "acme",
                                   .idempotency_key = std::to_string(++count_)},
                                  std::move(body), clock_.NowMicros())
                          .delivery);
    }
    return batch;
  }

  tributary::Store* store() { return store_.get(); }

 private:
  const std::filesystem::path folder_;
  const tributary::SystemClock clock_;
  const absl::StatusOr<tributary::ModelRegistry> models_;
  const tributary::WebhookDecoder decoder_;
  bench::WebhookMaker maker_;
  int64_t count_ = 0;
  std::unique_ptr<tributary::Store> store_;
};

void Commit(benchmark::State& state) {
  Fixture fixture;
  if (fixture.store() == nullptr) return state.SkipWithError("the store does not open");
  const int size = static_cast<int>(state.range(0));
  for (auto _ : state) {
    const std::vector<Delivery> batch = fixture.Batch(size);
    const auto begin = std::chrono::steady_clock::now();
    const auto committed = fixture.store()->Commit(batch);
    state.SetIterationTime(
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
    if (!committed.ok()) state.SkipWithError("a commit failed");
  }
  state.SetItemsProcessed(state.iterations() * size);
}
BENCHMARK(Commit)->ArgName("batch")->Arg(1)->Arg(16)->Arg(64)->Arg(256)->UseManualTime();

}  // namespace

BENCHMARK_MAIN();
