// How often per second this disk makes a 4 KiB append durable: the limit that a commit per event
// has.
//
//   fsync FOLDER SECONDS

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "bench/load/report.h"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: fsync FOLDER SECONDS\n");
    return 2;
  }
  const std::string path = std::string(argv[1]) + "/fsync";
  const int file = open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
  if (file < 0) {
    std::perror(path.c_str());
    return 1;
  }
  const std::string page(4096, 'x');
  bench::Latencies latencies;
  const auto begin = bench::Clock::now();
  const auto end = begin + std::chrono::duration<double>(std::atof(argv[2]));
  for (auto now = begin; now < end;) {
    if (write(file, page.data(), page.size()) != static_cast<ssize_t>(page.size()) ||
        fdatasync(file) != 0) {
      std::perror(path.c_str());
      return 1;
    }
    const auto before = std::exchange(now, bench::Clock::now());
    latencies.Add(now - before);
  }
  close(file);
  unlink(path.c_str());
  const std::chrono::duration<double> took = bench::Clock::now() - begin;
  bench::Figures figures = {{"per_second", static_cast<double>(latencies.count()) / took.count()}};
  latencies.AppendTo(figures);
  bench::Print(figures);
}
