// Trials from the best to the worst, whatever is asked of them: one goal or several, with constraints or without.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "messages/trial.hpp"
#include "tuner/pareto.hpp"
#include "tuner/ranking.hpp"

namespace autotune {

/// The losses of a trial that has them, one a goal.
std::span<const double> losses_of(const Trial& ended, std::size_t goals);

/// True where a trial breaks a constraint.
bool breaks_constraint(const Trial& ended);

/// By how much each of some trials breaks all constraints together: the sum of its violations, each in units of the
/// median among the trials that break it. One row a trial; what a row lacks counts as met.
std::vector<double> total_violations(const std::vector<std::vector<double>>& violations);

/// Trials that break a constraint, by how much they break all together. The medians are taken anew whenever a quarter
/// more trials have come.
class BrokenOrder {
 public:
  void insert(std::span<const double> violations, std::uint32_t trial);

  std::size_t size() const { return ranking_.size(); }
  /// How many have a finite sum; they come first.
  std::size_t measured() const { return measured_; }
  const Ranking& ranking() const { return ranking_; }

 private:
  std::vector<std::vector<double>> violations_;  // [trial][constraint]
  std::vector<std::uint32_t> trials_;
  std::vector<double> units_;  // by constraint
  std::size_t units_next_ = 0;
  std::size_t measured_ = 0;
  Ranking ranking_;
};

/// The order in which trials are better than others (Deb 2000's constraint domination): those that meet all
/// constraints by their loss; with several goals by their non-domination rank, and within the front in which a cut
/// falls by the hypervolume that each adds to those before it (as MOTPE cuts: Ozaki, Tanigaki, Watanabe, Nomura,
/// Onishi 2022). Then those that break constraints by how much they do, at last those that do so infinitely. Equal
/// ones in order of arrival.
///
/// With several goals a pool of at most 512 trials is sorted at each view; when it is full the better half stays, and
/// the others come after the pool for good, the last cut first. So a view's cost has a bound.
class TrialOrder {
 public:
  /// goals >= 1.
  explicit TrialOrder(std::size_t goals) : goals_(goals), pool_losses_(goals) {}

  /// Adds a trial with a final value; `number` is what a view gives for it.
  void insert(const Trial& ended, std::uint32_t number);

  std::size_t size() const { return meeting() + broken_.size(); }
  /// How many meet all constraints.
  std::size_t meeting() const { return goals_ == 1 ? ranking_.size() : pool_.size() + cut_.size(); }
  /// How many may count as good: all but those that break a constraint infinitely.
  std::size_t usable() const { return meeting() + broken_.measured(); }
  /// How many trials stand at least as high as the best one.
  std::size_t count_of_best() const;
  /// How many trials are at least as good as the mean loss; with several goals, or where all trials break
  /// constraints: half.
  std::size_t count_to_mean() const;

  /// The order as it is now; the order must outlive it and not change.
  class View {
   public:
    /// Calls visit(number) for the trials at these ranks (0 is the best), which must ascend and be in range.
    template <class Visit>
    void visit(std::span<const std::size_t> ranks, Visit visit) const {
      auto met = order_->meeting();
      auto split = std::lower_bound(ranks.begin(), ranks.end(), met);
      std::span<const std::size_t> first(ranks.begin(), split);
      if (order_->goals_ == 1)
        order_->ranking_.visit(first, [&](const auto& entry) { visit(entry.trial); });
      else
        for (auto rank : first)
          visit(rank < pool_.size() ? pool_[rank] : order_->cut_[met - 1 - rank]);
      std::vector<std::size_t> rest(split, ranks.end());
      for (auto& rank : rest)
        rank -= met;
      order_->broken_.ranking().visit(rest, [&](const auto& entry) { visit(entry.trial); });
    }

   private:
    friend class TrialOrder;
    View(const TrialOrder& order, Front pool) : order_(&order), pool_(std::move(pool)) {}
    const TrialOrder* order_;
    Front pool_;  // numbers in order
  };

  /// Ordered such that the first `cut` trials are the best subset.
  View view(std::size_t cut) const;

 private:
  void shrink_pool();

  std::size_t goals_;
  Ranking ranking_;  // with one goal: those that meet all constraints
  double loss_sum_ = 0;
  // With several goals:
  Front pool_;  // numbers, in order of arrival
  Losses pool_losses_;
  Front cut_;  // what left the pool, the best last
  BrokenOrder broken_;
};

}  // namespace autotune
