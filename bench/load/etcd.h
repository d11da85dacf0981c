#pragma once

#include <string>

namespace bench::etcd {

// The few messages of etcd's gRPC interface that are sent here, written by hand: field numbers are
// of its public API (etcd.io, "API reference").

inline constexpr char kPut[] = "/etcdserverpb.KV/Put";
inline constexpr char kTxn[] = "/etcdserverpb.KV/Txn";
inline constexpr char kWatch[] = "/etcdserverpb.Watch/Watch";

// PutRequest{key = 1, value = 2}
std::string Put(const std::string& key, const std::string& value);

// One RequestOp{request_put = 2} of a TxnRequest{success = 2}, to be strung together.
std::string PutOperation(const std::string& put);

// WatchRequest{create_request = 1: {key = 1, range_end = 2}}: everything that begins with `prefix`.
std::string WatchPrefix(const std::string& prefix);

inline constexpr unsigned kWatchEvents = 11;  // WatchResponse.events

}  // namespace bench::etcd
