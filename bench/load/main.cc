// The load generator: `load VERB [--flag=value...]`, see verbs.h and `load --help`.

#include <cstdio>
#include <string_view>

#include "absl/flags/parse.h"
#include "bench/load/verbs.h"

int main(int argc, char** argv) {
  const auto arguments = absl::ParseCommandLine(argc, argv);
  const std::string_view verb = arguments.size() == 2 ? arguments[1] : "";
  if (verb == "http") return bench::RunHttp();
  if (verb == "get") return bench::RunGet();
  if (verb == "list") return bench::RunList();
  if (verb == "watch") return bench::RunWatch();
  if (verb == "etcd_put") return bench::RunEtcdPut();
  if (verb == "body") return bench::RunBody();
  std::fprintf(stderr, "usage: load http|get|list|watch|etcd_put|body [--flag=value...]\n");
  return 2;
}
