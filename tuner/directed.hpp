// Turns the sign of values once, so that every algorithm sees losses.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "tuner/assessor.hpp"
#include "tuner/tuner.hpp"

namespace autotune {

enum class Direction { maximize, minimize };

/// "maximize" or "minimize".
std::string_view name_of(Direction direction);

/// True where a trial, as algorithms see it, came to nothing: it failed, or its value was not finite. False for one that
/// was ended by the user or by an assessor: of such nothing is known.
inline bool came_to_nothing(const Trial& ended) {
  return !ended.final_value &&
         (ended.outcome == TrialOutcome::failed || ended.outcome == TrialOutcome::succeeded);
}

/// The trial as algorithms see it: values are losses, those that are not finite are gone, and so are the final values
/// and violations of a trial that failed or was killed (it may have reported some before), or that lacks a finite
/// value of one of several goals. With one goal goal_values is empty. Violations are never negative; NaN is infinite.
/// `directions`: one a goal, at least one; the first one's is that of final_value and of intermediate results.
Trial as_loss(Trial trial, std::span<const Direction> directions);
inline Trial as_loss(Trial trial, Direction direction) {
  return as_loss(std::move(trial), std::span(&direction, 1));
}

/// A tuner for values as they are reported around one for losses.
class DirectedTuner : public Tuner {
 public:
  /// `directions`: one a goal, at least one.
  DirectedTuner(std::unique_ptr<Tuner> inner, std::vector<Direction> directions)
      : inner_(std::move(inner)), directions_(std::move(directions)) {}

  Ask ask(Sequence trial, std::span<const Trial> running) const override;
  Value as_tried(Value parameters) const override {
    return inner_->as_tried(std::move(parameters));
  }
  void tell(const Trial& ended) override;

 private:
  std::unique_ptr<Tuner> inner_;
  std::vector<Direction> directions_;
};

/// Constraints for a tuner that knows none: a trial that breaks one is told as one that failed.
class ConstrainedTuner : public Tuner {
 public:
  explicit ConstrainedTuner(std::unique_ptr<Tuner> inner) : inner_(std::move(inner)) {}

  Ask ask(Sequence trial, std::span<const Trial> running) const override {
    return inner_->ask(trial, running);
  }
  Value as_tried(Value parameters) const override {
    return inner_->as_tried(std::move(parameters));
  }
  void tell(const Trial& ended) override;

 private:
  std::unique_ptr<Tuner> inner_;
};

/// Likewise for assessors.
class DirectedAssessor : public Assessor {
 public:
  DirectedAssessor(std::unique_ptr<Assessor> inner, Direction direction)
      : inner_(std::move(inner)), direction_(direction) {}

  std::optional<std::string> assess(const Trial& running) override;
  void tell(const Trial& ended) override;

 private:
  std::unique_ptr<Assessor> inner_;
  Direction direction_;
};

}  // namespace autotune
