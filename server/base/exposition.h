#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "server/base/metrics.h"

namespace tributary {

// What the samples of one name have in common.
struct MetricFamily {
  enum class Type { kInfo, kCounter, kGauge, kHistogram };

  Type type;
  std::string_view name;  // without the ending of its samples (_total, _info, _bucket, …)
  std::string_view unit;  // how `name` ends; empty: none
  std::string_view help;  // one line of plain text
};

// Writes samples as text that monitoring systems read: OpenMetrics 1.0, or Prometheus' older format
// for those that ask for text/plain. The two differ in the names of counters' families, units, and
// the end mark. Not thread-safe.
class Exposition {
 public:
  enum class Format { kOpenMetrics, kPrometheusText };
  using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  explicit Exposition(Format format) : format_(format) {}

  // The samples that follow are of `family`, which must outlive them. Begin each family once.
  void Begin(const MetricFamily& family);

  void Sample(const Labels& labels, uint64_t value);
  void Sample(const Labels& labels, const Histogram& histogram);
  // The family's only one.
  void Sample(uint64_t value) { Sample({}, value); }
  void Sample(const Histogram& histogram) { Sample({}, histogram); }

  std::string_view content_type() const;

  // The whole. Call once, at the end.
  std::string Finish();

 private:
  // `bound` is the label of a histogram's bucket; empty: not one.
  void AppendName(std::string_view ending, const Labels& labels, std::string_view bound);

  const Format format_;
  const MetricFamily* family_ = nullptr;
  std::string text_;
};

}  // namespace tributary
