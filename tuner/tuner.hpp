// The contract of search algorithms.
#pragma once

#include <span>
#include <string>
#include <variant>

#include "messages/trial.hpp"

namespace autotune {

/// The next point to try.
struct Suggestion {
  Value parameters;     ///< an object: one member per active parameter
  std::string lineage;  ///< what the algorithm wants back with the result; may be empty

  friend bool operator==(const Suggestion&, const Suggestion&) = default;
};

/// Nothing can be suggested before more is told.
struct NotYet {
  friend bool operator==(const NotYet&, const NotYet&) = default;
};

/// The search space holds nothing more to try.
struct Exhausted {
  friend bool operator==(const Exhausted&, const Exhausted&) = default;
};

using Ask = std::variant<Suggestion, NotYet, Exhausted>;

/// A search algorithm. Pure: no I/O, no threads, no clock.
///
/// An answer is a function of (seed, sequence, what was told in order, running) alone, so a tuner
/// is rebuilt by telling it the same trials in the same order. Values are losses here: smaller is
/// better (the wrapper that `make_tuner` returns turns the sign once).
class Tuner {
 public:
  virtual ~Tuner() = default;

  /// Suggests parameters for the trial numbered `trial`, knowing which trials run without a result.
  virtual Ask ask(Sequence trial, std::span<const Trial> running) const = 0;

  /// Parameters that the user chose, with what this algorithm adds to its own suggestions: an advisor's
  /// greatest TRIAL_BUDGET, since such a trial is compared with no others of a rung.
  virtual Value as_tried(Value parameters) const { return parameters; }

  /// Takes in an ended trial. A trial without a final value is never treated as a good one. It may be
  /// one that was never asked for (`own` is false): the user's, or of a warm start.
  virtual void tell(const Trial& ended) = 0;
};

}  // namespace autotune
