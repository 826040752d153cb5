// Where a replica's volumes are on this machine, and how their mountPaths come to lead there.
#pragma once

#include <string>
#include <vector>

#include "launchers/job_folder.hpp"
#include "launchers/replica_environment.hpp"
#include "messages/keeper.pb.h"
#include "messages/result.hpp"

namespace autotune {

/// One volumeMount of a replica.
struct PlacedVolume {
  std::string mount_path;  ///< as the file says, without a slash at its end
  std::string source;      ///< the folder or file on this machine
  bool read_only = false;
  bool mapped =
      false;  ///< cannot be mounted here: the path is replaced in workingDir, command and args
};

struct PlacedVolumes {
  std::vector<PlacedVolume> volumes;
  std::vector<std::string> notices;

  /// Where a path that the replica sees is on this machine, whether mounted or mapped.
  std::string outside(const std::string& path) const;
  /// A text of the command with all mapped mountPaths in it replaced, at the borders of path names only.
  std::string map(const std::string& text) const;
  /// What the keeper mounts.
  std::vector<pb::KeeperMount> mounts() const;
};

/// Finds all volumes of a replica, makes those that are its own (emptyDir, secret) in its folder.
/// Errors: invalid_argument (a claim without --volume, a folder that is missing, a Secret that is unknown, a mount
/// that names no volume), resource_exhausted.
Result<PlacedVolumes> place_volumes(const AttemptContext& attempt, const ReplicaPlace& replica,
                                    bool can_mount);

/// Removes the files of Secrets from a replica's folder.
void remove_secret_files(const std::string& replica_folder);

}  // namespace autotune
