// The keeper of a home: a small process that starts replicas on request, holds their limits, deadlines and leases,
// ends whole process trees, and writes down how each ended. It outlives the agents that talk to it.
#pragma once

namespace autotune {

/// `autotune keeper --home DIR [--idle-ms N] [--foreground]`. Returns the exit code: 0 once it runs in the
/// background (its socket is open then) or when another keeper has this home already, 2 for wrong usage.
int keeper_main(int argc, char** argv);

}  // namespace autotune
