// What an experiment decides: which trials are made, started, stopped and retried, and when it has ended.
#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "actors/placement_core.hpp"
#include "launchers/launcher.hpp"
#include "messages/event.pb.h"
#include "messages/experiment.pb.h"
#include "messages/node.pb.h"
#include "messages/objective.hpp"
#include "messages/result.hpp"
#include "messages/trial.hpp"
#include "tuner/tuner.hpp"

namespace autotune {

/// A moment on both clocks: decisions use `now`, events carry `wall_ms` for people.
struct Moment {
  Time now;
  std::int64_t wall_ms = 0;
};

/// Of a DONE experiment that cannot go on: its tuner has nothing more to try.
inline constexpr const char* exhausted_reason = "search space exhausted";

// --- effects: performed in order; what follows an Append waits until it is durable --------------------------------

struct Append {
  std::vector<pb::Report> reports;
  std::vector<pb::Event> events;
};
/// Ask the tuner for the trial numbered so; with `partial`, fill in what it leaves out.
struct Suggest {
  Sequence sequence = 0;
  std::optional<Value> partial;
};
struct TellBegan {
  Trial trial;
};
struct TellEnded {
  Trial trial;
};
/// A new intermediate result of a running trial, the first goal's where there are several; `assess`: the assessor may answer with a stop.
struct Measure {
  Sequence sequence = 0;
  std::int32_t attempt = 0;
  Measurement measurement;
  bool assess = true;
};
struct Place {
  Sequence sequence = 0;
};
/// After a replay: these trials run already, and no place else is held.
struct Hold {
  std::vector<HeldPlace> held;
};
struct Unplace {
  Sequence sequence = 0;
  bool lost =
      false;  // by its node: it could not begin there, or ended there with nobody to say how
};
struct Launch {
  pb::AttemptPlan plan;
  std::string node;
  bool adopt = false;  ///< it may run already: look before starting
};
struct StopAttempt {
  AttemptKey key;
  std::string reason;
  bool hurry = false;
};
/// The attempt's result is durable: its supervisor may give back what it holds.
struct Release {
  AttemptKey key;
};
struct Touch {
  std::int64_t running_ms = 0;
};
struct Answer {
  std::uint64_t request = 0;
};

using ExperimentEffect = std::variant<Append, Suggest, TellBegan, TellEnded, Measure, Place,
                                      Unplace, Hold, Launch, StopAttempt, Release, Touch, Answer>;
using ExperimentEffects = std::vector<ExperimentEffect>;

/// Bounds of one experiment's bookkeeping.
struct ExperimentLimits {
  /// A lost node leads to a new attempt, but a trial that takes its nodes down must end some time.
  int lost_attempts_max = 5;
  /// The end of one trial waits this long for its successor's suggestion, so that one commit covers both.
  std::chrono::milliseconds hold{5};
  /// How often the time spent in RUNNING is written down: what a crash may forget.
  std::chrono::milliseconds touch_interval{1000};
  std::chrono::milliseconds backoff_max{60000};
  /// A log may always grow so far, past its experiment's quota too: enough for the words that explain a failure.
  std::int64_t log_bytes_min = 16 << 10;
};

/// One experiment. Its durable state is a fold over its events (`apply`); the rest is rebuilt by asking again.
class ExperimentCore {
 public:
  explicit ExperimentCore(std::string experiment_id, ExperimentLimits limits = {});

  /// Takes in a stored event; afterwards `on_started` goes on from there. `history` gets the trials that the tuner
  /// must be told, in order of their end.
  void replay(const pb::Event& event, std::vector<Trial>* history);
  /// Time spent in RUNNING as it was last written down.
  void restore_running_ms(std::int64_t running_ms);

