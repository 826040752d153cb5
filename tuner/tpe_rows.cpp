#include "tuner/algorithm_rows.hpp"
#include "tuner/auto.hpp"
#include "tuner/auto_goals.hpp"
#include "tuner/tpe.hpp"

namespace autotune {

namespace {

ArgumentInfo liar_argument() {
  return {.name = "constant_liar_type",
          .kind = ArgumentKind::word,
          .fallback = std::string("worst"),
          .meaning =
              "The loss that running trials are taken to have: best and worst speak of losses, min "
              "and max of "
              "the metric as reported, null leaves running trials out.",
          .words = {"best", "worst", "mean", "min", "max"},
          .nullable = true};
}

std::vector<ArgumentInfo> tpe_arguments() {
  using K = ArgumentKind;
  ArgumentInfo group{.name = "tpe_args",
                     .kind = K::group,
                     .meaning = "The model's own settings.",
                     .nullable = true};
  group.members = {
      liar_argument(),
      whole_argument("n_startup_jobs", 20,
                     "So many trials, at least half with a result, come before the model is used.",
                     1, 1e6),
      whole_argument(
          "n_ei_candidates", 24,
          "So many draws compete for each suggestion; without multivariate a twelfth of them for "
          "each parameter.",
          1, 1e5),
      whole_argument("linear_forgetting", 25, "At most so many trials count as good.", 1, 1e4),
      positive_argument("prior_weight", 1.0,
                        "Weight of the search space's own distribution beside one trial's.", 1e6),
      positive_argument("gamma", 0.25, "gamma * sqrt(n) of n trials count as good.", 1e3),
      {.name = "multivariate",
       .kind = K::boolean,
       .fallback = Value(true),
       .meaning = "False models each parameter by itself, as NNI does; what belongs together is "
                  "then not kept together."},
      whole_argument("rest_max", 0,
                     "So many of the trials that don't count as good make the other density: the "
                     "next best and others evenly over the ranks; 0: 100, or 50 without "
                     "multivariate.",
                     0, 1e6),
  };
  auto liar = liar_argument();
  liar.meaning = "As in tpe_args, in the older dialect; the value in tpe_args wins.";
  return {optimize_mode(),
          seed_argument(),
          std::move(group),
          std::move(liar),
          {.name = "parallel_optimize",
           .kind = K::boolean,
           .fallback = true,
           .meaning = "False leaves running trials out, as constant_liar_type null does."}};
}

std::unique_ptr<Tuner> make_tpe(const TunerSetting& s) {
  auto args = s.arguments.group("tpe_args");
  TpeOptions options;
  options.n_startup_jobs = args.integer("n_startup_jobs");
  options.n_ei_candidates = args.integer("n_ei_candidates");
  options.linear_forgetting = args.integer("linear_forgetting");
  options.prior_weight = args.real("prior_weight");
  options.gamma = args.real("gamma");
  options.multivariate = args.boolean("multivariate");
  options.rest_max = static_cast<std::size_t>(args.integer("rest_max"));
  options.goals = s.goals;
  const auto& source = args.names("constant_liar_type") ? args : s.arguments;
  options.liar = liar_of(source.word("constant_liar_type"), s.direction);
  if (!s.arguments.boolean("parallel_optimize"))
    options.liar = Liar::none;
  return std::make_unique<TpeTuner>(s.space, s.seed, options);
}

}  // namespace

AlgorithmInfo tpe_row() {
  AlgorithmInfo row;
  row.name = "TPE";
  row.aliases = {"TPETuner", "TPE_legacy"};
  row.summary =
      "Draws where good trials are denser than others; joint over all parameters, aware of running "
      "trials.";
  row.source = "Bergstra, Bardenet, Bengio, Kegl 2011, Algorithms for Hyper-Parameter Optimization";
  row.types = plain_types();
  row.nested = true;
  row.several_goals = true;
  row.constraints = true;
  row.arguments = tpe_arguments();
  row.default_direction = Direction::minimize;
  row.make_tuner = make_tpe;
  return row;
}

AlgorithmInfo auto_row() {
  auto row = tpe_row();
  row.name = "Auto";
  row.aliases = {"AutoTuner"};
  row.summary =
      "The default: a Gaussian process and TPE in turn while there are few trials of few "
      "parameters, else TPE, with CMA-ES in long runs; TPE and NSGA-II for several goals or "
      "constraints.";
  row.source = "GPTuner, TPE, CMA-ES and NSGA-II of this table";
  row.arguments = {optimize_mode(), seed_argument()};
  row.default_direction = std::nullopt;
  row.make_tuner = [](const TunerSetting& s) -> std::unique_ptr<Tuner> {
    if (s.goals > 1 || s.constrained)
      return std::make_unique<AutoGoalsTuner>(s.space, s.seed, s.goals);
    return std::make_unique<AutoTuner>(s.space, s.seed);
  };
  return row;
}

}  // namespace autotune
