#pragma once

#include <cstddef>

namespace tributary::sqlite {

// Rows of late work to be written beside a commit that adds `weight` of them: twice as many, so
// that what waits is done long before as much again has gathered; and a few more, so that small
// commits get somewhere.
constexpr size_t SliceRows(size_t weight) { return 2 * weight + 64; }

}  // namespace tributary::sqlite
