// Webhooks decoded, alone on one thread: the body that the load sends, and the plain sample of each
// model in the folder that VECTORS names.

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>

#include "bench/load/webhook.h"
#include "benchmark/benchmark.h"
#include "proto/resources.h"
#include "server/model/model.h"
#include "server/model/webhook_decoder.h"

namespace {

void Decode(benchmark::State& state, const std::string& body) {
  const auto models = tributary::ModelRegistry::Build(tributary::ResourceDescriptors());
  const tributary::WebhookDecoder decoder(*models);
  const tributary::WebhookHeaders headers{
      .connector_id = "hubspot", .owner_id = "acme", .idempotency_key = "1"};
  for (auto _ : state) {
    const auto decoded = decoder.Decode(headers, body, 1);
    if (decoded.refusal != tributary::DecodedWebhook::Refusal::kNone)
      state.SkipWithError("the sample was refused");
    benchmark::DoNotOptimize(decoded);
  }
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(body.size()));
}

void Register(const std::string& name, const std::string& body) {
  const std::string title = "decode " + name + ", " + std::to_string(body.size()) + " bytes";
  benchmark::RegisterBenchmark(title.c_str(),
                               [body](benchmark::State& state) { Decode(state, body); });
}

void RegisterSamples(const char* folder) {
  std::map<std::string, std::string> bodies;  // in the order of the models' names
  for (const auto& model : std::filesystem::directory_iterator(folder)) {
    std::ifstream file(model.path() / "created.json");
    if (file)
      bodies[model.path().filename().string()].assign(std::istreambuf_iterator<char>(file), {});
  }
  for (const auto& [name, body] : bodies) Register(name, body);
}

}  // namespace

int main(int argc, char** argv) {
  bench::WebhookMaker maker({}, 0);
  maker.Next();
  std::string body;
  maker.AppendBody(body);
  Register("the body of the load", body);
  if (const char* folder = std::getenv("VECTORS"); folder != nullptr) RegisterSamples(folder);
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
