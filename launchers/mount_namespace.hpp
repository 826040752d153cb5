// Mounts that only one replica sees: a claim's folder at its mountPath, without being root where the kernel allows.
#pragma once

#include <string>

#include "messages/keeper.pb.h"

namespace autotune {

using KeeperMounts = google::protobuf::RepeatedPtrField<pb::KeeperMount>;

/// Moves the calling process (single-threaded, just forked) into a mount namespace of its own, and binds each source
/// to its target there. An ordinary user gets a user namespace too, with the same user and group IDs.
/// False: `what` says what could not be done, errno why.
bool enter_private_mounts(const KeeperMounts& mounts, std::string& what);

/// Whether this machine lets us do so, tried in a child.
bool can_mount_privately();

}  // namespace autotune
