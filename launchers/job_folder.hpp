// Where an attempt's files are, and how the few that must be whole are written and read.
//
//   <home>/trials/<experiment>/<sequence>-<id>/<attempt>/parameters.json
//                                                       /<replica>/stdout stderr reports.jsonl environment
//                                                                  exit-<restart>.json
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "messages/node.pb.h"
#include "messages/redaction.hpp"
#include "messages/result.hpp"

namespace autotune {

/// The paths of one attempt; making one touches no disk.
class JobFolder {
 public:
  /// Error: invalid_argument where a name of the plan is no name of a folder.
  static Result<JobFolder> of(const std::string& home, const pb::AttemptPlan& plan);

  /// Of the trial, shared by its attempts: AUTOTUNE_TRIAL_DIR.
  const std::string& trial() const { return trial_; }
  const std::string& attempt() const { return attempt_; }
  std::string replica(const std::string& name) const { return attempt_ + "/" + name; }
  std::string parameters() const { return attempt_ + "/parameters.json"; }
  std::string reports(const std::string& replica_name) const {
    return attempt_ + "/" + replica_name + "/reports.jsonl";
  }

  /// Makes all folders (0700) and writes parameters.json. What is there already stays.
  /// Error: resource_exhausted (no room), failed_precondition (cannot be written).
  Result<void> make(const pb::AttemptPlan& plan) const;

 private:
  std::string experiment_;
  std::string trial_;
  std::string attempt_;
};

/// Makes a folder (0700) and those above it that are missing.
Result<void> make_folders(const std::string& path);

/// Replaces a file in one step (write beside it, rename): readers see the old or the new, never half.
Result<void> write_whole_file(const std::string& path, std::string_view text);

/// The file's text. Error: not_found, failed_precondition.
Result<std::string> read_whole_file(const std::string& path, std::size_t bytes_max);

/// Gives a file's last line its newline where it has none: what is appended next is a line of its own.
void end_last_line(const std::string& path);

/// The last line that is not blank of the file's last 4 KiB, without `secrets` and control characters, cut to 200
/// bytes; empty where there is none. For saying why a trial failed.
std::string last_line_of(const std::string& path, const Redaction& secrets);

/// How a replica ended, as exit-<restart>.json holds it (protobuf's JSON names).
std::string exit_to_json(const pb::ReplicaExit& exit);
Result<pb::ReplicaExit> exit_from_json(std::string_view text);
std::string exit_path(const std::string& replica_folder, int restart);
/// Writes it in one go: what a crash leaves half written does not parse and counts as not there, so no rename is
/// needed. Error: resource_exhausted (the disk is full), failed_precondition.
Result<void> write_exit(const std::string& replica_folder, const pb::ReplicaExit& exit);

/// The exit of the newest restart that has one; unreadable files count as not there.
std::optional<pb::ReplicaExit> newest_exit(const std::string& replica_folder);

/// Notes that a replica is about to be started for the restart-th time, with the names (never the values) of its
/// environment (NAME=VALUE, a NUL after each). What stands there is how a restarted agent knows that something was started.
class StartNotes {
 public:
  Result<void> write(const std::string& replica_folder, int restart, std::string_view environment);

 private:
  // Trials of an experiment have the same names: a note that says the same is a link to the one before, which costs
  // half of a new file.
  std::string text_;
  std::string path_;
};

/// The restart of the newest start note; nothing: never started.
std::optional<int> newest_start(const std::string& replica_folder);

}  // namespace autotune
