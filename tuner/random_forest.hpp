// A forest of regression trees over a search space: predicts a loss and how unsure that is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tuner/rng.hpp"
#include "tuner/space.hpp"

namespace autotune {

struct ForestOptions {
  std::size_t trees = 10;
  std::size_t leaf_least = 1;   ///< trials in a leaf, where there are that many; >= 1
  double dimensions_share = 1;  ///< of the dimensions, drawn for each split; in (0, 1]
  bool bootstrap = true;        ///< each tree sees its own draw with replacement
};

/// A box of the space where a tree predicts one value. Ordered dimensions have a range of
/// coordinates; unordered ones a set of levels. What is inactive lies at -1, before all coordinates.
struct TreeNode {
  std::int32_t dimension = -1;  ///< split here; -1: a leaf
  double threshold = 0;         ///< ordered: coordinates up to it go to the left
  std::uint32_t levels = 0;     ///< unordered: index of the set of levels that go to the left
  std::uint32_t left = 0;
  std::uint32_t right = 0;
  double mean = 0;
  double variance = 0;  ///< of the trials in a leaf
};

struct RegressionTree {
  std::vector<TreeNode> nodes;                    ///< the first is the root
  std::vector<std::vector<bool>> sets_of_levels;  ///< place 0: inactive, then the levels in order
};

/// A random forest (Breiman 2001) as SMAC uses it (Hutter, Hoos, Leyton-Brown 2011, section 4.1):
/// the mean over trees predicts, and their disagreement plus the spread inside leaves is the
/// variance. Unordered dimensions are split by the order of their levels' mean losses, which is the
/// best two-way split for squared error (Fisher 1958), where SMAC draws subsets. Dimensions that a
/// trial did not have lie at a place of their own instead of at a default.
class RandomForest {
 public:
  /// `points`: [trial][dimension] of `space` as Point has them; one loss each; at least one.
  /// The same arguments give the same forest. Costs O(trees * dimensions * n log n).
  RandomForest(const Space& space, std::span<const double> points, std::span<const double> losses,
               const ForestOptions& options, Rng rng);

  struct Prediction {
    double mean = 0;
    double variance = 0;  ///< >= 0
  };
  /// Costs O(trees * depth).
  Prediction predict(const Point& point) const;

  const std::vector<RegressionTree>& trees() const { return trees_; }

 private:
  std::vector<RegressionTree> trees_;
  std::vector<char> categorical_;  // [dimension]
  Space space_;
};

/// Where a coordinate stands among the places of an unordered dimension: 0 inactive, else level + 1.
std::size_t place_of_level(const Dimension& dimension, double coordinate);

}  // namespace autotune
