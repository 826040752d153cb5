#include "tuner/random_forest.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace autotune {

namespace {

constexpr double place_of_inactive = -1;

/// Where a split would go, and how much squared error it leaves.
struct Split {
  std::int32_t dimension = -1;
  double threshold = 0;
  std::vector<bool> levels;
  double error = 0;
};

/// Sum of squared differences from the mean, from the sums of n losses and of their squares.
double squared_error(double sum, double squares, double n) {
  return std::max(0.0, squares - sum * sum / n);
}

/// Grows one tree. Trials are told apart by their place in `x` and `y`.
class Grower {
 public:
  Grower(const Space& space, const std::vector<double>& x, std::span<const double> y,
         const ForestOptions& options, Rng rng)
      : space_(space), x_(x), y_(y), options_(options), rng_(rng) {}

  RegressionTree grow(std::vector<std::uint32_t> trials) {
    tree_.nodes.emplace_back();
    // Depth first with a stack of our own: a chain of splits may be as deep as there are trials.
    std::vector<Job> jobs;
    jobs.push_back({0, std::move(trials)});
    while (!jobs.empty()) {
      auto job = std::move(jobs.back());
      jobs.pop_back();
      settle(job);
      if (tree_.nodes[job.node].variance == 0)
        continue;  // nothing to tell apart
      auto split = best_split(job.trials);
      if (split.dimension < 0)
        continue;
      Job left{static_cast<std::uint32_t>(tree_.nodes.size()), {}};
      Job right{left.node + 1, {}};
      for (auto t : job.trials)
        (goes_left(split, t) ? left : right).trials.push_back(t);
      tree_.nodes.resize(tree_.nodes.size() + 2);
      auto& node = tree_.nodes[job.node];
      node.dimension = split.dimension;
      node.threshold = split.threshold;
      node.left = left.node;
      node.right = right.node;
      if (!split.levels.empty()) {
        node.levels = static_cast<std::uint32_t>(tree_.sets_of_levels.size());
        tree_.sets_of_levels.push_back(std::move(split.levels));
      }
      jobs.push_back(std::move(right));
      jobs.push_back(std::move(left));
    }
    return std::move(tree_);
  }

 private:
  struct Job {
    std::uint32_t node;
    std::vector<std::uint32_t> trials;
  };

  double coordinate(std::uint32_t trial, std::size_t i) const {
    return x_[trial * space_.size() + i];
  }

  void settle(const Job& job) {
    double sum = 0;
    for (auto t : job.trials)
      sum += y_[t];
    auto n = static_cast<double>(job.trials.size());
    double mean = sum / n;
    double squares = 0;
    for (auto t : job.trials)
      squares += (y_[t] - mean) * (y_[t] - mean);
    tree_.nodes[job.node].mean = mean;
    tree_.nodes[job.node].variance = squares / n;
  }

  bool goes_left(const Split& split, std::uint32_t trial) const {
    auto i = static_cast<std::size_t>(split.dimension);
    double u = coordinate(trial, i);
    return split.levels.empty() ? u <= split.threshold
                                : split.levels[static_cast<std::size_t>(u + 1)];
  }

  Split best_split(const std::vector<std::uint32_t>& trials) {
    Split best;
    if (trials.size() < 2 * options_.leaf_least)
      return best;
    std::vector<std::size_t> order(space_.size());
    std::iota(order.begin(), order.end(), 0);
    for (std::size_t k = order.size(); k > 1; --k)
      std::swap(order[k - 1], order[rng_.below(k)]);
    auto wanted = static_cast<std::size_t>(
        std::ceil(options_.dimensions_share * static_cast<double>(order.size())));
    // Dimensions on which all trials agree do not count, so that a rare branch is split too.
    for (std::size_t k = 0; k < order.size() && (k < wanted || best.dimension < 0); ++k) {
      if (space_[order[k]].categorical())
        try_levels(trials, order[k], best);
      else
        try_thresholds(trials, order[k], best);
    }
    return best;
  }

  void try_thresholds(const std::vector<std::uint32_t>& trials, std::size_t i, Split& best) {
    sorted_.clear();
    double sum = 0;
    double squares = 0;
    for (auto t : trials) {
      sorted_.emplace_back(coordinate(t, i), y_[t]);
      sum += y_[t];
      squares += y_[t] * y_[t];
    }
    std::sort(sorted_.begin(), sorted_.end());
    if (sorted_.front().first == sorted_.back().first)
      return;
    auto n = sorted_.size();
    double left_sum = 0;
    double left_squares = 0;
    for (std::size_t k = 1; k < n; ++k) {
      left_sum += sorted_[k - 1].second;
      left_squares += sorted_[k - 1].second * sorted_[k - 1].second;
      if (sorted_[k - 1].first == sorted_[k].first || k < options_.leaf_least ||
          n - k < options_.leaf_least)
        continue;
      auto count = static_cast<double>(k);
      double error =
          squared_error(left_sum, left_squares, count) +
          squared_error(sum - left_sum, squares - left_squares, static_cast<double>(n) - count);
      if (best.dimension >= 0 && error >= best.error)
        continue;
      // Anywhere between the two trials is as good; drawing it smooths the forest's mean.
      double low = sorted_[k - 1].first;
      double high = sorted_[k].first;
      best = {static_cast<std::int32_t>(i), low + (high - low) * rng_.uniform(), {}, error};
    }
  }

