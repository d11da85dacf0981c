# Everything of ours is compiled with the flags of `tributary::flags`; generated code only with the
# sanitizers, which have to cover a whole program.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

if(TRIBUTARY_SANITIZE)
  add_compile_options(-fsanitize=${TRIBUTARY_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${TRIBUTARY_SANITIZE})
  # A test with sanitizers is 280 MB: the linker of binutils takes three times as long for it.
  find_program(LLD ld.lld)
  if(LLD)
    add_link_options(-fuse-ld=lld)
  endif()
  if(TRIBUTARY_SANITIZE STREQUAL "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # Asio's fences are invisible to ThreadSanitizer; its own locks and atomics are not.
    add_compile_options(-Wno-tsan)
  endif()
endif()

add_library(tributary_flags INTERFACE)
add_library(tributary::flags ALIAS tributary_flags)
target_include_directories(tributary_flags INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(tributary_flags INTERFACE -Wall -Wextra -Wshadow -Wnon-virtual-dtor)
if(TRIBUTARY_WERROR)
  target_compile_options(tributary_flags INTERFACE -Werror)
endif()
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  target_compile_options(tributary_flags INTERFACE -Wthread-safety)
else()
  # g++ 12 reports these inside inlined standard library code, where nothing is wrong.
  target_compile_options(tributary_flags INTERFACE -Wno-restrict -Wno-maybe-uninitialized)
endif()
