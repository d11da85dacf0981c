#pragma once

#include <string>

#include "server/base/exposition.h"
#include "server/cards/card_exchange.h"
#include "server/fields/field_catalog.h"
#include "server/ingest/committer.h"
#include "server/ingest/webhook_server.h"
#include "server/serve/grpc_server.h"
#include "server/store/sqlite/sqlite_store.h"
#include "server/store/store.h"

namespace tributary {

// Whose cells the page shows. All of them must outlive it.
struct MetricsSources {
  std::string version;
  std::string sqlite_path;
  const SqliteMetrics& sqlite;
  Store& store;
  const Committer& committer;
  const CardExchange& cards;
  const FieldCatalog& fields;
  GrpcServer& grpc;
};

// Writes everything that is measured, under the names that docs/metrics.md lists: they are given
// here and nowhere else. Reads memory and the sizes of two files, so that it may be asked for on
// any thread. Every label takes its values from a list that is fixed once the server has started.
void WriteMetricsPage(const MetricsSources& sources, const HttpMetrics& http, Exposition& page);

}  // namespace tributary
