// The file format of users: AutoTuneExperiment and Secret documents, to checked specs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/diagnostic.hpp"
#include "config/ignored_fields.hpp"
#include "config/search_space_reader.hpp"
#include "config/spec_printer.hpp"
#include "messages/experiment.pb.h"
#include "messages/search_space.hpp"

namespace autotune {

struct LoadOptions {
  /// The launcher of a file that names none; what it ignores is warned of. Empty: the field stays empty, no warning.
  std::string default_launcher = "process";
  std::vector<std::string> launchers = {};  ///< kinds that a file may name beside ours
  bool honor_run_as_user =
      false;  ///< the process launcher will switch users, so runAsUser is not ignored
};

/// One experiment of a file. Where the file has errors it is what could be read.
struct LoadedExperiment {
  pb::ExperimentSpec spec;
  SearchSpace search_space;
  PathPlaces places;
};

struct LoadedFile {
  std::vector<LoadedExperiment> experiments;
  std::vector<pb::SecretDocument> secrets;
  std::vector<Diagnostic> diagnostics;  ///< in the order of the file, those of overrides first

  /// True where no diagnostic is an error.
  bool ok() const;
};

/// Reads a file's text, with each of `overrides` ("PATH=VALUE") applied to every experiment in it. All mistakes are
/// told at once. Names and arguments of algorithms are not judged: their factory knows them, and
/// `LoadedExperiment::places` tells where each path stands. Never throws on any input.
LoadedFile load_text(std::string_view text, std::string file_name,
                     const std::vector<std::string>& overrides = {},
                     const LoadOptions& options = {});

}  // namespace autotune
