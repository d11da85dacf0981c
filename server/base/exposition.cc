#include "server/base/exposition.h"

#include <charconv>

#include "absl/strings/str_cat.h"
#include "server/base/strings.h"

namespace tributary {
namespace {

using Type = MetricFamily::Type;

std::string_view TypeName(Type type, Exposition::Format format) {
  switch (type) {
    case Type::kInfo:
      return format == Exposition::Format::kOpenMetrics ? "info" : "gauge";
    case Type::kCounter:
      return "counter";
    case Type::kGauge:
      return "gauge";
    case Type::kHistogram:
      return "histogram";
  }
  return "unknown";
}

// What OpenMetrics puts behind the family's name in its samples.
std::string_view Ending(Type type) {
  return type == Type::kInfo ? "_info" : type == Type::kCounter ? "_total" : "";
}

// Shown as a number with a point, which is how bounds are compared: "1.0", "0.0025".
std::string BoundText(double bound) {
  std::string text = absl::StrCat(bound);
  if (text.find_first_of(".e") == text.npos) text += ".0";
  return text;
}

// In as few digits as give the same number when read.
void AppendNumber(std::string& out, double number) {
  char text[32];
  const std::to_chars_result end = std::to_chars(text, text + sizeof(text), number);
  out.append(text, end.ptr);
}

void AppendLabel(std::string& out, std::string_view name, std::string_view value) {
  out += out.back() == '{' ? "" : ",";
  absl::StrAppend(&out, Absl(name), "=\"");
  for (const char c : value) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '\\' || c == '"') out += '\\';
    out += c;
  }
  out += '"';
}

}  // namespace

void Exposition::Begin(const MetricFamily& family) {
  family_ = &family;
  const bool open = format_ == Format::kOpenMetrics;
  const std::string name = absl::StrCat(Absl(family.name), open ? "" : Absl(Ending(family.type)));
  absl::StrAppend(&text_, "# TYPE ", name, " ", Absl(TypeName(family.type, format_)), "\n");
  if (open && !family.unit.empty()) {
    absl::StrAppend(&text_, "# UNIT ", name, " ", Absl(family.unit), "\n");
  }
  absl::StrAppend(&text_, "# HELP ", name, " ", Absl(family.help), "\n");
}

void Exposition::AppendName(std::string_view ending, const Labels& labels, std::string_view bound) {
  absl::StrAppend(&text_, Absl(family_->name), Absl(ending));
  if (labels.size() > 0 || !bound.empty()) {
    text_ += '{';
    for (const auto& [name, value] : labels) AppendLabel(text_, name, value);
    if (!bound.empty()) AppendLabel(text_, "le", bound);
    text_ += '}';
  }
  text_ += ' ';
}

void Exposition::Sample(const Labels& labels, uint64_t value) {
  AppendName(Ending(family_->type), labels, "");
  absl::StrAppend(&text_, value, "\n");
}

void Exposition::Sample(const Labels& labels, const Histogram& histogram) {
  const Histogram::Scale& scale = histogram.scale();
  uint64_t count = 0;
  for (size_t i = 0; i <= scale.bounds.size(); ++i) {
    count += histogram.InBucket(i);
    const bool last = i == scale.bounds.size();
    AppendName("_bucket", labels,
               last ? "+Inf" : BoundText(static_cast<double>(scale.bounds[i]) / scale.unit));
    absl::StrAppend(&text_, count, "\n");
  }
  // The count is that of the last bucket, whatever was observed since: they must agree.
  AppendName("_count", labels, "");
  absl::StrAppend(&text_, count, "\n");
  AppendName("_sum", labels, "");
  AppendNumber(text_, static_cast<double>(histogram.sum()) / scale.unit);
  text_ += '\n';
}

std::string_view Exposition::content_type() const {
  return format_ == Format::kOpenMetrics
             ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
             : "text/plain; version=0.0.4; charset=utf-8";
}

std::string Exposition::Finish() {
  if (format_ == Format::kOpenMetrics) text_ += "# EOF\n";
  return std::move(text_);
}

}  // namespace tributary
