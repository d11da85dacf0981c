#include "server/base/exposition.h"

#include "gtest/gtest.h"

namespace tributary {
namespace {

using enum MetricFamily::Type;

constexpr MetricFamily kBuild{kInfo, "t_build", "", "What runs."};
constexpr MetricFamily kSent{kCounter, "t_sent_bytes", "bytes", "Bytes that were sent."};
constexpr MetricFamily kOpen{kGauge, "t_open", "", "What is open."};
constexpr MetricFamily kSize{kHistogram, "t_size", "", "How large it was."};
constexpr MetricFamily kTook{kHistogram, "t_took_seconds", "seconds", "How long it took."};

std::string Page(Exposition::Format format) {
  Exposition page(format);
  page.Begin(kBuild);
  page.Sample({{"version", "1"}}, 1);
  page.Begin(kSent);
  page.Sample({{"to", "a"}, {"by", "b"}}, 18'446'744'073'709'551'615u);
  page.Begin(kOpen);
  page.Sample(0);
  return page.Finish();
}

TEST(ExpositionTest, OpenMetricsNamesFamiliesWithoutTheEndingOfTheirSamples) {
  EXPECT_EQ(Page(Exposition::Format::kOpenMetrics),
            "# TYPE t_build info\n"
            "# HELP t_build What runs.\n"
            "t_build_info{version=\"1\"} 1\n"
            "# TYPE t_sent_bytes counter\n"
            "# UNIT t_sent_bytes bytes\n"
            "# HELP t_sent_bytes Bytes that were sent.\n"
            "t_sent_bytes_total{to=\"a\",by=\"b\"} 18446744073709551615\n"
            "# TYPE t_open gauge\n"
            "# HELP t_open What is open.\n"
            "t_open 0\n"
            "# EOF\n");
}

TEST(ExpositionTest, TheOlderFormatNamesFamiliesAsTheirSamples) {
  EXPECT_EQ(Page(Exposition::Format::kPrometheusText),
            "# TYPE t_build_info gauge\n"
            "# HELP t_build_info What runs.\n"
            "t_build_info{version=\"1\"} 1\n"
            "# TYPE t_sent_bytes_total counter\n"
            "# HELP t_sent_bytes_total Bytes that were sent.\n"
            "t_sent_bytes_total{to=\"a\",by=\"b\"} 18446744073709551615\n"
            "# TYPE t_open gauge\n"
            "# HELP t_open What is open.\n"
            "t_open 0\n");
}

TEST(ExpositionTest, HistogramsCountUpwardsInTheUnitThatIsShown) {
  Histogram sizes(Histogram::kSizes);
  for (const uint64_t size : {1, 2, 600, 9999}) sizes.Observe(size);
  Exposition page(Exposition::Format::kOpenMetrics);
  page.Begin(kSize);
  page.Sample({{"of", "x"}}, sizes);
  const std::string text = page.Finish();
  EXPECT_NE(text.find("t_size_bucket{of=\"x\",le=\"1.0\"} 1\n"
                      "t_size_bucket{of=\"x\",le=\"2.0\"} 2\n"
                      "t_size_bucket{of=\"x\",le=\"4.0\"} 2\n"),
            text.npos)
      << text;
  EXPECT_NE(text.find("t_size_bucket{of=\"x\",le=\"512.0\"} 2\n"
                      "t_size_bucket{of=\"x\",le=\"1024.0\"} 3\n"
                      "t_size_bucket{of=\"x\",le=\"+Inf\"} 4\n"
                      "t_size_count{of=\"x\"} 4\n"
                      "t_size_sum{of=\"x\"} 10602\n"),
            text.npos)
      << text;

  Histogram durations(Histogram::kSeconds);
  durations.Observe(std::chrono::nanoseconds(12'345'678'901));
  Exposition timed(Exposition::Format::kOpenMetrics);
  timed.Begin(kTook);
  timed.Sample(durations);
  const std::string seconds = timed.Finish();
  EXPECT_NE(seconds.find("t_took_seconds_bucket{le=\"5e-05\"} 0\n"), seconds.npos) << seconds;
  EXPECT_NE(seconds.find("t_took_seconds_bucket{le=\"10.0\"} 0\n"), seconds.npos) << seconds;
  EXPECT_NE(seconds.find("t_took_seconds_sum 12.345678901\n"), seconds.npos) << seconds;
}

TEST(ExpositionTest, WhateverALabelHoldsItStaysOneLine) {
  Exposition page(Exposition::Format::kOpenMetrics);
  page.Begin(kOpen);
  page.Sample({{"name", "a\"b\\c\nd"}}, 1);
  EXPECT_NE(page.Finish().find("t_open{name=\"a\\\"b\\\\c\\nd\"} 1\n"), std::string::npos);
}

TEST(ExpositionTest, EachFormatHasItsContentType) {
  EXPECT_EQ(Exposition(Exposition::Format::kOpenMetrics).content_type(),
            "application/openmetrics-text; version=1.0.0; charset=utf-8");
  EXPECT_EQ(Exposition(Exposition::Format::kPrometheusText).content_type(),
            "text/plain; version=0.0.4; charset=utf-8");
}

}  // namespace
}  // namespace tributary
