// Grid search over discrete and continuous parameters, finer from epoch to epoch.
#pragma once

#include <cstdint>
#include <unordered_set>

#include "tuner/grid.hpp"
#include "tuner/places.hpp"
#include "tuner/tuner.hpp"

namespace autotune {

/// Walks a Grid exactly once, with any number of workers and after any restart. Points that the
/// user tried before their turn are passed over. Exhausted at the end of a finite grid. The grid is
/// NNI 3.0's (nni-compat.md 3.3).
class GridSearchTuner : public Tuner {
 public:
  explicit GridSearchTuner(Space space) : grid_(std::move(space)) {}

  Ask ask(Sequence trial, std::span<const Trial> running) const override;
  void tell(const Trial& ended) override;

 private:
  Grid grid_;
  Places places_;
  std::unordered_set<std::uint64_t> foreign_;  // keys of points that the user tried
};

}  // namespace autotune
