#include <cmath>

#include "tuner/algorithm_rows.hpp"
#include "tuner/gp_tuner.hpp"
#include "tuner/metis.hpp"

namespace autotune {

namespace {

Smoothness smoothness_of(double nu) {
  if (nu <= 1)
    return Smoothness::half;
  return nu <= 2 ? Smoothness::three_halves : Smoothness::five_halves;
}

Utility utility_of(const std::string& word) {
  if (word == "ucb")
    return Utility::confidence_bound;
  return word == "poi" ? Utility::improvement_chance : Utility::expected_improvement;
}

std::vector<ArgumentInfo> gp_arguments() {
  using K = ArgumentKind;
  return {
      optimize_mode(),
      seed_argument(),
      {.name = "utility",
       .kind = K::word,
       .fallback = std::string("ei"),
       .meaning = "What a point is judged by: expected improvement, confidence bound, or the "
                  "chance of an improvement.",
       .words = {"ei", "ucb", "poi"}},
      {.name = "kappa",
       .fallback = Value::real(5),
       .meaning = "How many deviations ucb looks ahead.",
       .least = 0,
       .most = 1e3},
      {.name = "xi",
       .fallback = Value::real(0),
       .meaning = "By how many deviations of the losses ei and poi want to improve.",
       .least = 0,
       .most = 1e3},
      positive_argument("nu", 2.5,
                        "Smoothness of the Matern kernel: 0.5, 1.5 or 2.5; the nearest is taken.",
                        1e3),
      positive_argument("alpha", 1e-6, "Least variance of the noise, beside the losses' own.", 1),
      whole_argument("cold_start_num", 10,
                     "So many trials, at least half with a result, come before the model is used.",
                     1, 1e6),
      whole_argument("selection_num_warm_up", 100000,
                     "At most so many candidates; the tuner itself takes 60 to 400.", 1, 1e9),
      whole_argument("selection_num_starting_points", 250,
                     "At most so many candidates are improved; the tuner itself takes 2 or 3.", 1,
                     1e6)};
}

std::unique_ptr<Tuner> make_gp(const TunerSetting& s) {
  GpTunerOptions options;
  options.utility = utility_of(s.arguments.word("utility"));
  options.kappa = s.arguments.real("kappa");
  options.xi = s.arguments.real("xi");
  options.smoothness = smoothness_of(s.arguments.real("nu"));
  options.noise_min = s.arguments.real("alpha");
  options.cold_start_num = s.arguments.integer("cold_start_num");
  auto least_of = [&](const char* name, std::size_t own) {
    return std::min(own, static_cast<std::size_t>(s.arguments.integer(name)));
  };
  options.effort.candidates_max = least_of("selection_num_warm_up", options.effort.candidates_max);
  options.effort.starts_max = least_of("selection_num_starting_points", options.effort.starts_max);
  return std::make_unique<GpTuner>(s.space, s.seed, options);
}

std::vector<ArgumentInfo> metis_arguments() {
  using K = ArgumentKind;
  return {
      optimize_mode(),
      seed_argument(),
      {.name = "no_resampling",
       .kind = K::boolean,
       .fallback = Value(true),
       .meaning = "Whether no point is tried again whose result the model doesn't believe."},
      {.name = "no_candidates",
       .kind = K::boolean,
       .fallback = Value(false),
       .meaning = "Whether the model's optimum is always tried, without other candidates."},
      whole_argument("selection_num_starting_points", 600,
                     "At most so many points compete to be a candidate; the tuner itself takes "
                     "60 to 400.",
                     1, 1e6),
      whole_argument("cold_start_num", 10,
                     "So many trials, at least half with a result, come before the model is used.",
                     1, 1e6),
      {.name = "exploration_probability",
       .fallback = Value::real(0.9),
       .meaning = "How often the most informative candidate is tried; else the model's optimum.",
       .least = 0,
       .most = 1}};
}

std::unique_ptr<Tuner> make_metis(const TunerSetting& s) {
  MetisOptions options;
  options.resampling = !s.arguments.boolean("no_resampling");
  options.candidates = !s.arguments.boolean("no_candidates");
  options.cold_start_num = s.arguments.integer("cold_start_num");
  options.exploration_probability = s.arguments.real("exploration_probability");
  options.effort.candidates_max =
      std::min(options.effort.candidates_max,
               static_cast<std::size_t>(s.arguments.integer("selection_num_starting_points")));
  return std::make_unique<MetisTuner>(s.space, s.seed, options);
}

}  // namespace

AlgorithmInfo metis_row() {
  AlgorithmInfo row;
  row.name = "MetisTuner";
  row.aliases = {"Metis"};
  row.summary =
      "A Gaussian process that tries what tells most of where the optimum is: few, expensive "
      "trials.";
  row.source =
      "Li et al. 2018, Metis: Robustly Optimizing Tail Latencies of Cloud Systems (USENIX ATC)";
  row.types = plain_types();
  row.nested = true;
  row.arguments = metis_arguments();
  row.make_tuner = make_metis;
  return row;
}

AlgorithmInfo gp_row() {
  AlgorithmInfo row;
  row.name = "GPTuner";
  row.aliases = {"GP"};
  row.summary =
      "Bayesian optimisation with a Gaussian process: few, expensive trials of up to some twenty "
      "parameters.";
  row.source =
      "Snoek, Larochelle, Adams 2012, Practical Bayesian Optimization of Machine Learning "
      "Algorithms";
  row.types = plain_types();
  row.nested = true;
  row.arguments = gp_arguments();
  row.make_tuner = make_gp;
  return row;
}

}  // namespace autotune
