#include "tuner/budget_process.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "tuner/gp_search.hpp"
#include "tuner/gp_tuner.hpp"
#include "tuner/trial_budget.hpp"

namespace autotune {

namespace {

constexpr std::size_t rows_max = 200;
constexpr std::size_t results_min = 10;  // as GPTuner's cold start
constexpr std::size_t best_looked_at = 50;
constexpr double noise_min = 1e-6;
constexpr double local_share = 0.67;  // of proposals, as GPTuner's
constexpr double width_max = 0.3;
constexpr double width_min = 0.005;
constexpr SearchEffort effort{100, 2};

/// The space with the budget as its last dimension.
Space with_budgets(const Space& space, std::int64_t least, std::int64_t most) {
  SearchSpace description;
  for (const auto& d : space.dimensions())
    if (d.parent < 0)
      description.parameters.push_back(d.parameter());
  Parameter budget;
  budget.name = trial_budget_name;
  budget.type = ParameterType::loguniform;
  budget.low = static_cast<double>(least);
  budget.high = static_cast<double>(most);
  description.parameters.push_back(std::move(budget));
  return Space(std::move(description));
}

}  // namespace

BudgetProcess::BudgetProcess(Space space, std::int64_t budget_min, std::int64_t budget_max)
    : dimensions_(space.size()),
      model_(with_budgets(space, budget_min, budget_max), Smoothness::five_halves, noise_min,
             rows_max) {}

void BudgetProcess::tell(const Point& point, std::int64_t budget, std::optional<double> loss) {
  const auto& last = model_.space()[dimensions_].parameter();
  auto joint = point;
  double range = std::log(last.high / last.low);
  double place = range > 0 ? std::log(static_cast<double>(budget) / last.low) / range : 1;
  joint.push_back(std::clamp(place, 0.0, 1.0));
  model_.add(joint, loss);
}

bool BudgetProcess::speaks() const { return model_.values() >= results_min; }

Features BudgetProcess::features_at_most(const Point& point) const {
  auto joint = point;
  joint.push_back(1);
  return model_.features(joint);
}

std::vector<double> BudgetProcess::expected(const std::vector<Point>& points) const {
  const auto& process = model_.process({});
  std::vector<Features> all;
  for (const auto& point : points)
    all.push_back(features_at_most(point));
  std::vector<double> means;
  for (const auto& belief : process.at_all(all))
    means.push_back(belief.mean);
  return means;
}

std::optional<Point> BudgetProcess::propose(std::span<const Trial> running,
                                            const SeenPoints::Taken& taken, Rng& rng) const {
  const auto& process = model_.process(features_of(model_, running));
  // What the best ones would reach as whole trials.
  std::vector<Features> known;
  for (auto row : model_.best_rows(best_looked_at)) {
    Features f(model_.row(row), model_.row(row) + dimensions_ + 1);
    f.back() = 1;
    known.push_back(std::move(f));
  }
  auto least = HUGE_VAL;
  for (const auto& belief : process.at_all(known))
    least = std::min(least, belief.mean);
  Acquisition acquisition{.best = least};
  Region region{Features(dimensions_ + 1, 0), Features(dimensions_ + 1, 1)};
  if (rng.uniform() < local_share)
    region = region_around_best(model_, process,
                                width_max * std::pow(width_min / width_max, rng.uniform()));
  region.low.back() = 1;
  region.high.back() = 1;
  auto point = GpSearch(model_, process, acquisition, effort, region).best_point(taken, rng);
  if (point)
    point->resize(dimensions_);
  return point;
}

}  // namespace autotune
