#include "tuner/algorithm_rows.hpp"
#include "tuner/anneal.hpp"
#include "tuner/evolution.hpp"
#include "tuner/nsga2.hpp"
#include "tuner/pbt.hpp"
#include "tuner/ppo.hpp"
#include "tuner/qmc.hpp"

namespace autotune {

namespace {

std::unique_ptr<Tuner> make_anneal(const TunerSetting& s) {
  AnnealOptions options;
  if (s.arguments.boolean("parallel_optimize"))
    options.liar = liar_of(s.arguments.word("constant_liar_type"), s.direction);
  return std::make_unique<AnnealTuner>(s.space, s.seed, options);
}

std::unique_ptr<Tuner> make_nsga2(const TunerSetting& s) {
  Nsga2Options options;
  options.population_size = s.arguments.integer("population_size");
  options.crossover_probability = s.arguments.real("crossover_probability");
  if (s.arguments.given("mutation_probability"))
    options.mutation_probability = s.arguments.real("mutation_probability");
  options.crossover_index = s.arguments.real("crossover_index");
  options.mutation_index = s.arguments.real("mutation_index");
  options.goals = s.goals;
  return std::make_unique<Nsga2Tuner>(s.space, s.seed, options);
}

std::unique_ptr<Tuner> make_pbt(const TunerSetting& s) {
  PbtOptions options;
  options.checkpoint_dir = s.arguments.text("all_checkpoint_dir");
  if (options.checkpoint_dir.empty())
    options.checkpoint_dir = s.folder.empty() ? "checkpoint" : s.folder + "/checkpoint";
  options.population_size = s.arguments.integer("population_size");
  bool older = s.arguments.given("factors") && !s.arguments.given("factor");
  options.factor = s.arguments.real(older ? "factors" : "factor");
  options.resample_probability = s.arguments.real("resample_probability");
  options.fraction = s.arguments.real("fraction");
  return std::make_unique<PbtTuner>(s.space, s.seed, std::move(options));
}

std::unique_ptr<Tuner> make_ppo(const TunerSetting& s) {
  PpoOptions options;
  options.trials_per_update = s.arguments.integer("trials_per_update");
  options.epochs_per_update = s.arguments.integer("epochs_per_update");
  options.minibatch_size = s.arguments.integer("minibatch_size");
  options.ent_coef = s.arguments.real("ent_coef");
  options.lr = s.arguments.real("lr");
  options.vf_coef = s.arguments.real("vf_coef");
  options.max_grad_norm = s.arguments.real("max_grad_norm");
  options.gamma = s.arguments.real("gamma");
  options.lam = s.arguments.real("lam");
  options.cliprange = s.arguments.real("cliprange");
  return std::make_unique<PpoTuner>(s.space, s.seed, options);
}

ArgumentInfo share_argument(std::string name, Value fallback, std::string meaning, double most) {
  return {.name = std::move(name),
          .kind = ArgumentKind::real,
          .fallback = std::move(fallback),
          .meaning = std::move(meaning),
          .least = 0,
          .most = most};
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

AlgorithmInfo nsga2_row() {
  AlgorithmInfo row;
  row.name = "NSGA-II";
  row.aliases = {"NSGA2", "NSGAII", "NSGA2Tuner"};
  row.summary =
      "Evolution of a population that comes to cover the trade-off between several goals.";
  row.source =
      "Deb, Pratap, Agarwal, Meyarivan 2002, A Fast and Elitist Multiobjective Genetic Algorithm: "
      "NSGA-II";
  row.types = plain_types();
  row.nested = true;
  row.several_goals = true;
  row.constraints = true;
  auto mutation = share_argument("mutation_probability", Value(),
                                 "The odds that a parameter of a child is changed; null: 1 / "
                                 "parameters. A child that is like a trial before it is changed "
                                 "once more.",
                                 1);
  mutation.nullable = true;
  row.arguments = {
      optimize_mode(),
      seed_argument(),
      whole_argument("population_size", 50,
                     "At most so many of the best trials survive: 15 at first, then "
                     "an eighth of all results.",
                     2, 10000),
      share_argument("crossover_probability", Value::real(0.9),
                     "The odds that a child has two parents.", 1),
      std::move(mutation),
      share_argument("crossover_index", Value::real(5),
                     "How near children lie to their parents; greater: nearer.", 1000),
      share_argument("mutation_index", Value::real(5),
                     "How small the steps of a mutation are; greater: smaller.", 1000)};
  row.default_direction = Direction::minimize;
  row.make_tuner = make_nsga2;
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
  row.several_goals = true;  // looks at no results
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

AlgorithmInfo pbt_row() {
  AlgorithmInfo row;
  row.name = "PBTTuner";
  row.aliases = {"PBT"};
  row.summary =
      "Trains a population in steps; bad members go on from a good one's checkpoint with changed "
      "parameters.";
  row.source = "Jaderberg et al. 2017, Population Based Training of Neural Networks";
  row.types = plain_types();
  row.arguments = {
      optimize_mode(),
      seed_argument(),
      {.name = "all_checkpoint_dir",
       .kind = ArgumentKind::text,
       .meaning = "Folder of all checkpoints; without it `checkpoint` in the experiment's folder.",
       .nullable = true},
      whole_argument("population_size", 10, "Members of the population.", 1, 9999),
      share_argument("factor", Value::real(0.2),
                     "How far a number moves: this part of its range, or of sigma.", 100),
      share_argument("factors", Value(), "The older name of factor, which wins over it.", 100),
      share_argument("resample_probability", Value::real(0.25),
                     "The odds that a parameter of a copy is drawn anew instead of moved.", 1),
      share_argument("fraction", Value::real(0.2),
                     "This part of the members is bad, and copies as many good ones.", 1)};
  row.default_direction = Direction::maximize;
  row.refuse_assessor =
      "PBTTuner needs each trial's checkpoint and result, so none may be ended early";
  row.make_tuner = make_pbt;
  return row;
}

AlgorithmInfo ppo_row() {
  AlgorithmInfo row;
  row.name = "PPOTuner";
  row.aliases = {"PPO"};
  row.summary = "A network that learns by reinforcement to choose layers and inputs.";
  row.source = "Schulman et al. 2017, Proximal Policy Optimization Algorithms";
  row.types = {ParameterType::layer_choice, ParameterType::input_choice};
  row.arguments = {
      optimize_mode(),
      seed_argument(),
      whole_argument("trials_per_update", 20, "So many ended trials make a batch.", 1, 1e5),
      whole_argument("epochs_per_update", 4, "So often each batch is learned from.", 1, 1e3),
      whole_argument("minibatch_size", 4, "So many trials make a step of the optimiser.", 1, 1e5),
      share_argument("ent_coef", Value::real(0), "Weight of the entropy: keeps choices open.", 1e3),
      positive_argument("lr", 3e-4, "Learning rate of the optimiser (Adam).", 1),
      share_argument("vf_coef", Value::real(0.5), "Weight of the critic's loss.", 1e3),
      positive_argument("max_grad_norm", 0.5, "Longer gradients are shortened to this.", 1e6),
      share_argument("gamma", Value::real(0.99), "Discount of later steps' rewards.", 1),
      share_argument("lam", Value::real(0.95), "Decay of the advantage estimate (GAE).", 1),
      positive_argument("cliprange", 0.2, "How far the odds may move in one update.", 10)};
  row.default_direction = Direction::maximize;
  row.make_tuner = make_ppo;
  return row;
}

}  // namespace autotune
