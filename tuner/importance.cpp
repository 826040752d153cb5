#include "tuner/importance.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "tuner/random_forest.hpp"

namespace autotune {

namespace {

constexpr std::size_t trials_least = 10;
constexpr std::size_t trials_max = 1000;
constexpr std::size_t trees = 32;
constexpr std::size_t leaves_max = 128;  // bounds the work on pairs
constexpr std::size_t paired_max = 7;    // parameters whose pairs are looked at
constexpr double fences = 3;             // interquartile ranges

/// The cells that a tree's splits cut one dimension into, with their shares of the prior. The first
/// is the dimension's absence; then levels, or the ranges between thresholds.
struct Cells {
  std::vector<double> thresholds;  // ordered dimensions, ascending
  std::vector<double> mass;
};

/// A leaf as a box of cells: which of them it holds, for each dimension.
struct Box {
  double mean = 0;
  double weight = 0;                     // share of the space
  std::vector<std::vector<bool>> cells;  // [dimension][cell]
  std::vector<double> mass;              // [dimension], of its cells
};

/// How likely the prior makes dimension i active.
double chance_of(const Space& space, std::size_t i) {
  double chance = 1;
  for (auto at = i; space[at].parent >= 0;) {
    auto parent = static_cast<std::size_t>(space[at].parent);
    auto [low, high] = space[parent].cell(space[at].branch);
    chance *= high - low;
    at = parent;
  }
  return chance;
}

std::vector<Cells> cells_of(const Space& space, const RegressionTree& tree) {
  std::vector<Cells> all(space.size());
  for (const auto& node : tree.nodes)
    if (node.dimension >= 0 && !space[static_cast<std::size_t>(node.dimension)].categorical())
      all[static_cast<std::size_t>(node.dimension)].thresholds.push_back(node.threshold);
  for (std::size_t i = 0; i < space.size(); ++i) {
    auto& cells = all[i];
    auto chance = chance_of(space, i);
    cells.mass.push_back(1 - chance);
    if (space[i].categorical()) {
      for (double level = 0; level < space[i].levels(); ++level) {
        auto [low, high] = space[i].cell(level);
        cells.mass.push_back(chance * (high - low));
      }
      continue;
    }
    auto& cuts = cells.thresholds;
    std::sort(cuts.begin(), cuts.end());
    cuts.erase(std::unique(cuts.begin(), cuts.end()), cuts.end());
    double from = 0;
    for (double cut : cuts) {
      double to = std::clamp(cut, 0.0, 1.0);
      cells.mass.push_back(chance * (to - from));
      from = to;
    }
    cells.mass.push_back(chance * (1 - from));
  }
  return all;
}

double mass_in(const Cells& cells, const std::vector<bool>& held) {
  double mass = 0;
  for (std::size_t c = 0; c < held.size(); ++c)
    if (held[c])
      mass += cells.mass[c];
  return mass;
}

/// The part of a dimension's cells on one side of a split. Cell c > 0 of an ordered dimension lies
/// between thresholds c-2 and c-1; absence lies before all.
std::vector<bool> side(const std::vector<bool>& held, const RegressionTree& tree,
                       const TreeNode& node, const Cells& cells, bool categorical, bool left) {
  auto part = held;
  for (std::size_t c = 0; c < part.size(); ++c) {
    bool goes_left = false;
    if (categorical)
      goes_left = tree.sets_of_levels[node.levels][c];
    else
      goes_left =
          c == 0 || (c - 1 < cells.thresholds.size() && cells.thresholds[c - 1] <= node.threshold);
    part[c] = part[c] && goes_left == left;
  }
  return part;
}

std::vector<Box> leaves_of(const Space& space, const RegressionTree& tree,
                           const std::vector<Cells>& cells) {
  struct Visit {
    std::uint32_t node;
    std::vector<std::vector<bool>> held;
  };
  std::vector<Box> leaves;
  std::vector<Visit> visits(1);
  for (const auto& one : cells)
    visits[0].held.emplace_back(one.mass.size(), true);
  while (!visits.empty()) {
    auto visit = std::move(visits.back());
    visits.pop_back();
    const auto& node = tree.nodes[visit.node];
    if (node.dimension >= 0) {
      auto i = static_cast<std::size_t>(node.dimension);
      for (bool left : {false, true}) {
        Visit next{left ? node.left : node.right, visit.held};
        next.held[i] = side(visit.held[i], tree, node, cells[i], space[i].categorical(), left);
        visits.push_back(std::move(next));
      }
      continue;
    }
    Box box{node.mean, 1, std::move(visit.held), {}};
    for (std::size_t i = 0; i < cells.size(); ++i) {
      box.mass.push_back(mass_in(cells[i], box.cells[i]));
      box.weight *= box.mass.back();
    }
    if (box.weight > 0)
      leaves.push_back(std::move(box));
  }
  return leaves;
}

/// One tree's decomposition.
class Anova {
 public:
  Anova(const Space& space, const RegressionTree& tree)
      : cells_(cells_of(space, tree)), leaves_(leaves_of(space, tree, cells_)) {
    for (const auto& leaf : leaves_)
      mean_ += leaf.weight * leaf.mean;
    for (const auto& leaf : leaves_)
      variance_ += leaf.weight * (leaf.mean - mean_) * (leaf.mean - mean_);
    for (std::size_t i = 0; i < cells_.size(); ++i)
      marginals_.push_back(marginal(i));
  }

