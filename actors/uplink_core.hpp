// What an agent knows and decides of its head: the session, the lease, and what is to run here.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "actors/link.hpp"
#include "messages/ids.hpp"

namespace autotune {

// --- effects ------------------------------------------------------------------------------------------------------

struct SendToHead {
  pb::NodeFrame frame;
};
struct LaunchHere {
  pb::AttemptPlan plan;
  bool adopt = false;
};
struct StopHere {
  AttemptKey key;
  std::string reason;
  bool hurry = false;
};
struct ReleaseHere {
  AttemptKey key;
};
/// The reports that were handed to on_reports with this number are durable.
struct StoredThere {
  std::uint64_t batch = 0;
};
/// What runs here may go on for so long, from now.
struct RenewHere {
  std::chrono::milliseconds lease{0};
};
/// An experiment was deleted: what its trials left here is to go.
struct ForgetHere {
  std::string experiment_id;
};
/// The head does not serve this agent, and why.
struct RefusedThere {
  std::string why;
};

using UplinkEffect = std::variant<SendToHead, LaunchHere, StopHere, ReleaseHere, StoredThere,
                                  RenewHere, ForgetHere, RefusedThere>;
using UplinkEffects = std::vector<UplinkEffect>;

/// The agent's side of NodesCore. Time comes twice: `now` is for pace; `lease_ms` is the clock on which leases run,
/// which counts the sleep of a suspended machine.
class UplinkCore {
 public:
  UplinkCore(pb::NodeDescription node, std::uint64_t incarnation);

  UplinkEffects on_frame(Time now, std::int64_t lease_ms, const pb::NodeFrame& frame);
  /// When it is time for a heartbeat, and a head can be reached.
  UplinkEffects on_tick(Time now, std::int64_t lease_ms);

  // From supervisors.
  UplinkEffects on_news(Time now, const pb::AttemptNews& news);
  UplinkEffects on_result(Time now, const pb::AttemptResult& result);
  /// `batch` comes back with StoredThere; it is the caller's.
  UplinkEffects on_reports(Time now, const pb::ReportsMessage& message, std::uint64_t batch);

  std::chrono::milliseconds interval() const { return interval_; }
  /// The span of the newest lease; 0: none was granted yet.
  std::chrono::milliseconds lease() const { return lease_; }
  /// Whether a frame is for this agent and of no head that has been replaced.
  bool heeds(const pb::NodeFrame& frame) const {
    return frame.incarnation() == incarnation_ && frame.epoch() >= epoch_;
  }
  bool has_session() const { return link_.session() != 0; }
  std::size_t attempts() const { return held_.size(); }

 private:
  struct Held {
    bool wanted = true;  // named in this session
    bool ended = false;
  };

  void on_answer(std::int64_t lease_ms, const pb::NodeFrame& frame, Time now,
                 UplinkEffects& effects);
  void on_item(const pb::NodeFrame& frame, UplinkEffects& effects);
  void end_unnamed(UplinkEffects& effects);
  void say(Time now, pb::NodeFrame item, UplinkEffects& effects);

  pb::NodeDescription node_;
  std::uint64_t incarnation_;
  std::uint64_t epoch_ = 0;  // the highest of a head
  std::uint64_t beat_ = 0;
  Link link_;
  std::chrono::milliseconds interval_{1000};
  std::chrono::milliseconds lease_{0};
  std::int64_t newest_answer_ms_ = 0;
  std::map<AttemptKey, Held> held_;
  struct Batch {
    AttemptKey key;
    std::uint64_t number = 0;  // the caller's
  };
  std::map<std::uint64_t, Batch> batches_;  // on their way, by the number of the item
  std::vector<Batch> unanswered_;           // of sessions before this one
};

}  // namespace autotune
