// Asynchronous successive halving: whoever is among the best of a rung goes on at once.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "tuner/budget_model.hpp"
#include "tuner/seen_points.hpp"
#include "tuner/trial_budget.hpp"
#include "tuner/tuner.hpp"

namespace autotune {

struct AshaOptions {
  std::int64_t budget_min = 1;   ///< of a new configuration; >= 1
  std::int64_t budget_max = 81;  ///< of the topmost rung; >= budget_min
  std::int64_t eta = 3;          ///< one in eta goes on, with eta times the budget; >= 2
  bool model = false;  ///< two of three new configurations by BudgetModel instead of by chance
};

/// One rung: who ended there with a value, who of them is among the best 1/eta, who went on.
class AshaRung {
 public:
  explicit AshaRung(std::int64_t eta) : eta_(eta) {}

  void add(double loss, std::int64_t config);
  void note_promoted(std::int64_t config);
  std::size_t size() const { return top_.size() + rest_.size(); }
  /// The best of the top 1/eta that neither went on nor is in `running`; of all where `anyone`.
  std::optional<std::int64_t> promotable(const std::unordered_set<std::int64_t>& running,
                                         bool anyone) const;
  bool any_promoted() const { return !promoted_.empty(); }

 private:
  struct Entry {
    double loss;
    std::int64_t arrival;
    std::int64_t config;
    bool operator<(const Entry& other) const {
      return loss != other.loss ? loss < other.loss : arrival < other.arrival;
    }
  };

  std::int64_t eta_;
  std::set<Entry> top_;    // the best floor(size / eta)
  std::set<Entry> rest_;   // the others
  std::set<Entry> ready_;  // of the top, those that did not go on
  std::unordered_set<std::int64_t> promoted_;
};

/// ASHA (Li, Jamieson, Rostamizadeh, Gonina, Ben-tzur, Hardt, Recht, Talwalkar 2020, A System for
/// Massively Parallel Hyperparameter Tuning, algorithm 2). Asked for a trial it looks from the top
/// rung down for a configuration that is among the best 1/eta of those that ended there and has not
/// gone on yet, and gives it eta times the budget; where there is none it starts a new
/// configuration in the lowest rung. So no worker ever waits for a rung.
///
/// Differences from the paper: rungs are counted from budget_max down, as in Hyperband, so that the
/// topmost is budget_max itself; a trial starts from scratch; a trial without a value does not
/// count. Two of three new
/// configurations come from BOHB's model (see BudgetModel; Klein et al. 2020, Model-Based
/// Asynchronous Hyperparameter Optimization, do the like with a Gaussian process), all of them from
/// the prior where `model` is false, as in the paper. A finite space ends when
/// all its points have been started and nothing more can go on; the best of a rung that is too
/// small for a promotion then goes on nevertheless, so that something reaches budget_max.
///
/// Its state is a fold over told trials, by their lineage ("rung.configuration", the configuration
/// being the sequence number of its first trial). An ask or a tell costs O(log n), and with `model` what
/// BudgetModel costs.
class AshaTuner : public Tuner {
 public:
  AshaTuner(Space space, std::int64_t seed, AshaOptions options);

  Ask ask(Sequence trial, std::span<const Trial> running) const override;
  Value as_tried(Value parameters) const override {
    return with_budget(std::move(parameters), budgets_.back());
  }
  void tell(const Trial& ended) override;

 private:
  /// By rung: who runs there.
  using Running = std::vector<std::unordered_set<std::int64_t>>;

  std::optional<Ask> promotion(const Running& running, bool anyone) const;
  std::optional<Point> fresh(Sequence trial, std::span<const Trial> running) const;

  std::int64_t seed_;
  SeenPoints seen_;
  bool with_model_;
  BudgetModel model_;
  std::vector<std::int64_t> budgets_;  // by rung, ascending
  std::vector<AshaRung> rungs_;
  std::unordered_map<std::int64_t, Value> parameters_;
};

}  // namespace autotune
