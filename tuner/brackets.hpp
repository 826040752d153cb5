// The brackets of successive halving: which configuration gets which budget, read from the trials.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <variant>
#include <vector>

#include "tuner/tuner.hpp"

namespace autotune {

/// One rung: so many configurations, each tried with this budget.
struct Rung {
  std::int64_t configs = 0;
  std::int64_t budget = 0;

  friend bool operator==(const Rung&, const Rung&) = default;
};

/// How many times the budget can be divided by eta: floor(log_eta(budget_max / budget_min)).
std::int64_t deepest_bracket(std::int64_t budget_max, std::int64_t budget_min, std::int64_t eta);

/// Bracket s of s_max: n = ceil((s_max + 1) eta^s / (s + 1)) configurations at budget_max / eta^s,
/// of which floor(n / eta^i) go on to the i-th rung. Whole numbers throughout, so that 60 / 27 * 27
/// is 60.
std::vector<Rung> plan_bracket(std::int64_t budget_max, std::int64_t eta, std::int64_t s_max,
                               std::int64_t s);

/// Where a trial stands: "bracket.rung.configuration" is its lineage.
struct BracketPlace {
  std::int64_t bracket = 0;
  std::int64_t rung = 0;
  std::int64_t config = 0;

  static std::optional<BracketPlace> parse(std::string_view lineage);
  std::string lineage() const;
};

/// Brackets s_max .. 0, again and again. Its state is a fold over told trials: a slot of a rung is
/// taken where a told or a running trial carries its lineage, so a suggestion that came to nothing
/// is simply made again. A rung ends when all its trials have; the best with a value go on, as many
/// as the next rung has slots, fewer where fewer have one, so failures end a bracket at worst. Equal
/// losses stand in the order in which they were told.
///
/// tell costs O(log n), and n log n of the rung at its end; an ask costs the open brackets.
class Brackets {
 public:
  Brackets(std::int64_t budget_max, std::int64_t budget_min, std::int64_t eta);

  /// The next trial: a promotion or a new configuration of the earliest bracket that has one, else
  /// of a new bracket (`serial`: NotYet until the bracket before is over). `draw` gives a new
  /// configuration, or nothing where the space is used up: then what stands is promoted to the end,
  /// a rung that will not fill up included, and Exhausted follows.
  Ask ask(std::span<const Trial> running, bool serial,
          const std::function<std::optional<Value>()>& draw) const;

  /// Takes in an ended trial; those without a lineage of a bracket are passed over.
  void tell(const Trial& ended);

 private:
  struct Score {
    double loss;
    std::int64_t config;
  };
  struct Bracket {
    std::vector<Rung> plan;
    std::size_t rung = 0;
    bool over = false;
    std::vector<std::int64_t> members;      // of rungs above the lowest: who was promoted
    std::unordered_set<std::int64_t> told;  // of the present rung
    std::int64_t first_untold = 0;          // of the lowest rung: no slot below it is free
    std::vector<Score> scores;              // of the present rung, as they were told
    std::unordered_map<std::int64_t, Value> parameters;

    /// The slots of the present rung.
    std::int64_t slots() const;
    /// Ends the present rung.
    void promote();
  };
  using Running = std::set<std::pair<std::int64_t, std::int64_t>>;  // (rung, configuration)
  struct Free {
    std::int64_t config = -1;  // none
    bool waits = false;        // what runs may lead to more
  };

  Bracket blank(std::int64_t number) const;
  static Free free_slot(const Bracket& bracket, const Running& running, bool fresh);
  /// What a bracket gives where no new configuration comes any more.
  std::optional<Ask> last_of(std::int64_t number, Bracket bracket, const Running& running,
                             bool& waits) const;
  Ask wind_up(const std::map<std::int64_t, Running>& running) const;
  static Ask promotion(std::int64_t number, const Bracket& bracket, std::int64_t config);
  bool known_over(std::int64_t number) const { return number < next_ && !open_.contains(number); }

  std::int64_t budget_max_;
  std::int64_t eta_;
  std::int64_t s_max_;
  std::map<std::int64_t, Bracket> open_;  // those that are over are gone
  std::int64_t next_ = 0;                 // one past the newest bracket that was told of
};

}  // namespace autotune
