// Reads the file that a verb was given, and says all that is wrong with it.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "actors/admission.hpp"
#include "messages/node.pb.h"

namespace autotune::cli {

/// What `run`, `apply` and `validate` take beside the file.
struct FileOptions {
  std::string file;                  ///< "-": standard input
  std::vector<std::string> volumes;  ///< CLAIM=DIR
  std::vector<std::string> overrides;
  std::optional<std::int64_t> seed;
  std::string name;
  std::string warm_start;             ///< another experiment, or a CSV file
  std::set<std::string> claims_held;  ///< by nodes of the server that it is handed to
  bool honor_run_as_user = false;
  bool strict_resources = false;
};

/// Loads and checks; what is wrong stands in the file's diagnostics, nothing is printed. Errors: not_found (no such
/// file), invalid_argument (not readable as text at all, no experiment in it).
Result<LoadedFile> load_file(const FileOptions& options);

/// Loads and checks; prints every diagnostic on stderr. Errors: not_found (no such file), invalid_argument (the
/// mistakes are printed already, so the text is a count of them).
Result<LoadedFile> read_file(const FileOptions& options);

/// The options of `FileOptions` as those of a verb.
void add_file_options(CLI::App& verb, FileOptions& options);

/// `--warm-start`, which starts something: for `run` and `apply` alone.
void add_warm_start_option(CLI::App& verb, FileOptions& options);

/// What `run` was told beside the file. Error: invalid_argument (no CLAIM=DIR, no such folder).
Result<pb::RunOptions> options_of(const FileOptions& options);

/// Error: invalid_argument where the spec mounts a claim that no node holds (`held`), and nobody has said where it is.
Result<void> check_claims(const pb::ExperimentSpec& spec, const pb::RunOptions& options,
                          const std::set<std::string>& held = {});

/// One submission for each experiment of the file.
Result<std::vector<pb::Submit>> submissions_of(const FileOptions& options);

}  // namespace autotune::cli
