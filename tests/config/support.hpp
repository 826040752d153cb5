// What the tests of config/ share: files, and documents built around a single field.
#pragma once

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "config/experiment_spec.hpp"

namespace autotune::test {

/// The file's text; empty where it cannot be read.
inline std::string text_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

inline std::string fixture(const std::string& name) {
  return text_of(std::string(AUTOTUNE_SOURCE_DIR) + "/tests/config/fixtures/" + name);
}

/// All diagnostics as they are printed.
inline std::vector<std::string> printed(const LoadedFile& file) {
  std::vector<std::string> out;
  for (const auto& diagnostic : file.diagnostics)
    out.push_back(format(diagnostic));
  return out;
}

/// A small experiment that is right, with `more` as further lines of `spec` (indented by two).
inline std::string experiment_with(
    const std::string& more,
    const std::string& space = R"({"x": {"_type": "uniform", "_value": [0, 1]}})") {
  return "apiVersion: tensorstack.dev/v1beta1\n"
         "kind: AutoTuneExperiment\n"
         "metadata: {name: small}\n"
         "spec:\n"
         "  maxTrialNum: 3\n"
         "  searchSpace: '" +
         space +
         "'\n"
         "  trainingConfig:\n"
         "    type: generic\n"
         "    tasks:\n"
         "      - template: {spec: {containers: [{command: [\"true\"]}]}}\n" +
         more;
}

/// The spec of the first experiment of a text.
inline pb::ExperimentSpec spec_of(const std::string& text) {
  auto file = load_text(text, "exp.yaml");
  return file.experiments.empty() ? pb::ExperimentSpec() : file.experiments.front().spec;
}

}  // namespace autotune::test
