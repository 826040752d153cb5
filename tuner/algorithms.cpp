#include "tuner/algorithms.hpp"

#include <algorithm>

#include "tuner/batch.hpp"
#include "tuner/grid_search.hpp"
#include "tuner/median_stop.hpp"
#include "tuner/random.hpp"
#include "tuner/tpe.hpp"

namespace autotune {

namespace {

using P = ParameterType;

const std::vector<P> plain_types{P::choice,     P::randint,     P::uniform, P::quniform,
                                 P::loguniform, P::qloguniform, P::normal,  P::qnormal,
                                 P::lognormal,  P::qlognormal};

ArgumentInfo optimize_mode() {
  return {.name = "optimize_mode",
          .kind = ArgumentKind::word,
          .meaning =
              "Which values are better; without it objective.goal or the default direction rules.",
          .words = {"maximize", "minimize"}};
}

ArgumentInfo seed_argument() {
  return {.name = "seed",
          .kind = ArgumentKind::integer,
          .meaning = "Seed of this algorithm; without it the experiment's.",
          .nullable = true};
}

AlgorithmInfo random_row() {
  AlgorithmInfo row;
  row.name = "Random";
  row.aliases = {"RandomTuner"};
  row.summary = "Independent draws from the search space, without repetition where it is finite.";
  row.source = "Bergstra, Bengio 2012, Random Search for Hyper-Parameter Optimization";
  row.types = plain_types;
  row.nested = true;
  row.arguments = {optimize_mode(), seed_argument()};
  row.make_tuner = [](const TunerSetting& s) {
    return std::make_unique<RandomTuner>(s.space, s.seed);
  };
  return row;
}

AlgorithmInfo grid_row() {
  AlgorithmInfo row;
  row.name = "GridSearch";
  row.aliases = {"GridSearchTuner"};
  row.summary =
      "Every combination once; continuous parameters are halved more finely from epoch to epoch.";
  row.source = "NNI 3.0's gridsearch_tuner";
  row.types = plain_types;
  row.nested = true;
  row.arguments = {optimize_mode()};
  row.make_tuner = [](const TunerSetting& s) { return std::make_unique<GridSearchTuner>(s.space); };
  return row;
}

std::string refuse_unless_one_choice(const SearchSpace& space) {
  if (space.parameters.size() == 1)
    return "";
  return "Batch needs exactly one parameter, of type choice, whose members are the sets to try; "
         "this space has " +
         std::to_string(space.parameters.size());
}

AlgorithmInfo batch_row() {
  AlgorithmInfo row;
  row.name = "Batch";
  row.aliases = {"BatchTuner"};
  row.summary = "The members of one choice in their order, each once.";
  row.source = "NNI 3.0's batch_tuner";
  row.types = {P::choice};
  row.arguments = {optimize_mode()};
  row.refuse_space = refuse_unless_one_choice;
  row.make_tuner = [](const TunerSetting& s) {
    return std::make_unique<BatchTuner>(s.space[0].parameter());
  };
  return row;
}

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
  auto whole = [](std::string name, std::int64_t fallback, std::string meaning, double most) {
    return ArgumentInfo{.name = std::move(name),
                        .kind = K::integer,
                        .fallback = Value::integer(fallback),
                        .meaning = std::move(meaning),
                        .least = 1,
                        .most = most};
  };
  auto positive = [](std::string name, double fallback, std::string meaning, double most) {
    return ArgumentInfo{.name = std::move(name),
                        .kind = K::real,
                        .fallback = Value::real(fallback),
                        .meaning = std::move(meaning),
                        .least = 0,
                        .most = most,
                        .least_excluded = true};
  };
  ArgumentInfo group{.name = "tpe_args",
                     .kind = K::group,
                     .meaning = "The model's own settings.",
                     .nullable = true};
  group.members = {
      liar_argument(),
      whole("n_startup_jobs", 20,
            "So many trials, at least half with a result, come before the model is used.", 1e6),
      whole("n_ei_candidates", 24, "So many draws compete for each suggestion.", 1e5),
      whole("linear_forgetting", 25, "At most so many trials count as good.", 1e4),
      positive("prior_weight", 1.0,
               "Weight of the search space's own distribution beside one trial's.", 1e6),
      positive("gamma", 0.25, "gamma * sqrt(n) of n trials count as good.", 1e3),
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

Liar liar_of(const std::string& word, Direction direction) {
  bool up = direction == Direction::maximize;
  if (word == "best" || word == (up ? "max" : "min"))
    return Liar::best;
  if (word == "worst" || word == (up ? "min" : "max"))
    return Liar::worst;
  return word == "mean" ? Liar::mean : Liar::none;
}

std::unique_ptr<Tuner> make_tpe(const TunerSetting& s) {
  auto args = s.arguments.group("tpe_args");
  TpeOptions options;
  options.n_startup_jobs = args.integer("n_startup_jobs");
  options.n_ei_candidates = args.integer("n_ei_candidates");
  options.linear_forgetting = args.integer("linear_forgetting");
  options.prior_weight = args.real("prior_weight");
  options.gamma = args.real("gamma");
  const auto& source = args.names("constant_liar_type") ? args : s.arguments;
  options.liar = liar_of(source.word("constant_liar_type"), s.direction);
  if (!s.arguments.boolean("parallel_optimize"))
    options.liar = Liar::none;
  return std::make_unique<TpeTuner>(s.space, s.seed, options);
}

AlgorithmInfo tpe_row() {
  AlgorithmInfo row;
  row.name = "TPE";
  row.aliases = {"TPETuner", "TPE_legacy"};
  row.summary =
      "Draws where good trials are denser than others; joint over all parameters, aware of running "
      "trials.";
  row.source = "Bergstra, Bardenet, Bengio, Kegl 2011, Algorithms for Hyper-Parameter Optimization";
  row.types = plain_types;
  row.nested = true;
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
      "The default. Today: TPE (joint over all parameters) after a Latin hypercube as start.";
  row.arguments = {optimize_mode(), seed_argument()};
  row.default_direction = std::nullopt;
  row.make_tuner = [](const TunerSetting& s) {
    return std::make_unique<TpeTuner>(s.space, s.seed, TpeOptions{});
  };
  return row;
}

AlgorithmInfo median_stop_row() {
  AlgorithmInfo row;
  row.name = "Medianstop";
  row.aliases = {"MedianstopAssessor"};
  row.kind = AlgorithmKind::assessor;
  row.summary =
      "Stops a trial whose best so far is worse than the median of what succeeded trials averaged "
      "by then.";
  row.source = "Golovin et al. 2017, Google Vizier, section 3.2.2";
  row.arguments = {optimize_mode(),
                   {.name = "start_step",
                    .kind = ArgumentKind::integer,
                    .fallback = Value::integer(0),
                    .meaning = "A trial with fewer intermediate results is never stopped.",
                    .least = 0,
                    .most = 9999}};
  row.make_assessor = [](const Arguments& a) {
    return std::make_unique<MedianStop>(a.integer("start_step"));
  };
  return row;
}

const std::vector<std::string> absent_names{
    "Anneal", "Evolution", "MetisTuner", "Metis",     "GPTuner",   "GP",           "PPOTuner",
    "PPO",    "PBTTuner",  "PBT",        "Hyperband", "BOHB",      "Curvefitting", "CMA-ES",
    "SMAC",   "QMC",       "ASHA",       "Threshold", "DNGOTuner", "DNGO"};

bool same_name(std::string_view a, std::string_view b) { return lower_case(a) == lower_case(b); }

}  // namespace

std::string_view name_of(AlgorithmKind kind) {
  switch (kind) {
    case AlgorithmKind::tuner: return "tuner";
    case AlgorithmKind::assessor: return "assessor";
    case AlgorithmKind::advisor: return "advisor";
  }
  return "algorithm";
}

const std::vector<AlgorithmInfo>& algorithms() {
  static const std::vector<AlgorithmInfo> rows{auto_row(), tpe_row(),   random_row(),
                                               grid_row(), batch_row(), median_stop_row()};
  return rows;
}

const AlgorithmInfo* find_algorithm(std::string_view name,
                                    std::initializer_list<AlgorithmKind> kinds) {
  for (const auto& row : algorithms()) {
    if (std::find(kinds.begin(), kinds.end(), row.kind) == kinds.end())
      continue;
    if (same_name(row.name, name))
      return &row;
    for (const auto& alias : row.aliases)
      if (same_name(alias, name))
        return &row;
  }
  return nullptr;
}

bool known_but_absent(std::string_view name) {
  return std::any_of(absent_names.begin(), absent_names.end(),
                     [&](const auto& n) { return same_name(n, name); });
}

std::string names_of(AlgorithmKind kind) {
  std::string names;
  for (const auto& row : algorithms())
    if (row.kind == kind)
      names += (names.empty() ? "" : ", ") + row.name;
  return names;
}

}  // namespace autotune