  ExperimentEffects on_submitted(Moment moment, pb::ExperimentSpec spec, pb::RunOptions options,
                                 std::int64_t seed, const pb::WarmStarted& warm_start = {});
  /// After submission or replay: (re)start, adopt what may still run. `resume`: leave STOPPED, PAUSED and the like.
  Result<ExperimentEffects> on_started(Moment moment, bool resume);
  ExperimentEffects on_suggested(Moment moment, Sequence sequence, const Ask& ask);
  /// `sequence`: the trial that was asked for; -1: it failed when it was told something.
  ExperimentEffects on_tuner_failed(Moment moment, Sequence sequence, const std::string& reason);
  ExperimentEffects on_placed(Moment moment, Sequence sequence, const std::string& node,
                              const std::vector<std::string>& gpus);
  ExperimentEffects on_waiting(Moment moment, Sequence sequence, const std::string& why);
  ExperimentEffects on_news(Moment moment, const pb::AttemptNews& news);
  ExperimentEffects on_reports(Moment moment, const pb::ReportsMessage& stored);
  ExperimentEffects on_advice(Moment moment, Sequence sequence, std::int32_t attempt,
                              const std::string& reason);
  ExperimentEffects on_result(Moment moment, const pb::AttemptResult& result);
  ExperimentEffects on_tick(Moment moment);
  /// What its rows and logs take: past its quota it warns once, and logs are cut from then on.
  ExperimentEffects on_storage(Moment moment, std::int64_t used_bytes);
  /// Room on the disk went (`full`) or came back.
  ExperimentEffects on_disk(Moment moment, bool full);

  // Commands of a user; the answer follows what they caused.
  Result<ExperimentEffects> on_stop(Moment moment, std::uint64_t request, bool hurry);
  Result<ExperimentEffects> on_pause(Moment moment, std::uint64_t request);
  Result<ExperimentEffects> on_resume(Moment moment, std::uint64_t request);
  Result<ExperimentEffects> on_stop_trial(Moment moment, std::uint64_t request, Sequence sequence);
  Result<ExperimentEffects> on_enqueue(Moment moment, std::uint64_t request,
                                       const std::string& parameters_json);
  Result<ExperimentEffects> on_edit(Moment moment, std::uint64_t request, const std::string& path,
                                    const std::string& value);

  /// When on_tick is wanted.
  std::optional<Time> next_tick(Time now) const;

  const std::string& id() const { return id_; }
  const pb::ExperimentSpec& spec() const { return spec_; }
  const Objective& objective() const { return objective_; }
  const pb::RunOptions& options() const { return options_; }
  std::int64_t seed() const { return seed_; }
  pb::Phase phase() const { return phase_; }
  const std::string& reason() const { return reason_; }
  const pb::Counts& counts() const { return counts_; }
  std::int64_t running_ms(Time now) const;
  /// False after a replay until on_started: what may still run is not yet adopted.
  bool has_started() const { return started_; }
  /// True when nothing of it runs or will run without a command.
  bool at_rest() const;
  bool has_assessor() const { return !spec_.assessor().name().empty(); }
  /// True where somebody listens to intermediate results: an assessor, or a tuner that is a program.
  bool wants_measures() const { return has_assessor() || spec_.tuner().command_size() > 0; }

  /// True while decided events are held back so that one commit covers what follows them.
  bool holds_events() const { return !pending_events_.empty(); }

  /// What must always hold; a sentence for what does not. For tests, after every step.
  std::vector<std::string> check_invariants() const;

 private:
  enum class Winding { none, stopped, timeout, done, error };
  enum class Stop { none, user, assessor };
  static constexpr std::string_view quota_reason = "storage quota reached";

  enum class Requeue { retry, lost, stopped };

  struct Live {
    Trial trial;
    std::string id;
    std::string parameters_json;
    std::string origin;
    pb::TrialState state = pb::TRIAL_STATE_PENDING;
    std::int32_t attempt = 0;
    bool launched = false;  // an attempt is under way (from AttemptLaunched to AttemptEnded)
    std::string node;
    std::vector<std::string> gpus;
    std::int64_t launched_running_ms = 0;  // time spent in RUNNING when the attempt was launched
    int retries = 0;
    int lost = 0;
    Stop stop = Stop::none;
    std::string stop_reason;
    // Not durable:
    std::optional<Time> not_before;
    bool placing = false;
    std::string waiting_for;
    std::map<std::string, std::int64_t> last_lines;
  };

