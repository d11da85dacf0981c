#pragma once

#include <array>

#include "server/store/sqlite/schema.h"

namespace tributary::sqlite {

// Step N brings a file of version N to N + 1. Never change one that was released: add one.
extern const std::array<const char*, kSchemaVersion> kMigrations;

}  // namespace tributary::sqlite
