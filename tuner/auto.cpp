#include "tuner/auto.hpp"

#include <algorithm>

namespace autotune {

namespace {

constexpr std::size_t dimensions_max = 20;
constexpr std::size_t trials_max = 500;
constexpr Sequence tpe_every = 4;
constexpr std::size_t start = 10;  // all of one design, until then
constexpr double good_share = 0.05;
constexpr double memory = 0.98;  // of a record, a result: some fifty count
constexpr double share_min = 0.2;
constexpr const char* evolution_lineage = "cma-es";
constexpr std::uint64_t choice_stream = 0x6175746f;  // apart from what the methods draw

bool flat(const Space& space) {
  return std::none_of(space.dimensions().begin(), space.dimensions().end(),
                      [](const Dimension& d) { return d.nested(); });
}

bool mostly_ordered(const Space& space) {
  auto ordered = std::count_if(space.dimensions().begin(), space.dimensions().end(),
                               [](const Dimension& d) { return !d.categorical(); });
  return 2 * static_cast<std::size_t>(ordered) > space.size();
}

}  // namespace

AutoTuner::AutoTuner(const Space& space, std::int64_t seed)
    : seed_(seed),
      process_(space, seed, GpTunerOptions{}),
      tpe_(space, seed, TpeOptions{.n_startup_jobs = start}),
      evolution_(space, seed, CmaEsOptions{.from_best = false}),
      suits_process_(space.size() <= dimensions_max && flat(space)),
      suits_evolution_(flat(space) && mostly_ordered(space)) {}

double AutoTuner::share_of_evolution() const {
  auto rate = [](const Record& r) { return (r.good + 1) / (r.all + 2); };
  double mine = rate(records_[1]);
  return std::clamp(mine / (mine + rate(records_[0])), share_min, 1 - share_min);
}

AutoTuner::Method AutoTuner::method_for(Sequence trial, std::size_t running) const {
  auto results = ranking_.size();
  if (results < trials_max) {
    bool starting = still_starting(results, running, start);
    bool process = suits_process_ && (starting || trial % tpe_every != tpe_every - 1);
    return process ? Method::process : Method::tpe;
  }
  if (!suits_evolution_)
    return Method::tpe;
  auto rng = rng_for(
      static_cast<std::int64_t>(mix_bits(choice_stream ^ static_cast<std::uint64_t>(seed_))),
      trial);
  return rng.uniform() < share_of_evolution() ? Method::evolution : Method::tpe;
}

Ask AutoTuner::ask(Sequence trial, std::span<const Trial> running) const {
  switch (method_for(trial, running.size())) {
    case Method::process: return process_.ask(trial, running);
    case Method::tpe: return tpe_.ask(trial, running);
    case Method::evolution: break;
  }
  auto answer = evolution_.ask(trial, running);
  if (auto* suggestion = std::get_if<Suggestion>(&answer))
    suggestion->lineage = evolution_lineage;
  return answer;
}

/// Notes whether a result is a good one, before it is known to the ranking.
void AutoTuner::judge(const Trial& ended) {
  auto rank = static_cast<double>(ranking_.count_up_to(*ended.final_value));
  auto& record = records_[ended.lineage == evolution_lineage ? 1 : 0];
  record.good =
      memory * record.good + (rank < good_share * static_cast<double>(ranking_.size()) ? 1 : 0);
  record.all = memory * record.all + 1;
}

void AutoTuner::tell(const Trial& ended) {
  // A long run's process is not asked again: what it would learn costs memory only.
  if (suits_process_ && ranking_.size() < trials_max)
    process_.tell(ended);
  tpe_.tell(ended);
  if (suits_evolution_) {
    Trial seen = ended;
    seen.own = ended.own && ended.lineage == evolution_lineage;
    evolution_.tell(seen);
  }
  if (!ended.final_value)
    return;
  if (ended.own && ranking_.size() >= trials_max)
    judge(ended);
  ranking_.insert(*ended.final_value, static_cast<std::uint32_t>(ranking_.size()));
}

}  // namespace autotune
