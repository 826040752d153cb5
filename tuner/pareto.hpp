// Several goals: which trials no other beats, and how well some of them stand for all of these.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace autotune {

/// The losses of some trials, one row of `goals` numbers a trial. All are finite.
class Losses {
 public:
  /// goals >= 1.
  explicit Losses(std::size_t goals) : goals_(goals) {}

  /// `row` has one number a goal.
  void add(std::span<const double> row) { values_.insert(values_.end(), row.begin(), row.end()); }
  std::size_t goals() const { return goals_; }
  std::size_t size() const { return values_.size() / goals_; }
  std::span<const double> operator[](std::size_t i) const {
    return {values_.data() + i * goals_, goals_};
  }

 private:
  std::size_t goals_;
  std::vector<double> values_;
};

/// Indices of trials.
using Front = std::vector<std::uint32_t>;

/// True where `a` is nowhere worse than `b` and somewhere better.
bool dominates(std::span<const double> a, std::span<const double> b);

/// The trials by non-domination rank: nothing dominates a member of the first front, only members of the first
/// dominate one of the second, and so on. Each front ascends. Efficient non-dominated sort with binary search (Zhang,
/// Tian, Cheng, Jin 2015): O(n log n) for two goals, O(goals n^2) at worst for more.
std::vector<Front> sort_fronts(const Losses& losses);

/// How far apart the neighbours of each member of a front are, summed over the goals, each in units of its range;
/// infinite at the ends of a goal (Deb, Pratap, Agarwal, Meyarivan 2002, section III-B). In the order of `front`.
std::vector<double> crowding_distances(const Losses& losses, const Front& front);

/// The front with its least crowded members first; equal ones in the order of `front`.
Front by_crowding(const Losses& losses, const Front& front);

/// The volume that the points dominate within the box below `reference`, one number a goal. Points that do not lie
/// below it add nothing. The WFG algorithm (While, Bradstreet, Barone 2012): exponential in the number of goals,
/// quick up to four.
double hypervolume(const Losses& points, std::span<const double> reference);

/// The first `count` (or all) members of a front, each of which adds the most hypervolume to those before it; equal
/// ones in the order of `front`. Goals are scaled to the front's range, the reference lies a tenth beyond. Above four
/// goals the least crowded ones. Lazy greedy inclusion (Chen, Ishibuchi, Shang 2020), which keeps at least 1 - 1/e of
/// what the best subset has.
Front select_by_hypervolume(const Losses& losses, const Front& front, std::size_t count);

}  // namespace autotune
