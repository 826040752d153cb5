#include "tuner/algorithm_rows.hpp"
#include "tuner/cma_es.hpp"

namespace autotune {

AlgorithmInfo cma_es_row() {
  AlgorithmInfo row;
  row.name = "CMA-ES";
  row.aliases = {"CMAES", "CmaEsTuner"};
  row.summary =
      "An evolution strategy that learns which directions matter; for a few hundred trials and "
      "more "
      "of real parameters.";
  row.source =
      "Hansen 2016, The CMA Evolution Strategy: A Tutorial; Hamano et al. 2022, CMA-ES with Margin";
  row.types = plain_types();
  row.nested = true;
  row.arguments = {
      optimize_mode(),
      seed_argument(),
      whole_argument("population_size", 0,
                     "Trials a generation; 0: 4 + 3 ln(number of parameters).", 0, 1e4),
      positive_argument("sigma", 0.17, "First step size, as a share of each parameter's range.", 1),
      {.name = "restart_factor",
       .fallback = Value::real(2),
       .meaning = "How many times larger the population is after each restart.",
       .least = 1,
       .most = 10}};
  row.make_tuner = [](const TunerSetting& s) {
    CmaEsOptions options;
    options.population_size = s.arguments.integer("population_size");
    options.sigma = s.arguments.real("sigma");
    options.restart_factor = s.arguments.real("restart_factor");
    return std::make_unique<CmaEsTuner>(s.space, s.seed, options);
  };
  return row;
}

}  // namespace autotune
