#pragma once

#include <cstddef>
#include <cstdint>

// Every bound of the service that is not a flag, in one place. docs/guarantees.md words them for
// users.
namespace tributary::limits {

// Names: ids, connectors, owners, idempotency keys.
inline constexpr size_t kNameBytesMax = 512;

// Content. What is stored must be readable by any generated client with default settings.
inline constexpr int kValueDepthMax = 16;                 // of JSON in custom fields, answers, raw
inline constexpr size_t kResourceBytesMax = 1024 * 1024;  // encoded, without raw_resource
inline constexpr size_t kRawBytesMax = 1024 * 1024;       // of raw_resource, encoded
inline constexpr size_t kResourceAndRawBytesMax = 1280 * 1024;  // a whole resource: 1.25 MiB
inline constexpr size_t kCustomFieldsMax = 1000;
inline constexpr size_t kCustomKeyBytesMax = 256;
inline constexpr int kEmbeddedDepthMax = 4;
inline constexpr size_t kEmbeddedMax = 100;  // per delivery
inline constexpr size_t kWarningsMax = 32;   // per resource; the last says how many more
inline constexpr size_t kWarningValueBytesMax = 256;
inline constexpr size_t kFieldsDiscoveredMax = 1000;  // of one model, connector and owner
inline constexpr size_t kFieldOptionsMax = 1000;      // of a definition
inline constexpr size_t kFieldDefinitionBytesMax = 256 * 1024;
inline constexpr size_t kFieldsCachedMax =
    100'000;  // definitions and options that the decoder remembers
inline constexpr int64_t kFutureMicrosMax = 5LL * 60 * 1000 * 1000;  // updatedAt ahead of the clock

// Answers.
// Clients refuse 4 MiB by default.
inline constexpr size_t kAnswerBytesMax = 3 * 1024 * 1024 - 64 * 1024;
inline constexpr size_t kPageBytesMax = 2 * 1024 * 1024;
inline constexpr int kPageSizeDefault = 100;
inline constexpr int kPageSizeMax = 1000;
// Pages of the store that a filtered List looks through, a few milliseconds and 1,024 resources
// each, before it answers with what it has and a token.
inline constexpr int kFilteredListReadsMax = 10;
inline constexpr int kBatchGetIdsMax = 1000;
inline constexpr size_t kExpandMax = 10;  // fields that a request names
inline constexpr size_t kTokenBytesMax = 4096;
inline constexpr size_t kErrorBytesMax = 4096;

// Watch.
inline constexpr size_t kWatchResponseBytesMax = 1024 * 1024;
inline constexpr int kWatchResponseChangesMax = 1000;
inline constexpr int64_t kHeartbeatMsDefault = 15'000;
inline constexpr int64_t kHeartbeatMsMin = 1'000;
inline constexpr int64_t kHeartbeatMsMax = 300'000;
inline constexpr size_t kWindowBytesMax = 32 * 1024 * 1024;     // recent changes kept in memory
inline constexpr size_t kLatePagesBytesMax = 16 * 1024 * 1024;  // that readers behind them share
// Readers behind them of which each holds a page more, of kWatchResponseBytesMax, to send it next.
inline constexpr int kReadersAheadMax = 2;

// Ingest.
inline constexpr size_t kQueueDeliveriesMax = 8192;
inline constexpr size_t kQueueBytesMax = 64 * 1024 * 1024;
inline constexpr size_t kIngestStreamsMax = 64;
inline constexpr int kIngestMessageEventsMax = 1000;  // of a batch, too
inline constexpr size_t kIngestBatchBytesMax = 3 * 1024 * 1024;
// Of one stream, waiting for their results; beyond either bound it is not read on.
inline constexpr size_t kIngestWindowEventsMax = 4096;
inline constexpr size_t kIngestWindowBytesMax = 8 * 1024 * 1024;
inline constexpr int kIngestResponseResultsMax = 1000;
inline constexpr size_t kIngestResponseBytesMax = 1024 * 1024;
inline constexpr size_t kHttpHeaderBytesMax = 16 * 1024;
inline constexpr size_t kMetadataBytesMax = 8 * 1024;  // of a gRPC call

// Card views.
inline constexpr int kCardReceiversMax = 256;
inline constexpr size_t kCardViewsMax = 1024;  // that wait for an answer
inline constexpr size_t kCardViewBytesMax = 64 * 1024 * 1024;
inline constexpr int kCardViewsInHandDefault = 16;
inline constexpr int kCardViewsInHandMax = 1000;
inline constexpr size_t kCardsBytesMax = 256 * 1024;  // of an answer, as JSON

}  // namespace tributary::limits
