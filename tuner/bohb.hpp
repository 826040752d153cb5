// BOHB: Hyperband whose new configurations come from a density of good ones.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "tuner/brackets.hpp"
#include "tuner/budget_model.hpp"
#include "tuner/budget_process.hpp"
#include "tuner/seen_points.hpp"
#include "tuner/trial_budget.hpp"
#include "tuner/tuner.hpp"

namespace autotune {

struct BohbOptions {
  std::int64_t budget_min = 1;       ///< >= 1
  std::int64_t budget_max = 3;       ///< >= budget_min
  std::int64_t eta = 3;              ///< >= 2
  double random_fraction = 1.0 / 3;  ///< of new configurations drawn from the prior
  BudgetModelOptions model = {};
  bool process = false;  ///< BudgetProcess instead of BudgetModel
};

/// BOHB (Falkner, Klein, Hutter 2018, BOHB: Robust and Efficient Hyperparameter Optimization at
/// Scale, algorithm 2): the brackets of Hyperband (see Brackets), in which a new configuration is
/// drawn from the prior with chance `random_fraction`, else proposed by the model (see BudgetModel,
/// also for what differs from the paper's), or by a Gaussian process over configurations and budgets (see BudgetProcess).
///
/// What differs from NNI's, and why:
/// - Every budget has a model of its own, as in the paper. NNI files each result under the sequence
///   number of its metric, which is always 0, so all budgets share one.
/// - A bracket is known by its number in the run, so late results stay with theirs; the next one
///   opens while another waits, as in the paper, so that no worker idles.
/// - All types and nested choices.
/// - A value of 0 counts on import; no discrete configuration comes twice; a finite space ends.
class BohbTuner : public Tuner {
 public:
  BohbTuner(Space space, std::int64_t seed, BohbOptions options);

  Ask ask(Sequence trial, std::span<const Trial> running) const override;
  Value as_tried(Value parameters) const override {
    return with_budget(std::move(parameters), options_.budget_max);
  }
  void tell(const Trial& ended) override;

  /// The budget whose model is in use; nothing where there is none yet.
  std::optional<std::int64_t> model_budget() const { return model_.budget(); }

 private:
  bool speaks() const { return options_.process ? process_.speaks() : model_.budget().has_value(); }
  std::optional<Point> draw(Sequence trial, std::span<const Trial> running) const;

  std::int64_t seed_;
  BohbOptions options_;
  Brackets brackets_;
  SeenPoints seen_;
  BudgetModel model_;
  BudgetProcess process_;
};

}  // namespace autotune
