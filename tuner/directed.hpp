// Turns the sign of values once, so that every algorithm sees losses.
#pragma once

#include <memory>
#include <string_view>
#include <utility>

#include "tuner/assessor.hpp"
#include "tuner/tuner.hpp"

namespace autotune {

enum class Direction { maximize, minimize };

/// "maximize" or "minimize".
std::string_view name_of(Direction direction);

/// The trial as algorithms see it: values are losses, those that are not finite are gone, and so is
/// the final value of a trial that failed or was killed (it may have reported one before).
Trial as_loss(Trial trial, Direction direction);

/// A tuner for values as they are reported around one for losses.
class DirectedTuner : public Tuner {
 public:
  DirectedTuner(std::unique_ptr<Tuner> inner, Direction direction)
      : inner_(std::move(inner)), direction_(direction) {}

  Ask ask(Sequence trial, std::span<const Trial> running) const override;
  Value as_tried(Value parameters) const override {
    return inner_->as_tried(std::move(parameters));
  }
  void tell(const Trial& ended) override;

 private:
  std::unique_ptr<Tuner> inner_;
  Direction direction_;
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
