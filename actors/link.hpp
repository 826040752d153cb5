// One end of a session between the head and an agent: items arrive in order, each once, over messages that may be lost,
// late, doubled or out of order.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <vector>

#include "launchers/launcher.hpp"
#include "messages/cluster.pb.h"

namespace autotune {

/// Go-back-N: what the other side has not acknowledged is said again from the first gap on. Pure; time is an argument.
class Link {
 public:
  /// A new session: nothing of the one before counts.
  void open(std::uint64_t session);
  std::uint64_t session() const { return session_; }

  /// Numbers an item, and keeps it until it is acknowledged.
  pb::NodeFrame send(Time now, pb::NodeFrame item);
  /// Whether this item is the next one, and so to be acted upon. Others come (or came) at another time.
  bool take_in(const pb::NodeFrame& frame);
  void acknowledge(std::uint64_t received);
  /// The last item up to which all have been taken in.
  std::uint64_t received() const { return received_; }
  /// What was said at least `age` ago and is not acknowledged; it counts as said now.
  std::vector<pb::NodeFrame> overdue(Time now, std::chrono::milliseconds age);

 private:
  struct Sent {
    pb::NodeFrame frame;
    Time at;
  };

  std::uint64_t session_ = 0;
  std::uint64_t next_ = 1;
  std::uint64_t received_ = 0;
  std::deque<Sent> sent_;
};

}  // namespace autotune
