#include "bench/load/report.h"

#include <sys/resource.h>

#include <algorithm>
#include <cstdio>

namespace bench {

void Print(const Figures& figures) {
  std::printf("{");
  const char* separator = "";
  for (const auto& [name, value] : figures) {
    std::printf("%s\"%.*s\": %.6g", separator, static_cast<int>(name.size()), name.data(), value);
    separator = ", ";
  }
  std::printf("}\n");
  std::fflush(stdout);
}

void PrintReady() {
  std::puts("ready");
  std::fflush(stdout);
}

void Latencies::Add(Clock::duration took) {
  AddMicros(std::chrono::duration_cast<std::chrono::microseconds>(took).count());
}

void Latencies::Merge(const Latencies& other) {
  micros_.insert(micros_.end(), other.micros_.begin(), other.micros_.end());
}

void Latencies::AppendTo(Figures& figures) {
  if (micros_.empty()) return;
  std::sort(micros_.begin(), micros_.end());
  const auto at = [this](double part) {
    const auto index = static_cast<size_t>(part * static_cast<double>(micros_.size()));
    return micros_[std::min(index, micros_.size() - 1)] / 1000.0;
  };
  figures.emplace_back("p50_ms", at(0.5));
  figures.emplace_back("p99_ms", at(0.99));
  figures.emplace_back("p999_ms", at(0.999));
  figures.emplace_back("max_ms", at(1));
}

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace bench
