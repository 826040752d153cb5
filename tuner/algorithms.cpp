#include "tuner/algorithms.hpp"

#include <algorithm>

#include "tuner/algorithm_rows.hpp"

namespace autotune {

namespace {

const std::vector<std::string> absent_names{"DNGOTuner", "DNGO"};

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

AlgorithmTable::AlgorithmTable()
    : rows_{auto_row(),        tpe_row(),        random_row(),    grid_row(),      batch_row(),
            anneal_row(),      smac_row(),       evolution_row(), qmc_row(),       cma_es_row(),
            pbt_row(),         ppo_row(),        hyperband_row(), bohb_row(),      asha_row(),
            median_stop_row(), curve_stop_row(), asha_stop_row(), threshold_row(), gp_row(),
            metis_row(),       nsga2_row()} {}

const AlgorithmTable& built_in_algorithms() {
  static const AlgorithmTable table;
  return table;
}

Result<void> AlgorithmTable::add(AlgorithmInfo row) {
  auto wrong = [&](const std::string& what) {
    return fail(ErrorCode::invalid_argument, "algorithm '" + row.name + "': " + what);
  };
  auto names = row.aliases;
  names.insert(names.begin(), row.name);
  for (const auto& name : names) {
    if (name.empty())
      return wrong("a name must not be empty");
    for (const auto& other : rows_)
      for (auto kind : {AlgorithmKind::tuner, AlgorithmKind::assessor, AlgorithmKind::advisor})
        if (find(name, {kind}) == &other)
          return wrong("the name '" + name + "' is taken by " + std::string(name_of(kind)) + " " +
                       other.name + "; choose another");
  }
  bool assesses = row.kind == AlgorithmKind::assessor;
  if (assesses ? !row.make_assessor : !row.make_tuner)
    return wrong(std::string("must say how it is made: ") +
                 (assesses ? "make_assessor" : "make_tuner"));
  if (!assesses && row.types.empty())
    return wrong("must say which types of parameters it searches");
  for (std::size_t i = 0; i < row.arguments.size(); ++i) {
    const auto& argument = row.arguments[i];
    for (std::size_t j = 0; j < i; ++j)
      if (row.arguments[j].name == argument.name)
        return wrong("argument '" + argument.name + "' stands twice");
    if (argument.fallback.is_null())
      continue;
    auto errors =
        check_arguments(Object{{argument.name, argument.fallback}}, {argument}, "default");
    if (!errors.empty())
      return wrong(errors.front().path + " " + errors.front().message);
  }
  rows_.push_back(std::move(row));
  return {};
}

const AlgorithmInfo* AlgorithmTable::find(std::string_view name,
                                          std::initializer_list<AlgorithmKind> kinds) const {
  for (const auto& row : rows_) {
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

std::string AlgorithmTable::names_of(AlgorithmKind kind) const {
  std::string names;
  for (const auto& row : rows_)
    if (row.kind == kind)
      names += (names.empty() ? "" : ", ") + row.name;
  return names;
}

std::string AlgorithmTable::names_for_several_goals() const {
  std::string names;
  for (const auto& row : rows_)
    if (row.several_goals)
      names += (names.empty() ? "" : ", ") + row.name;
  return names;
}

bool known_but_absent(std::string_view name) {
  return std::any_of(absent_names.begin(), absent_names.end(),
                     [&](const auto& n) { return same_name(n, name); });
}

}  // namespace autotune
