// The control actor: the endpoint to which experiments are submitted and commands are given.
#pragma once

#include <chrono>
#include <map>
#include <random>
#include <set>
#include <unordered_map>
#include <vector>

#include "actors/experiment.hpp"
#include "actors/interfaces.hpp"

namespace autotune {

/// Opens a reader of the home's database; called by control when it has to replay.
using OpenReader = std::function<Result<std::unique_ptr<StoreReader>>()>;
/// Checks a spec that comes from outside before anything is stored; an error says all that is wrong.
using Admit = std::function<Result<void>(const pb::ExperimentSpec&)>;

struct ControlContext {
  ExperimentContext experiment;
  OpenReader open_reader;
  Admit admit;
  /// Parameters given by a user: legal in that space?
  std::function<Result<void>(const pb::ExperimentSpec&, const std::string& parameters_json)>
      check_parameters;
  /// Trials of another experiment: of that space too?
  std::function<Result<void>(const pb::ExperimentSpec&, const pb::WarmStarted&)> check_warm_start;
  std::function<Result<void>(const std::string& experiment_id)> remove_folders;
  QueryActor query;           ///< answers what is asked, and whoever watches
  NodesActor nodes;           ///< of other machines; null: there are none
  std::uint64_t id_seed = 0;  ///< of experiment IDs
  /// An experiment that is at rest is put away after so long to twice that; whoever speaks to it then replays it.
  std::chrono::milliseconds put_away_after{60000};
};

/// State of the CONTROL actor. It supervises the experiments: one that dies is replayed and goes on.
class ControlState {
 public:
  ControlState(ControlActor::pointer self, ControlContext context);

  ControlActor::behavior_type make_behavior();
  static inline const char* name = "control";

 private:
  using Response = caf::typed_response_promise<pb::ControlResponse>;

  caf::result<pb::ControlResponse> handle(pb::ControlRequest& request);
  caf::result<pb::ControlResponse> submit(pb::ControlRequest& request);
  caf::result<pb::ControlResponse> remove(const std::string& id);
  /// The running experiment, or one replayed from the store.
  Result<ExperimentActor> find(const std::string& id);
  ExperimentActor spawn_experiment(const std::string& id, Replayed replayed);
  /// Hands a request on to an experiment, and knows while it is under way.
  caf::result<pb::ControlResponse> hand_on(const ExperimentActor& experiment,
                                           pb::ControlRequest request);
  caf::result<pb::ControlResponse> list_nodes();
  caf::result<pb::ControlResponse> drain(pb::ControlRequest request);
  void look_for_rest();
  void put_away();
  void forget(const std::string& id);
  void release_all(const std::string& id);
  void on_down(const caf::actor_addr& who);

  ControlActor::pointer self_;
  ControlContext context_;
  std::mt19937_64 random_;
  std::unordered_map<std::string, ExperimentActor> experiments_;
  std::map<caf::actor_addr, std::string> forgotten_;  // they end, and are not to come back
  std::unordered_map<std::string, int> deaths_;
  std::map<caf::actor_addr, int> under_way_;  // requests that an experiment has not answered yet
  std::set<caf::actor_addr> rested_;          // at rest at the last look, and not spoken to since
  bool looking_ = false;
  bool shutting_down_ = false;
};

/// Reads an experiment back: a fold over its events.
Result<Replayed> replay(StoreReader& reader, const std::string& experiment_id,
                        ExperimentLimits limits);

}  // namespace autotune
