#include "tuner/algorithm_rows.hpp"
#include "tuner/smac.hpp"

namespace autotune {

AlgorithmInfo smac_row() {
  AlgorithmInfo row;
  row.name = "SMAC";
  row.aliases = {"SMACTuner"};
  row.summary = "A random forest predicts losses; suggests where the most improvement is expected.";
  row.source =
      "Hutter, Hoos, Leyton-Brown 2011, Sequential Model-Based Optimization for General Algorithm "
      "Configuration";
  row.types = plain_types();
  row.nested = true;
  SmacOptions defaults;
  row.arguments = {
      optimize_mode(),
      seed_argument(),
      whole_argument("n_startup_jobs", defaults.n_startup_jobs,
                     "So many trials, at least half with a result, come before the forest is used.",
                     1, 1e6),
      whole_argument("n_trees", defaults.n_trees, "Trees of the forest.", 1, 1000),
      {.name = "random_fraction",
       .kind = ArgumentKind::real,
       .fallback = Value::real(defaults.random_fraction),
       .meaning = "This share of the suggestions is drawn from the space.",
       .least = 0,
       .most = 1},
      whole_argument("n_candidates", defaults.n_candidates,
                     "So many draws compete for each suggestion.", 1, 1e6),
      whole_argument("local_searches", defaults.local_searches,
                     "So many walks from the best trials compete too.", 0, 1000),
  };
  row.default_direction = Direction::minimize;
  row.make_tuner = [](const TunerSetting& s) {
    SmacOptions options;
    options.n_startup_jobs = s.arguments.integer("n_startup_jobs");
    options.n_trees = s.arguments.integer("n_trees");
    options.random_fraction = s.arguments.real("random_fraction");
    options.n_candidates = s.arguments.integer("n_candidates");
    options.local_searches = s.arguments.integer("local_searches");
    return std::make_unique<SmacTuner>(s.space, s.seed, options);
  };
  return row;
}

}  // namespace autotune
