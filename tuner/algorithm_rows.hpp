// One function for each row of the table of algorithms, and the arguments that rows share.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tuner/algorithms.hpp"

namespace autotune {

/// The ten types of the file format that hold plain values.
const std::vector<ParameterType>& plain_types();

ArgumentInfo optimize_mode();
ArgumentInfo seed_argument();
/// A whole number from `least` to `most`.
ArgumentInfo whole_argument(std::string name, std::int64_t fallback, std::string meaning,
                            double least, double most);
/// A real number above 0, up to `most`.
ArgumentInfo positive_argument(std::string name, double fallback, std::string meaning, double most);

// basic_rows.cpp
AlgorithmInfo random_row();
AlgorithmInfo grid_row();
AlgorithmInfo batch_row();
// tpe_rows.cpp
AlgorithmInfo auto_row();
AlgorithmInfo tpe_row();
// population_rows.cpp
AlgorithmInfo anneal_row();
AlgorithmInfo evolution_row();
AlgorithmInfo nsga2_row();
AlgorithmInfo qmc_row();
AlgorithmInfo pbt_row();
AlgorithmInfo ppo_row();
// forest_rows.cpp
AlgorithmInfo smac_row();
// gp_rows.cpp
AlgorithmInfo gp_row();
AlgorithmInfo metis_row();
// cma_rows.cpp
AlgorithmInfo cma_es_row();
// scheduler_rows.cpp
AlgorithmInfo asha_row();
AlgorithmInfo bohb_row();
AlgorithmInfo hyperband_row();
// assessor_rows.cpp
AlgorithmInfo asha_stop_row();
AlgorithmInfo curve_stop_row();
AlgorithmInfo median_stop_row();
AlgorithmInfo threshold_row();

}  // namespace autotune
