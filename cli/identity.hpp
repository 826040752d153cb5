// With which certificate this process speaks to other machines.
#pragma once

#include <filesystem>
#include <string>

#include "actors/transport.hpp"
#include "messages/result.hpp"

namespace autotune::cli {

/// Of the server of that home: made anew at each start by the home's own authority, which is made at the first.
Result<TransportIdentity> head_identity(const std::filesystem::path& home);

/// Of a node whose state lies in `folder`: signed by the authority of `home` where its user is ours (a server's home on
/// this machine); else what an enrolment has left in `folder`.
/// failed_precondition: neither is there; says how to get one.
Result<TransportIdentity> agent_identity(const std::filesystem::path& home,
                                         const std::filesystem::path& folder,
                                         const std::string& name);

}  // namespace autotune::cli
