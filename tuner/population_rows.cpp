#include "tuner/algorithm_rows.hpp"
#include "tuner/anneal.hpp"
#include "tuner/evolution.hpp"
#include "tuner/qmc.hpp"

namespace autotune {

namespace {

std::unique_ptr<Tuner> make_anneal(const TunerSetting& s) {
  AnnealOptions options;
  if (s.arguments.boolean("parallel_optimize"))
    options.liar = liar_of(s.arguments.word("constant_liar_type"), s.direction);
  return std::make_unique<AnnealTuner>(s.space, s.seed, options);
}

}  // namespace

AlgorithmInfo anneal_row() {
  AlgorithmInfo row;
  row.name = "Anneal";
  row.aliases = {"AnnealTuner"};
  row.summary = "Draws near one of the best trials, and nearer the more trials there are.";
  row.source = "Bergstra, Yamins, Cox 2013, Making a Science of Model Search (hyperopt's anneal)";
  row.types = plain_types();
  row.nested = true;
  row.arguments = {
      optimize_mode(),
      seed_argument(),
      {.name = "parallel_optimize",
       .kind = ArgumentKind::boolean,
       .fallback = false,
       .meaning = "True lets running trials take part with the loss that constant_liar_type says; "
                  "points are not repeated either way."},
      {.name = "constant_liar_type",
       .kind = ArgumentKind::word,
       .fallback = std::string("worst"),
       .meaning = "The loss that running trials are taken to have: best and worst speak of losses, "
                  "min and max of the metric as reported, null leaves running trials out.",
       .words = {"best", "worst", "mean", "min", "max"},
       .nullable = true}};
  row.default_direction = Direction::minimize;
  row.make_tuner = make_anneal;
  return row;
}

AlgorithmInfo evolution_row() {
  AlgorithmInfo row;
  row.name = "Evolution";
  row.aliases = {"EvolutionTuner"};
  row.summary = "Mutates the best of a few members of a population.";
  row.source = "Real et al. 2019, Regularized Evolution for Image Classifier Architecture Search";
  row.types = plain_types();
  row.nested = true;
  row.arguments = {optimize_mode(), seed_argument(),
                   whole_argument("population_size", 32,
                                  "So many trials with a result make the population.", 1, 99999)};
  row.default_direction = Direction::maximize;
  row.make_tuner = [](const TunerSetting& s) {
    return std::make_unique<EvolutionTuner>(s.space, s.seed,
                                            s.arguments.integer("population_size"));
  };
  return row;
}

AlgorithmInfo qmc_row() {
  AlgorithmInfo row;
  row.name = "QMC";
  row.aliases = {"QMCTuner"};
  row.summary = "Quasi-random points: a scrambled Sobol sequence, which fills the space evenly.";
  row.source =
      "Sobol 1967; Owen 1995; Joe, Kuo 2008, Constructing Sobol Sequences with Better "
      "Two-Dimensional Projections";
  row.types = plain_types();
  row.nested = true;
  row.arguments = {
      optimize_mode(),
      seed_argument(),
      {.name = "scramble",
       .kind = ArgumentKind::boolean,
       .fallback = true,
       .meaning = "Whether the sequence is scrambled by the seed; false: the plain one."}};
  row.make_tuner = [](const TunerSetting& s) {
    return std::make_unique<QmcTuner>(s.space, s.seed, s.arguments.boolean("scramble"));
  };
  return row;
}

}  // namespace autotune
