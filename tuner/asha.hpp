// Asynchronous successive halving: whoever is among the best of a rung goes on at once.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "tuner/budget_model.hpp"
#include "tuner/budget_process.hpp"
#include "tuner/seen_points.hpp"
#include "tuner/trial_budget.hpp"
#include "tuner/tuner.hpp"

namespace autotune {

struct AshaOptions {
  /// Where two of three new configurations come from.
  enum class Sampler {
    random,   ///< the prior
    density,  ///< BudgetModel
    process,  ///< BudgetProcess, which also says who goes on
  };

  std::int64_t budget_min = 1;   ///< of a new configuration; >= 1
  std::int64_t budget_max = 81;  ///< of the topmost rung; >= budget_min
  std::int64_t eta = 3;          ///< one in eta goes on, with eta times the budget; >= 2
  Sampler sampler = Sampler::random;
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
  /// True where fewer than floor(size / eta) have gone on, `running` of them being under way.
  bool has_room(const std::unordered_set<std::int64_t>& running) const;
  /// Of those that neither went on nor are in `running`: the best ones and the newest, `most` of each.
  std::vector<std::int64_t> waiting(const std::unordered_set<std::int64_t>& running,
                                    std::size_t most) const;

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
  std::vector<std::int64_t> arrived_;
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
/// count. A finite space ends when
/// all its points have been started and nothing more can go on; the best of a rung that is too
/// small for a promotion then goes on nevertheless, so that something reaches budget_max.
///
/// New configurations come from the prior, as in the paper, or by `sampler` two of three from a model: a density (see
/// BudgetModel), or a Gaussian process over configurations and budgets (see BudgetProcess). The process also chooses who
/// goes on: as many as the rule lets through, but those of which it expects most at budget_max, which need not be the
/// best so far where short trials mislead (after Wistuba, Kadra, Grabocka 2022, Supervising the Multi-Fidelity Race of
/// Hyperparameter Configurations, there one step of training at a time).
///
/// Its state is a fold over told trials, by their lineage ("rung.configuration", the configuration
/// being the sequence number of its first trial). An ask or a tell costs O(log n), and with a model what that costs.
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
  /// Who shall go on from a rung, if anyone shall.
  std::optional<std::int64_t> next_of(std::size_t rung,
                                      const std::unordered_set<std::int64_t>& running,
                                      bool anyone) const;
  std::optional<Point> fresh(Sequence trial, std::span<const Trial> running) const;
  Value parameters_of(std::int64_t config) const;

  std::int64_t seed_;
  SeenPoints seen_;
  AshaOptions::Sampler sampler_;
  BudgetModel model_;
  BudgetProcess process_;
  std::vector<std::int64_t> budgets_;  // by rung, ascending
  std::vector<AshaRung> rungs_;
  std::unordered_map<std::int64_t, std::string> parameters_;  // as JSON text, which is smaller
};

}  // namespace autotune
