#include "cli/versions.hpp"

#include <google/protobuf/stubs/common.h>
#include <sqlite3.h>

#include "actors/caf_compat.hpp"

namespace autotune::cli {

namespace {

/// 1234567, `minor_unit` 1000 -> "1.234.567", as protobuf counts.
std::string dotted(int number, int unit) {
  return std::to_string(number / (unit * unit)) + "." + std::to_string(number / unit % unit) + "." +
         std::to_string(number % unit);
}

#ifdef __clang__
constexpr const char* compiler = "clang " __clang_version__;
#else
constexpr const char* compiler = "gcc " __VERSION__;
#endif

}  // namespace

std::vector<std::pair<std::string, std::string>> versions() {
  std::vector<std::pair<std::string, std::string>> list{{"autotune", AUTOTUNE_VERSION}};
#ifdef AUTOTUNE_GIT_DESCRIBE
  list.emplace_back("git", AUTOTUNE_GIT_DESCRIBE);
#endif
  list.emplace_back("caf", compat::caf_version());
  list.emplace_back("protobuf", dotted(GOOGLE_PROTOBUF_VERSION, 1000));
  list.emplace_back("sqlite", sqlite3_libversion());
  list.emplace_back("compiler", compiler);
  return list;
}

}  // namespace autotune::cli
