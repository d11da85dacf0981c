#include "bench/load/etcd.h"

#include "server/base/wire.h"

namespace bench::etcd {

namespace wire = tributary::wire;

std::string Put(const std::string& key, const std::string& value) {
  std::string put;
  wire::AppendBytes(put, 1, key);
  wire::AppendBytes(put, 2, value);
  return put;
}

std::string PutOperation(const std::string& put) {
  std::string operation;
  wire::AppendBytes(operation, 2, put);
  std::string success;
  wire::AppendBytes(success, 2, operation);
  return success;
}

std::string WatchPrefix(const std::string& prefix) {
  std::string end = prefix;
  ++end.back();
  std::string create;
  wire::AppendBytes(create, 1, prefix);
  wire::AppendBytes(create, 2, end);
  std::string request;
  wire::AppendBytes(request, 1, create);
  return request;
}

}  // namespace bench::etcd
