// Mounts that only one replica sees: a claim's folder at its mountPath, without being root where the kernel allows.
#pragma once

#include <string>
#include <vector>

#include "messages/keeper.pb.h"

namespace autotune {

using KeeperMounts = google::protobuf::RepeatedPtrField<pb::KeeperMount>;

/// Mounts to be made by a child of a process with several threads: all is laid out before the fork, and `enter`
/// neither allocates nor locks.
class PrivateMounts {
 public:
  explicit PrivateMounts(const KeeperMounts& mounts);

  /// Moves the calling process (just forked) into a mount namespace of its own, and binds each source to its target
  /// there. An ordinary user gets a user namespace too, with the same user and group IDs.
  /// Null: done. Else what could not be done, and errno says why.
  const char* enter() const;

 private:
  struct Mount {
    std::string source;
    std::string target;
    std::string failure;
    bool read_only = false;
  };

  const char* unshare_as_user() const;
  static bool bind(int source, const Mount& mount);

  std::vector<Mount> mounts_;
  mutable std::vector<int> sources_;  // used in the child alone
  std::string uid_map_;
  std::string gid_map_;
};

/// Whether this machine lets us do so, tried in a child.
bool can_mount_privately();

}  // namespace autotune
