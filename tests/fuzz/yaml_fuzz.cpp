// Any bytes as an experiment's file: load_text must not crash or hang, its places must lie in the file, and what it
// finds right must print to a file that it finds right again. Bytes before a 0x01 are an override.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "config/experiment_spec.hpp"

namespace {

void require(bool condition, const char* what, const std::string& detail = {}) {
  if (condition)
    return;
  std::fprintf(stderr, "%s\n%s\n", what, detail.c_str());
  std::abort();
}

void check_places(const autotune::LoadedFile& file, std::string_view text) {
  auto lines = 1 + std::count(text.begin(), text.end(), '\n');
  for (const auto& diagnostic : file.diagnostics) {
    require(diagnostic.line >= 0 && diagnostic.line <= lines, "a line beyond the file");
    require(diagnostic.line == 0 || diagnostic.column >= 1, "no column");
    require(!diagnostic.message.empty(), "no message");
  }
}

void check_round_trip(const autotune::pb::ExperimentSpec& spec) {
  auto printed = autotune::print_spec(spec);
  auto again = autotune::load_text(printed, "printed");
  for (const auto& diagnostic : again.diagnostics)
    require(diagnostic.severity == autotune::Severity::warning, "a printed spec is refused",
            autotune::format(diagnostic) + "\n" + printed);
  require(again.experiments.size() == 1, "a printed spec is no experiment", printed);
  require(autotune::print_spec(again.experiments[0].spec) == printed,
          "a printed spec loads to another", printed);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  std::vector<std::string> overrides;
  if (auto cut = text.find('\x01'); cut != std::string_view::npos) {
    overrides.emplace_back(text.substr(0, cut));
    text.remove_prefix(cut + 1);
  }
  auto file = autotune::load_text(text, "fuzz.yaml", overrides);
  check_places(file, text);
  if (!file.ok())
    return 0;
  for (const auto& experiment : file.experiments)
    check_round_trip(experiment.spec);
  return 0;
}
