// Which words may stand next on a command line.
#pragma once

#include <string>
#include <vector>

#include "cli/cli.hpp"

namespace autotune::cli {

/// A word, and what it means; ":files" and ":folders" stand for those of the file system, ":more"
/// says that a word is no whole one, so that no space should follow it.
struct Candidate {
  std::string text;
  std::string meaning;

  friend bool operator==(const Candidate&, const Candidate&) = default;
};

/// What may stand in place of the last of `words`, the words behind "autotune": verbs, options,
/// their values, experiments and trials of the home that the words or the environment name.
std::vector<Candidate> candidates(const CLI::App& root, const std::vector<std::string>& words,
                                  Common common);

}  // namespace autotune::cli
