// The store actor: gathers writes and commits them together.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <set>
#include <utility>

#include "actors/interfaces.hpp"
#include "store/store.hpp"

namespace autotune {

struct StoreLimits {
  /// Writes in one transaction: enough to share the cost of a sync, few enough that the first does not wait long.
  std::size_t batch_max = 2000;
  /// How soon a commit that failed is tried again.
  std::chrono::milliseconds retry_interval{500};
  /// Under load a commit waits this long after the one before, so that it carries more: a sync costs the same for one
  /// write as for fifty. A write that comes alone never waits.
  std::chrono::milliseconds pace{2};
  /// More than this many writes in a millisecond, and each commit's own cost is felt: they wait for `busy_pace`, or
  /// until `busy_batch` are there.
  double busy_rate = 4;
  std::chrono::milliseconds busy_pace{8};
  std::size_t busy_batch = 64;
};

/// What the store actor works with.
struct StoreContext {
  std::shared_ptr<StoreWriter> writer;
  std::function<void(bool full)> on_disk;  ///< told when room on the disk goes and comes back
  ReportsActor metrics_sink;  ///< hears of every report once it is durable, in order; null: nobody
};

/// State of the STORE actor. Every write is answered in order, exactly once, when it is durable; a write that
/// cannot be made durable now (full disk) waits and is tried again, so nothing that was accepted is lost. One that
/// never can be is answered with its error, and so is all that its sender writes to that experiment afterwards:
/// events after a gap would tell another story.
class StoreState {
 public:
  StoreState(StoreActor::pointer self, StoreContext context, StoreLimits limits);

  StoreActor::behavior_type make_behavior();

 private:
  struct Pending {
    std::uint64_t token = 0;
    caf::strong_actor_ptr sender;
  };

  using Refused = std::pair<caf::actor_id, std::string>;  // a sender and its experiment

  void take_in(Write& write);
  void commit();
  Result<void> write_first(std::size_t count);
  void refuse_first(const Error& error);
  void tell_sink(StoreWrite& durable);
  void answer_first(std::size_t count, const std::optional<Error>& error);
  void on_failure(const Error& error);
  void on_success();
  void schedule(bool retry);
  void tick_at(Time due);

  StoreActor::pointer self_;
  StoreContext context_;
  StoreLimits limits_;
  std::vector<StoreWrite> gathered_;
  std::vector<Pending> pending_;  // one for each of gathered_
  std::set<Refused> refused_;
  std::size_t batch_ = 0;  // 0: no commit has failed; else how many writes are tried together
  bool scheduled_ = false;
  Time due_;  // when the next commit is: a tick before it was sent for another one
  std::optional<Time> last_commit_;
  bool busy_ = false;
  bool failing_ = false;  // the last commit failed, and may work later
  bool full_ = false;     // the disk has no room, and who asked was told so
};

/// Spawns the store actor; `detached`: on a thread of its own, since a commit waits for the disk.
StoreActor spawn_store(caf::actor_system& system, StoreContext context, bool detached,
                       StoreLimits limits = {});

}  // namespace autotune
