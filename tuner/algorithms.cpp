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

const std::vector<AlgorithmInfo>& algorithms() {
  static const std::vector<AlgorithmInfo> rows{
      auto_row(),        tpe_row(),        random_row(),    grid_row(),      batch_row(),
      anneal_row(),      smac_row(),       evolution_row(), qmc_row(),       cma_es_row(),
      pbt_row(),         ppo_row(),        hyperband_row(), bohb_row(),      asha_row(),
      median_stop_row(), curve_stop_row(), asha_stop_row(), threshold_row(), gp_row(),
      metis_row()};
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