  void try_levels(const std::vector<std::uint32_t>& trials, std::size_t i, Split& best) {
    struct Level {
      std::size_t place = 0;
      double n = 0;
      double sum = 0;
      double squares = 0;
    };
    std::vector<Level> levels(static_cast<std::size_t>(space_[i].levels()) + 1);
    for (auto t : trials) {
      auto& level = levels[static_cast<std::size_t>(coordinate(t, i) + 1)];
      level.n += 1;
      level.sum += y_[t];
      level.squares += y_[t] * y_[t];
    }
    auto places = levels.size();
    for (std::size_t p = 0; p < places; ++p)
      levels[p].place = p;
    std::erase_if(levels, [](const Level& level) { return level.n == 0; });
    if (levels.size() < 2)
      return;
    std::stable_sort(levels.begin(), levels.end(),
                     [](const Level& a, const Level& b) { return a.sum / a.n < b.sum / b.n; });
    Level all;
    for (const auto& level : levels) {
      all.n += level.n;
      all.sum += level.sum;
      all.squares += level.squares;
    }
    Level left;
    for (std::size_t k = 0; k + 1 < levels.size(); ++k) {
      left.n += levels[k].n;
      left.sum += levels[k].sum;
      left.squares += levels[k].squares;
      auto least = static_cast<double>(options_.leaf_least);
      if (left.n < least || all.n - left.n < least)
        continue;
      double error = squared_error(left.sum, left.squares, left.n) +
                     squared_error(all.sum - left.sum, all.squares - left.squares, all.n - left.n);
      if (best.dimension >= 0 && error >= best.error)
        continue;
      // Levels that no trial here has go to either side.
      std::vector<bool> to_left(places);
      for (std::size_t p = 0; p < places; ++p)
        to_left[p] = rng_.below(2) == 0;
      for (std::size_t j = 0; j < levels.size(); ++j)
        to_left[levels[j].place] = j <= k;
      best = {static_cast<std::int32_t>(i), 0, std::move(to_left), error};
    }
  }

  const Space& space_;
  const std::vector<double>& x_;
  std::span<const double> y_;
  const ForestOptions& options_;
  Rng rng_;
  RegressionTree tree_;
  std::vector<std::pair<double, double>> sorted_;
};

/// As the trees see it: a level for unordered dimensions, a place of its own for inactive ones.
double feature(const Dimension& dimension, double coordinate) {
  if (std::isnan(coordinate))
    return place_of_inactive;
  return dimension.categorical() ? dimension.level_at(coordinate) : coordinate;
}

}  // namespace

std::size_t place_of_level(const Dimension& dimension, double coordinate) {
  return static_cast<std::size_t>(feature(dimension, coordinate) + 1);
}

RandomForest::RandomForest(const Space& space, std::span<const double> points,
                           std::span<const double> losses, const ForestOptions& options, Rng rng)
    : space_(space) {
  for (const auto& d : space.dimensions())
    categorical_.push_back(d.categorical() ? 1 : 0);
  std::vector<double> features(points.size());
  for (std::size_t k = 0; k < points.size(); ++k)
    features[k] = feature(space[k % space.size()], points[k]);
  for (std::size_t t = 0; t < options.trees; ++t) {
    auto own = rng.split(t);
    std::vector<std::uint32_t> trials(losses.size());
    if (options.bootstrap)
      for (auto& trial : trials)
        trial = static_cast<std::uint32_t>(own.below(losses.size()));
    else
      std::iota(trials.begin(), trials.end(), 0);
    trees_.push_back(Grower(space_, features, losses, options, own).grow(std::move(trials)));
  }
}

RandomForest::Prediction RandomForest::predict(const Point& point) const {
  Prediction prediction;
  double squares = 0;
  for (const auto& tree : trees_) {
    std::uint32_t at = 0;
    while (tree.nodes[at].dimension >= 0) {
      const auto& node = tree.nodes[at];
      auto i = static_cast<std::size_t>(node.dimension);
      double u = std::isnan(point[i]) ? place_of_inactive : point[i];
      bool left = categorical_[i] != 0
                      ? tree.sets_of_levels[node.levels][place_of_level(space_[i], point[i])]
                      : u <= node.threshold;
      at = left ? node.left : node.right;
    }
    const auto& leaf = tree.nodes[at];
    prediction.mean += leaf.mean;
    squares += leaf.variance + leaf.mean * leaf.mean;
  }
  auto n = static_cast<double>(trees_.size());
  prediction.mean /= n;
  prediction.variance = std::max(0.0, squares / n - prediction.mean * prediction.mean);
  return prediction;
}

}  // namespace autotune
