#include "tuner/trial_order.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>

namespace autotune {

namespace {

constexpr std::size_t pool_max = 512;  // a non-dominated sort of so many takes some 100 us

/// The median of each constraint's violations where it is broken; 1 where it never is.
std::vector<double> units_of(const std::vector<std::vector<double>>& violations) {
  std::size_t constraints = 0;
  for (const auto& row : violations)
    constraints = std::max(constraints, row.size());
  std::vector<double> units(constraints, 1);
  std::vector<double> sizes;
  for (std::size_t c = 0; c < units.size(); ++c) {
    sizes.clear();
    for (const auto& row : violations)
      if (c < row.size() && row[c] > 0 && std::isfinite(row[c]))
        sizes.push_back(row[c]);
    if (sizes.empty())
      continue;
    auto middle = sizes.begin() + static_cast<std::ptrdiff_t>(sizes.size() / 2);
    std::nth_element(sizes.begin(), middle, sizes.end());
    units[c] = *middle;
  }
  return units;
}

double total_in(const std::vector<double>& units, const std::vector<double>& violations) {
  double sum = 0;
  for (std::size_t c = 0; c < std::min(units.size(), violations.size()); ++c)
    sum += violations[c] / units[c];
  return sum;
}

}  // namespace

std::span<const double> losses_of(const Trial& ended, std::size_t goals) {
  return goals == 1 ? std::span<const double>(&*ended.final_value, 1)
                    : std::span<const double>(ended.goal_values);
}

bool breaks_constraint(const Trial& ended) {
  return std::any_of(ended.violations.begin(), ended.violations.end(),
                     [](double v) { return v > 0; });
}

std::vector<double> total_violations(const std::vector<std::vector<double>>& violations) {
  auto units = units_of(violations);
  std::vector<double> totals;
  for (const auto& row : violations)
    totals.push_back(total_in(units, row));
  return totals;
}

void BrokenOrder::insert(std::span<const double> violations, std::uint32_t trial) {
  violations_.emplace_back(violations.begin(), violations.end());
  trials_.push_back(trial);
  bool finite =
      std::all_of(violations.begin(), violations.end(), [](double v) { return std::isfinite(v); });
  measured_ += finite ? 1 : 0;
  if (trials_.size() < units_next_) {
    ranking_.insert(total_in(units_, violations_.back()), trial);
    return;
  }
  units_next_ = trials_.size() + std::max<std::size_t>(1, trials_.size() / 4);
  units_ = units_of(violations_);
  ranking_ = Ranking();
  for (std::size_t i = 0; i < trials_.size(); ++i)
    ranking_.insert(total_in(units_, violations_[i]), trials_[i]);
}

void TrialOrder::insert(const Trial& ended, std::uint32_t number) {
  if (breaks_constraint(ended)) {
    broken_.insert(ended.violations, number);
    return;
  }
  if (goals_ == 1) {
    ranking_.insert(*ended.final_value, number);
    loss_sum_ += *ended.final_value;
    return;
  }
  pool_.push_back(number);
  pool_losses_.add(losses_of(ended, goals_));
  if (pool_.size() >= pool_max)
    shrink_pool();
}

void TrialOrder::shrink_pool() {
  auto keep = pool_max / 2;
  Front order;
  for (const auto& front : sort_fronts(pool_losses_)) {
    auto room = keep - std::min(keep, order.size());
    // Whole where it fits; else those that stand alone first.
    if (room >= front.size() || room == 0) {
      order.insert(order.end(), front.begin(), front.end());
      continue;
    }
    auto sorted = by_crowding(pool_losses_, front);
    order.insert(order.end(), sorted.begin(), sorted.end());
  }
  for (auto i = order.size(); i-- > keep;)
    cut_.push_back(pool_[order[i]]);
  order.resize(keep);
  std::sort(order.begin(), order.end());
  Front pool;
  Losses losses(goals_);
  for (auto i : order) {
    pool.push_back(pool_[i]);
    losses.add(pool_losses_[i]);
  }
  pool_ = std::move(pool);
  pool_losses_ = std::move(losses);
}

std::size_t TrialOrder::count_of_best() const {
  if (meeting() == 0)
    return broken_.size() == 0 ? 0 : broken_.ranking().count_up_to(broken_.ranking().best());
  if (goals_ == 1)
    return ranking_.count_up_to(ranking_.best());
  return sort_fronts(pool_losses_).front().size();
}

std::size_t TrialOrder::count_to_mean() const {
  if (goals_ == 1 && ranking_.size() > 0)
    return ranking_.count_up_to(loss_sum_ / static_cast<double>(ranking_.size()));
  return size() / 2;
}

TrialOrder::View TrialOrder::view(std::size_t cut) const {
  Front order;
  if (goals_ == 1)
    return {*this, order};
  order.reserve(pool_.size());
  auto append = [&](const Front& places) {
    for (auto place : places)
      order.push_back(pool_[place]);
  };
  for (const auto& front : sort_fronts(pool_losses_)) {
    if (order.size() >= cut || order.size() + front.size() <= cut) {
      append(front);
      continue;
    }
    auto chosen = select_by_hypervolume(pool_losses_, front, cut - order.size());
    append(chosen);
    std::sort(chosen.begin(), chosen.end());
    Front others;
    std::set_difference(front.begin(), front.end(), chosen.begin(), chosen.end(),
                        std::back_inserter(others));
    append(others);
  }
  return {*this, std::move(order)};
}

}  // namespace autotune
