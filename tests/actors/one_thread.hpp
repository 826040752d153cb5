// A CAF system whose actors all run on the calling thread, when the test says so, with a clock that the test moves.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>

#include "actors/caf_compat.hpp"
#include "launchers/launcher.hpp"

namespace autotune::test {

class OneThread {
 public:
  OneThread(caf::actor_system_config& config, Time now);
  ~OneThread();
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

  caf::actor_system& system();
  /// How many actors have something to do.
  std::size_t jobs() const;
  /// Lets one of them handle one message; `which` < jobs(), in the order in which they got work.
  void run_once(std::size_t which = 0);
  /// Until none has anything to do; timers stand still.
  void run();
  /// When the next timer is due.
  std::optional<Time> next_timer() const;
  /// Moves the clock; timers that are due then give their actors work.
  void advance(Time::duration time);
  void drop_timers();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace autotune::test
