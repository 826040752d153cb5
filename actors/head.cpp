#include "actors/head.hpp"

#include <chrono>

#include "actors/metrics_sink.hpp"
#include "actors/placement.hpp"
#include "config/search_space_reader.hpp"
#include "tuner/additions.hpp"
#include "tuner/factory.hpp"
#include "tuner/rng.hpp"
#include "tuner/space.hpp"

namespace autotune {

namespace {

std::int64_t system_wall_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

}  // namespace

void configure_types() {
  caf::init_global_meta_objects<caf::id_block::autotune>();
  caf::core::init_global_meta_objects();
}

void configure(caf::actor_system_config&) { configure_types(); }

Result<Algorithms> make_algorithms(const pb::ExperimentSpec& spec, std::int64_t seed,
                                   const std::string& folder, const AlgorithmTable& table) {
  auto space = read_search_space(spec.search_space_json());
  if (!space)
    return tl::unexpected(space.error());
  Algorithms algorithms;
  if (spec.tuner().command_size() > 0) {
    auto setting = program_setting(spec, seed, Space(*space));
    if (!setting)
      return tl::unexpected(setting.error());
    algorithms.program = *std::move(setting);
  } else {
    auto tuner = make_tuner(spec, *space, seed, folder, table);
    if (!tuner)
      return tl::unexpected(tuner.error());
    algorithms.tuner = std::move(*tuner);
  }
  auto assessor = make_assessor(spec, table);
  if (!assessor)
    return tl::unexpected(assessor.error());
  algorithms.assessor = std::move(*assessor);
  algorithms.complete = [points = Space(*space), seed](const Value& partial, Sequence sequence) {
    auto rng = rng_for(seed, sequence);
    return points.complete(partial, rng);
  };
  return algorithms;
}

Result<void> admit(const pb::ExperimentSpec& spec, const AlgorithmTable& table) {
  auto space = read_search_space(spec.search_space_json());
  if (!space)
    return tl::unexpected(space.error());
  std::string all;
  auto wrong = [&](const std::string& path, const std::string& what) {
    all += (all.empty() ? "" : "\n") + ("spec." + path + ": " + what);
  };
  for (const auto& error : check_algorithms(spec, *space, table))
    wrong(error.path, error.message);
  for (const auto& text : spec.objective().constraints())
    if (auto constraint = parse_constraint(text); !constraint)
      wrong("objective.constraints", constraint.error().message);
  if (!all.empty())
    return fail(ErrorCode::invalid_argument, all);
  return {};
}

Result<void> check_warm_start(const pb::ExperimentSpec& spec, const pb::WarmStarted& warm_start) {
  if (warm_start.trials_size() == 0)
    return {};
  auto description = read_search_space(spec.search_space_json());
  if (!description)
    return tl::unexpected(description.error());
  Space space(*description);
  for (const auto& trial : warm_start.trials()) {
    auto parameters = parse_json(trial.parameters_json());
    auto fits = parameters ? space.contains(without_additions(std::move(*parameters), *description))
                           : Result<void>(tl::unexpected(parameters.error()));
    if (!fits)
      return fail(ErrorCode::invalid_argument,
                  "warm start from " + warm_start.source() + ": " + fits.error().message);
  }
  return {};
}

Result<void> check_parameters(const pb::ExperimentSpec& spec, const std::string& parameters_json) {
  auto parameters = parse_json(parameters_json);
  if (!parameters)
    return fail(ErrorCode::invalid_argument, "parameters: " + parameters.error().message);
  auto space = read_search_space(spec.search_space_json());
  if (!space)
    return tl::unexpected(space.error());
  auto rng = rng_for(0, 0);
  if (auto whole = Space(*space).complete(*parameters, rng); !whole)
    return tl::unexpected(whole.error());
  return {};
}

Head spawn_head(caf::actor_system& system, HeadOptions options) {
  Head head;
  // The store is there before control is: it finds control through this.
  auto control = std::make_shared<ControlActor>();
  auto on_disk = [control](bool full) {
    if (*control)
      compat::anon_send(*control, DiskFull{full});
  };
  head.store = spawn_store(system, {options.writer, on_disk, options.metrics_sink},
                           options.detached, options.store_limits);
  head.sink = compat::spawn_state<MetricsSinkActor, MetricsSinkState>(system, false, head.store);
  head.placement = compat::spawn_state<PlacementActor, PlacementState>(
      system, false,
      options.launcher ? std::vector<NodeCapacity>{options.node} : std::vector<NodeCapacity>());
  if (options.launcher)
    head.agent = compat::spawn_state<NodeAgentActor, NodeAgentState>(
        system, options.detached, options.launcher, ReportsActor(head.sink), options.agent_limits);
  auto entropy = [] { return static_cast<std::uint64_t>(std::random_device{}()); };
  if (options.cluster)
    head.nodes = compat::spawn_state<NodesActor, NodesState>(
        system, false,
        NodesContext{head.sink, head.placement, head.agent, options.node.name, *options.cluster,
                     options.id_seed != 0 ? options.id_seed : entropy() << 32 | entropy(),
                     options.epoch, options.commands});
  ControlContext context;
  context.experiment.store = head.store;
  context.experiment.sink = head.sink;
  context.experiment.placement = head.placement;
  context.experiment.attempts = head.nodes ? AttemptsActor(head.nodes) : AttemptsActor(head.agent);
  context.nodes = head.nodes;
  context.experiment.wall_ms = options.wall_ms ? options.wall_ms : system_wall_ms;
  auto table = options.algorithms ? options.algorithms : std::make_shared<const AlgorithmTable>();
  context.experiment.make_algorithms =
      options.make_algorithms
          ? options.make_algorithms
          : [table](const pb::ExperimentSpec& spec, std::int64_t seed, const std::string& folder) {
              return autotune::make_algorithms(spec, seed, folder, *table);
            };
  context.experiment.folder_of = options.folder_of;
  context.experiment.watcher = options.watcher;
  auto bell = std::make_shared<EventBell>();
  context.experiment.on_durable = [bell](const std::string& id) { bell->ring(id); };
  context.experiment.measure_storage = options.measure_storage;
  context.experiment.strict_resources = options.strict_resources;
  context.experiment.limits = options.experiment_limits;
  context.open_reader = options.open_reader;
  context.admit = [table](const pb::ExperimentSpec& spec) { return admit(spec, *table); };
  context.check_parameters = check_parameters;
  context.check_warm_start = check_warm_start;
  context.remove_folders = options.remove_folders
                               ? options.remove_folders
                               : [](const std::string&) -> Result<void> { return {}; };
  head.query = compat::spawn_state<QueryActor, QueryState>(
      system, options.detached,
      QueryContext{options.open_reader, bell, options.logs, options.query_limits,
                   options.watch_limits});
  bell->set(head.query);
  context.query = head.query;
  context.id_seed = options.id_seed != 0 ? options.id_seed : entropy();
  *control = compat::spawn_state<ControlActor, ControlState>(system, false, std::move(context));
  head.control = *control;
  return head;
}

void Head::shut_down(caf::actor_system& system) {
  caf::scoped_actor self{system};
  compat::anon_send(control, atom::shut_down_v);
  self->wait_for(control);
  for (const auto& actor :
       {caf::actor_cast<caf::actor>(nodes), caf::actor_cast<caf::actor>(agent),
        caf::actor_cast<caf::actor>(placement), caf::actor_cast<caf::actor>(query),
        caf::actor_cast<caf::actor>(sink)}) {
    if (!actor)
      continue;
    self->send_exit(actor, caf::exit_reason::user_shutdown);
    self->wait_for(actor);
  }
  compat::anon_send(store, atom::shut_down_v);
  self->wait_for(store);
}

}  // namespace autotune
