#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "proto/resources.h"
#include "server/base/clock.h"
#include "server/cards/card_exchange.h"
#include "server/ingest/committer.h"
#include "server/ingest/webhook_server.h"
#include "server/model/model.h"
#include "server/model/webhook_decoder.h"
#include "server/store/sqlite/sqlite_store.h"
#include "tests/ingest/gated_store.h"
#include "tests/ingest/http_client.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temp_dir.h"

namespace tributary::testing {

// A whole webhook side on a port of its own: real sockets, the real decoder, a real store on disk.
class IngestTest : public ::testing::Test {
 protected:
  void SetUp() override {
    TRIBUTARY_ASSERT_OK_AND_ASSIGN(sqlite_, OpenSqliteStore(SqliteFile(), clock_));
    store_ = std::make_unique<GatedStore>(*sqlite_);
    TRIBUTARY_ASSERT_OK_AND_ASSIGN(ModelRegistry registry,
                                   ModelRegistry::Build(ResourceDescriptors()));
    registry_ = std::make_unique<ModelRegistry>(std::move(registry));
  }

  void TearDown() override {
    if (store_ != nullptr) store_->Release();
    server_.reset();
    committer_.reset();
  }

  void StartServer(WebhookServerOptions options = {}, CommitterOptions queue = {},
                   DecoderOptions decoding = {}) {
    options.address = "127.0.0.1:0";
    decoder_ = std::make_unique<WebhookDecoder>(*registry_, decoding);
    committer_ = std::make_unique<Committer>(
        *store_, [this](const Committed& committed) { published_ += committed.changes.size(); },
        queue);
    TRIBUTARY_ASSERT_OK_AND_ASSIGN(
        server_, WebhookServer::Start(options, *decoder_, *committer_, cards_, clock_,
                                      [this] { return ready_.load(); }));
  }

  SqliteOptions SqliteFile() const {
    SqliteOptions options;
    options.path = dir_.File("t.db");
    return options;
  }

  int port() const { return server_->port(); }

  // One request on a connection of its own.
  HttpReply Ask(const HttpRequest& request) {
    HttpClient client(port());
    std::optional<HttpReply> reply = client.Ask(request.Text());
    EXPECT_TRUE(reply.has_value()) << "no answer to " << request.Head();
    return reply.value_or(HttpReply{});
  }

  Revision HeadRevision() {
    const absl::StatusOr<Head> head = sqlite_->GetHead();
    EXPECT_THAT(head, IsOk());
    return head.ok() ? head->revision : -1;
  }

  TempDir dir_;
  SystemClock clock_;
  std::unique_ptr<Store> sqlite_;
  std::unique_ptr<GatedStore> store_;
  std::unique_ptr<ModelRegistry> registry_;
  std::unique_ptr<WebhookDecoder> decoder_;
  std::atomic<size_t> published_ = 0;
  std::atomic<bool> ready_ = true;
  std::unique_ptr<Committer> committer_;
  CardExchange cards_;
  std::unique_ptr<WebhookServer> server_;
};

// A workspace, the smallest webhook that is taken without a warning.
inline std::string WorkspaceBody(const std::string& id, const std::string& name,
                                 const std::string& updated_at = "2025-06-04T09:00:00.000Z",
                                 const std::string& trigger = "updated") {
  return R"({"event":"genericWorkspace::)" + trigger +
         R"(","data":{"object":"resource","model":"genericWorkspace","id":")" + id +
         R"(","fields":{"name":")" + name +
         R"("},"createdAt":"2025-01-01T00:00:00.000Z","updatedAt":")" + updated_at + R"("}})";
}

}  // namespace tributary::testing
