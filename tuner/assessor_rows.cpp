#include "tuner/algorithm_rows.hpp"
#include "tuner/median_stop.hpp"

namespace autotune {

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

}  // namespace autotune
