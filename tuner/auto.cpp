#include "tuner/auto.hpp"

#include <algorithm>

namespace autotune {

namespace {

constexpr std::size_t dimensions_max = 20;
constexpr std::size_t trials_max = 500;
constexpr Sequence tpe_every = 4;
constexpr std::size_t start = 10;  // all of one design, until then

bool suits_process(const Space& space) {
  return space.size() <= dimensions_max &&
         std::none_of(space.dimensions().begin(), space.dimensions().end(),
                      [](const Dimension& d) { return d.nested(); });
}

}  // namespace

AutoTuner::AutoTuner(const Space& space, std::int64_t seed)
    : process_(space, seed, GpTunerOptions{}),
      tpe_(space, seed, TpeOptions{.n_startup_jobs = start}),
      suits_process_(suits_process(space)) {}

Ask AutoTuner::ask(Sequence trial, std::span<const Trial> running) const {
  bool starting = still_starting(results_, running.size(), start);
  bool process =
      suits_process_ && results_ < trials_max && (starting || trial % tpe_every != tpe_every - 1);
  if (process)
    return process_.ask(trial, running);
  return tpe_.ask(trial, running);
}

void AutoTuner::tell(const Trial& ended) {
  // A long run's process is not asked again: what it would learn costs memory only.
  if (suits_process_ && results_ < trials_max)
    process_.tell(ended);
  tpe_.tell(ended);
  if (ended.final_value)
    ++results_;
}

}  // namespace autotune