  void apply(const pb::Event& event);
  void record(Moment moment, pb::Event event);
  void flush(ExperimentEffects& effects);
  void pump(Moment moment, ExperimentEffects& effects);
  bool wants_new_trial(Time now) const;
  void create(Moment moment, Sequence sequence, const Suggestion& suggestion,
              ExperimentEffects& effects);
  void end_trial(Moment moment, Live& live, pb::TrialState state, const std::string& reason,
                 const Metrics& final_metrics, ExperimentEffects& effects);
  void requeue(Moment moment, Live& live, const std::string& reason, Requeue why,
               std::chrono::milliseconds wait);
  void settle(Moment moment, Live& live, const pb::AttemptResult& result,
              ExperimentEffects& effects);
  bool retry(Moment moment, Live& live, const std::string& kind, const std::string& reason);
  void wind_up(Winding winding, const std::string& reason, bool hurry, ExperimentEffects& effects);
  void finish_winding(Moment moment, ExperimentEffects& effects);
  Result<void> may_go_on() const;
  Hold held_places() const;
  void end_when_out_of_time(Moment moment, ExperimentEffects& effects);
  void change_phase(Moment moment, pb::Phase phase, const std::string& reason);
  pb::AttemptPlan make_plan(const Live& live, Time now) const;
  std::int64_t log_limit_bytes() const;
  Live* find(Sequence sequence, std::int32_t attempt);
  std::int64_t ended() const;
  std::int64_t occupied() const;
  /// What the tuner is told of a warm start: numbered -1, -2, ...
  std::vector<Trial> warm_trials(const pb::WarmStarted& warm_start) const;
  /// Gives an ended trial the values that its final result has for goals and constraints; none where one is missing or
  /// a goal is not finite.
  void score(Trial& trial, const Metrics& final_metrics) const;
  /// The end of every handler: makes new trials, ends the experiment, writes what is pending.
  ExperimentEffects conclude(Moment moment, ExperimentEffects effects);

  std::string id_;
  ExperimentLimits limits_;

  // Durable: a fold over the events.
  pb::ExperimentSpec spec_;
  Objective objective_;
  pb::RunOptions options_;
  std::int64_t seed_ = 0;
  pb::Phase phase_ = pb::PHASE_UNSPECIFIED;
  std::string reason_;
  pb::Counts counts_;
  std::map<Sequence, Live> live_;
  Sequence next_sequence_ = 0;
  int initial_used_ = 0;
  std::deque<std::string> enqueued_;
  std::int64_t warm_told_ = 0;
  std::int64_t running_ms_ = 0;
  bool quota_reached_ = false;

  // Not durable.
  bool replayed_ = false;
  bool started_ = false;
  std::optional<Time> running_since_;
  std::optional<Time> next_touch_;
  std::optional<Time> backing_off_until_;  // the latest not_before of all trials
  bool asking_ = false;
  std::string asked_for_;          // origin of the trial that is being asked for
  bool not_yet_ = false;           // the tuner wants to be told more first
  bool told_since_asked_ = false;  // an answer of NotYet did not know that yet
  bool exhausted_ = false;
  Winding winding_ = Winding::none;
  std::string winding_reason_;
  bool hurry_ = false;
  bool disk_full_ = false;
  std::int64_t storage_used_ = 0;
  std::vector<std::uint64_t> stop_requests_;  // answered when the experiment is at rest
  std::vector<pb::Event> pending_events_;
  std::vector<pb::Report> pending_reports_;
  ExperimentEffects after_flush_;
  std::optional<Time> held_since_;
};

/// "p4iyq" of a trial: a function of the experiment's ID and the sequence number, so that it needs no state.
std::string trial_id(const std::string& experiment_id, Sequence sequence);

/// What an intermediate report says of the first goal; nothing where it is no finite number.
std::optional<Measurement> measurement_of(const pb::Report& report, const Objective& objective);

}  // namespace autotune
