#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace tributary::testing {

// A whole server in this process, seen only through its addresses.
class LiveServer {
 public:
  LiveServer();
  ~LiveServer();

  std::string grpc_address() const;
  std::string http_address() const;

  // Posts a change of the resource, `fields` in JSON, for connector hubspot; answers its revision.
  int64_t Put(const std::string& model, const std::string& id, const std::string& fields,
              const std::string& owner = "acme");
  int64_t Delete(const std::string& model, const std::string& id);

  // On the same port and store, as after a crash.
  void Restart();

 private:
  class Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace tributary::testing
