// How often per second this disk makes a 4 KiB append durable: the limit that a commit per event
// has.
//
//   fsync_limit FOLDER SECONDS

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: fsync_limit FOLDER SECONDS\n");
    return 2;
  }
  const std::string path = std::string(argv[1]) + "/fsync_limit";
  const int file = open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
  if (file < 0) {
    std::perror(path.c_str());
    return 1;
  }
  const std::string page(4096, 'x');
  const auto begin = std::chrono::steady_clock::now();
  const auto end = begin + std::chrono::seconds(std::atoi(argv[2]));
  int count = 0;
  for (; std::chrono::steady_clock::now() < end; ++count) {
    if (write(file, page.data(), page.size()) != static_cast<ssize_t>(page.size()) ||
        fdatasync(file) != 0) {
      std::perror(path.c_str());
      return 1;
    }
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  close(file);
  unlink(path.c_str());
  std::printf("%.0f\n", count / took.count());
}
