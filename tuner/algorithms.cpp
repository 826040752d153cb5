#include "tuner/algorithms.hpp"

#include <algorithm>

#include "tuner/random.hpp"

namespace autotune {

namespace {

using P = ParameterType;

const std::vector<P> plain_types{P::choice,    P::randint, P::uniform, P::quniform,  P::loguniform, P::qloguniform,
                                 P::normal,    P::qnormal, P::lognormal, P::qlognormal};

ArgumentInfo optimize_mode() {
  return {.name = "optimize_mode",
          .kind = ArgumentKind::word,
          .meaning = "Which values are better; without it objective.goal or the default direction rules.",
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
  row.make_tuner = [](const TunerSetting& s) { return std::make_unique<RandomTuner>(s.space, s.seed); };
  return row;
}

const std::vector<std::string> absent_names{
    "Anneal", "Evolution", "MetisTuner", "Metis", "GPTuner", "GP", "PPOTuner", "PPO", "PBTTuner", "PBT",
    "Hyperband", "BOHB", "Curvefitting", "CMA-ES", "SMAC", "QMC", "ASHA", "Threshold", "DNGOTuner", "DNGO"};

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
  static const std::vector<AlgorithmInfo> rows{random_row()};
  return rows;
}

const AlgorithmInfo* find_algorithm(std::string_view name, std::initializer_list<AlgorithmKind> kinds) {
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
  return std::any_of(absent_names.begin(), absent_names.end(), [&](const auto& n) { return same_name(n, name); });
}

std::string names_of(AlgorithmKind kind) {
  std::string names;
  for (const auto& row : algorithms())
    if (row.kind == kind)
      names += (names.empty() ? "" : ", ") + row.name;
  return names;
}

}  // namespace autotune