  double variance() const { return variance_; }

  double of_one(std::size_t i) const {
    double sum = 0;
    for (std::size_t c = 0; c < marginals_[i].size(); ++c)
      sum += cells_[i].mass[c] * (marginals_[i][c] - mean_) * (marginals_[i][c] - mean_);
    return sum;
  }

  double of_pair(std::size_t i, std::size_t j) const {
    auto columns = cells_[j].mass.size();
    std::vector<double> joint(cells_[i].mass.size() * columns);
    for (const auto& leaf : leaves_) {
      double part = leaf.mean * leaf.weight / (leaf.mass[i] * leaf.mass[j]);
      for (std::size_t c = 0; c < leaf.cells[i].size(); ++c)
        if (leaf.cells[i][c])
          for (std::size_t d = 0; d < columns; ++d)
            if (leaf.cells[j][d])
              joint[c * columns + d] += part;
    }
    double sum = 0;
    for (std::size_t c = 0; c < marginals_[i].size(); ++c)
      for (std::size_t d = 0; d < columns; ++d) {
        double beyond = joint[c * columns + d] - marginals_[i][c] - marginals_[j][d] + mean_;
        sum += cells_[i].mass[c] * cells_[j].mass[d] * beyond * beyond;
      }
    return sum;
  }

 private:
  /// The mean prediction where dimension i lies in each of its cells.
  std::vector<double> marginal(std::size_t i) const {
    std::vector<double> means(cells_[i].mass.size());
    for (const auto& leaf : leaves_)
      for (std::size_t c = 0; c < means.size(); ++c)
        if (leaf.cells[i][c])
          means[c] += leaf.mean * leaf.weight / leaf.mass[i];
    return means;
  }

  std::vector<Cells> cells_;
  std::vector<Box> leaves_;
  double mean_ = 0;
  double variance_ = 0;
  std::vector<std::vector<double>> marginals_;
};

struct Data {
  std::vector<double> points;
  std::vector<double> values;
};

Data usable(const Space& space, std::span<const Trial> trials) {
  std::vector<std::pair<Point, double>> all;
  for (const auto& trial : trials) {
    if (!trial.final_value || !std::isfinite(*trial.final_value))
      continue;
    if (auto point = space.point_of(trial.parameters))
      all.emplace_back(std::move(*point), *trial.final_value);
  }
  Data data;
  auto n = std::min(all.size(), trials_max);
  for (std::size_t k = 0; k < n; ++k) {
    const auto& [point, value] = all[k * all.size() / n];
    data.points.insert(data.points.end(), point.begin(), point.end());
    data.values.push_back(value);
  }
  return data;
}

void pull_in_outliers(std::vector<double>& values) {
  auto sorted = values;
  std::sort(sorted.begin(), sorted.end());
  double low = sorted[sorted.size() / 4];
  double high = sorted[sorted.size() * 3 / 4];
  double reach = fences * (high - low);
  if (reach > 0)
    for (auto& value : values)
      value = std::clamp(value, low - reach, high + reach);
}

template <class Entry>
void order_by_share(std::vector<Entry>& entries) {
  std::stable_sort(entries.begin(), entries.end(),
                   [](const Entry& a, const Entry& b) { return a.share > b.share; });
}

}  // namespace

Result<Importance> importance_of(const Space& space, std::span<const Trial> trials) {
  auto data = usable(space, trials);
  if (data.values.size() < trials_least)
    return fail(ErrorCode::failed_precondition,
                "importance needs at least " + std::to_string(trials_least) +
                    " trials with a final result; there are " + std::to_string(data.values.size()));
  pull_in_outliers(data.values);
  ForestOptions options;
  options.trees = trees;
  options.leaf_least = std::max<std::size_t>(1, data.values.size() / leaves_max);
  RandomForest forest(space, data.points, data.values, options, Rng(0));
  std::vector<Anova> anovas;
  for (const auto& tree : forest.trees())
    if (Anova anova(space, tree); tree.nodes.size() > 1 && anova.variance() > 0)
      anovas.push_back(std::move(anova));
  if (anovas.empty())
    return fail(ErrorCode::failed_precondition,
                "all final results are equal, so no parameter explains a difference");
  auto mean_share = [&](auto part_of) {
    double sum = 0;
    for (const auto& anova : anovas)
      sum += part_of(anova) / anova.variance();
    return sum / static_cast<double>(anovas.size());
  };
  Importance importance;
  importance.trials = data.values.size();
  for (std::size_t i = 0; i < space.size(); ++i)
    importance.parameters.push_back(
        {i, mean_share([&](const Anova& anova) { return anova.of_one(i); })});
  order_by_share(importance.parameters);
  auto paired = std::min(paired_max, importance.parameters.size());
  for (std::size_t a = 0; a < paired; ++a)
    for (std::size_t b = a + 1; b < paired; ++b) {
      auto i = importance.parameters[a].dimension;
      auto j = importance.parameters[b].dimension;
      importance.pairs.push_back(
          {i, j, mean_share([&](const Anova& anova) { return anova.of_pair(i, j); })});
    }
  order_by_share(importance.pairs);
  return importance;
}

}  // namespace autotune
