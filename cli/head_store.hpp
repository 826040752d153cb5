// The store of a head: its home's own file, or a PostgreSQL database of which it must become the head first.
#pragma once

#include <memory>

#include "cli/local_server.hpp"
#include "store/head_lease.hpp"
#include "store/store.hpp"

namespace autotune::cli {

struct HeadStore {
  std::unique_ptr<HeadLease> lease;  ///< null: the home's own file
  std::unique_ptr<StoreWriter> writer;
};

/// Opens it for writing. Of a database it waits until the head before has died, at once or, with `options.stands_by`, for
/// as long as that takes. The caller holds the home's lock.
/// failed_precondition: the database has a head that lives, or these are not its keys; unavailable: `options.gives_up`.
Result<HeadStore> open_head_store(const ServerOptions& options);

/// Starts this program again in the place of this process, with --standby: nothing that a head has in memory counts any
/// more once another one has taken over. Returns where that cannot be done.
void stand_by_again();

}  // namespace autotune::cli
