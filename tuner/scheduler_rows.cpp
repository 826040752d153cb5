#include <algorithm>

#include "tuner/algorithm_rows.hpp"
#include "tuner/asha.hpp"
#include "tuner/bohb.hpp"
#include "tuner/hyperband.hpp"
#include "tuner/trial_budget.hpp"

namespace autotune {

namespace {

// More rungs than twenty, or budgets beyond a million, are a slip.
constexpr double budget_limit = 1e6;

ArgumentInfo eta_argument() {
  return whole_argument("eta", 3, "One in eta configurations goes on, with eta times the budget.",
                        2, 9999);
}

ArgumentInfo min_budget_argument() {
  return whole_argument(
      "min_budget", 1,
      "The least TRIAL_BUDGET; rungs are counted from max_budget down to it, and where it is "
      "greater, max_budget counts.",
      1, budget_limit);
}

ArgumentInfo max_budget_argument(std::int64_t fallback) {
  return whole_argument("max_budget", fallback, "The greatest TRIAL_BUDGET of one trial.", 1,
                        budget_limit);
}

std::vector<ArgumentInfo> bohb_arguments() {
  using K = ArgumentKind;
  return {
      optimize_mode(),
      seed_argument(),
      min_budget_argument(),
      max_budget_argument(3),
      eta_argument(),
      {.name = "min_points_in_model",
       .kind = K::integer,
       .meaning = "A budget has a model once it has three times this, plus 6, results; null: "
                  "the number of parameters plus one.",
       .least = 1,
       .most = 9999,
       .nullable = true},
      {.name = "top_n_percent",
       .kind = K::real,
       .fallback = Value::integer(15),
       .meaning = "So many of 100 trials are good ones.",
       .least = 1,
       .most = 99},
      whole_argument("num_samples", 64, "So many draws compete for each configuration.", 1, 9999),
      {.name = "random_fraction",
       .kind = K::real,
       .fallback = Value::real(1.0 / 3),
       .meaning = "This part of new configurations is drawn without the model.",
       .least = 0,
       .most = 1},
      positive_argument("bandwidth_factor", 3.0, "Draws are so much wider than the model.", 9999),
      positive_argument("min_bandwidth", 1e-3,
                        "Least width of a kernel; the range of a parameter is 1.", 9999),
      {.name = "sampler",
       .kind = K::word,
       .meaning =
           "What proposes new configurations: densities of good and bad ones (the paper's), or "
           "a Gaussian process over parameters and budgets. null: density where an argument "
           "is given that speaks of it (min_points_in_model, top_n_percent, num_samples, "
           "bandwidth_factor, min_bandwidth), else gp.",
       .words = {"density", "gp"},
       .nullable = true}};
}

AlgorithmInfo advisor_row(std::string name) {
  AlgorithmInfo row;
  row.name = std::move(name);
  row.kind = AlgorithmKind::advisor;
  row.types = plain_types();
  row.nested = true;
  row.refuse_space = refuse_budget_name;
  return row;
}

}  // namespace

AlgorithmInfo asha_row() {
  auto row = advisor_row("ASHA");
  row.summary =
      "Successive halving without waiting: a configuration gets eta times the TRIAL_BUDGET as soon "
      "as it is among the best 1/eta of its rung.";
  row.source =
      "Li, Jamieson, Rostamizadeh, Gonina, Ben-tzur, Hardt, Recht, Talwalkar 2020, A System for "
      "Massively Parallel Hyperparameter Tuning";
  row.arguments = {
      optimize_mode(),
      seed_argument(),
      min_budget_argument(),
      max_budget_argument(81),
      eta_argument(),
      {.name = "reduction_factor",
       .kind = ArgumentKind::integer,
       .meaning = "Another name of eta, which wins where both are given.",
       .least = 2,
       .most = 9999},
      {.name = "sampler",
       .kind = ArgumentKind::word,
       .fallback = std::string("gp"),
       .meaning = "Where new configurations come from: chance (the paper's), or with a third of "
                  "chance BOHB's densities (model) or a Gaussian process over parameters and "
                  "budgets (gp), which also chooses who goes on, by what it expects at max_budget.",
       .words = {"random", "model", "gp"}}};
  row.make_tuner = [](const TunerSetting& s) {
    AshaOptions options;
    options.budget_max = s.arguments.integer("max_budget");
    options.budget_min = std::min(s.arguments.integer("min_budget"), options.budget_max);
    bool other = s.arguments.given("reduction_factor") && !s.arguments.given("eta");
    options.eta = s.arguments.integer(other ? "reduction_factor" : "eta");
    auto sampler = s.arguments.word("sampler");
    if (sampler != "random")
      options.sampler =
          sampler == "gp" ? AshaOptions::Sampler::process : AshaOptions::Sampler::density;
    return std::make_unique<AshaTuner>(s.space, s.seed, options);
  };
  return row;
}

AlgorithmInfo bohb_row() {
  auto row = advisor_row("BOHB");
  row.summary =
      "Hyperband whose new configurations come where good trials of the largest budget are denser "
      "than bad ones.";
  row.source =
      "Falkner, Klein, Hutter 2018, BOHB: Robust and Efficient Hyperparameter Optimization at "
      "Scale";
  row.arguments = bohb_arguments();
  row.make_tuner = [](const TunerSetting& s) {
    const auto& a = s.arguments;
    BohbOptions options;
    options.budget_max = a.integer("max_budget");
    options.budget_min = std::min(a.integer("min_budget"), options.budget_max);
    options.eta = a.integer("eta");
    if (a.given("min_points_in_model"))
      options.model.min_points_in_model = a.integer("min_points_in_model");
    options.model.top_n_percent = a.real("top_n_percent");
    options.model.num_samples = a.integer("num_samples");
    options.random_fraction = a.real("random_fraction");
    options.model.bandwidth_factor = a.real("bandwidth_factor");
    options.model.min_bandwidth = a.real("min_bandwidth");
    bool says_density = false;
    for (const char* name : {"min_points_in_model", "top_n_percent", "num_samples",
                             "bandwidth_factor", "min_bandwidth"})
      says_density = says_density || a.given(name);
    options.process = a.given("sampler") ? a.word("sampler") == "gp" : !says_density;
    return std::make_unique<BohbTuner>(s.space, s.seed, options);
  };
  return row;
}

AlgorithmInfo hyperband_row() {
  auto row = advisor_row("Hyperband");
  row.summary =
      "Many configurations with a small TRIAL_BUDGET, the best of them again with a larger one; "
      "brackets differ in how many.";
  row.source =
      "Li, Jamieson, DeSalvo, Rostamizadeh, Talwalkar 2018, Hyperband: A Novel Bandit-Based "
      "Approach to Hyperparameter Optimization";
  row.arguments = {
      optimize_mode(),
      seed_argument(),
      whole_argument("R", 60, "The greatest TRIAL_BUDGET of one trial.", 1, budget_limit),
      eta_argument(),
      {.name = "exec_mode",
       .kind = ArgumentKind::word,
       .fallback = std::string("parallelism"),
       .meaning = "parallelism opens the next bracket as soon as a slot is free, serial "
                  "when the one before is over.",
       .words = {"parallelism", "serial"}}};
  row.make_tuner = [](const TunerSetting& s) {
    HyperbandOptions options;
    options.budget_max = s.arguments.integer("R");
    options.eta = s.arguments.integer("eta");
    options.serial = s.arguments.word("exec_mode") == "serial";
    return std::make_unique<HyperbandTuner>(s.space, s.seed, options);
  };
  return row;
}

}  // namespace autotune
