// The uplink: what an agent's machine says to its head, and hears from it. A mailbox around UplinkCore.
#pragma once

#include <functional>
#include <map>
#include <vector>

#include "actors/interfaces.hpp"
#include "actors/uplink_core.hpp"

namespace autotune {

/// Finds the head at one address; blocks for as long as that takes. Called by a connector, again and again until a head
/// is found.
using ConnectToHead = std::function<Result<ControlEndpoint>()>;
/// The clock on which leases run, in milliseconds: CLOCK_BOOTTIME in life.
using LeaseClock = std::function<std::int64_t()>;

struct UplinkContext {
  pb::NodeDescription node;
  std::uint64_t incarnation = 0;               ///< rises with each start of this node's agent
  std::map<std::string, std::string> volumes;  ///< claims that this node holds, and their folders
  std::vector<ConnectToHead> connect;          ///< one for each place where a head may be
  LeaseClock lease_ms;
  /// Removes what trials of an experiment left on this machine, later: it returns at once. May be empty.
  std::function<void(const std::string& experiment_id)> remove_folders;
  /// Told when the head answers first, after it was away, and when it is away or refuses us; may be empty.
  std::function<void(const std::string& what)> say;
};

/// State of the UPLINK actor. To supervisors it is what their experiment and their metrics sink are on the head.
class UplinkState {
 public:
  UplinkState(UplinkActor::pointer self, UplinkContext context);

  UplinkActor::behavior_type make_behavior();
  static inline const char* name = "uplink";

 private:
  Time now() const { return self_->clock().now(); }
  void on_head(const HeadFound& found);
  void lose_head();
  void look(std::size_t route);
  void beat();
  void perform(UplinkEffects effects);
  void act(UplinkEffect& effect);
  void say(const std::string& what);

  UplinkActor::pointer self_;
  UplinkContext context_;
  UplinkCore core_;
  NodeAgentActor agent_;
  struct Route {
    ConnectorActor connector;
    std::chrono::milliseconds wait{0};  // before the next look; grows with each that fails
    bool busy = false;                  // an answer is to come
  };
  std::vector<Route> routes_;
  ControlEndpoint head_;
  std::optional<Time> heard_;
  std::optional<Time> next_beat_;
  std::string said_;
  std::uint64_t next_batch_ = 1;
  std::map<std::uint64_t, std::pair<caf::strong_actor_ptr, std::size_t>> batches_;
};

/// State of a CONNECTOR actor, on a thread of its own, since looking for a head blocks.
class ConnectorState {
 public:
  ConnectorState(ConnectorActor::pointer self, UplinkActor uplink, ConnectToHead connect);

  ConnectorActor::behavior_type make_behavior();
  static inline const char* name = "connector";

 private:
  ConnectorActor::pointer self_;
  UplinkActor uplink_;
  ConnectToHead connect_;
};

}  // namespace autotune
