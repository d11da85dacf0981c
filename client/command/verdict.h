#pragma once

#include <string>

#include "tributary/ingest/v1/delivery.pb.h"

namespace tributary::command {

// "APPLIED"
inline std::string VerdictText(ingest::v1::Verdict verdict) {
  return ingest::v1::Verdict_Name(verdict).substr(std::string("VERDICT_").size());
}

}  // namespace tributary::command
