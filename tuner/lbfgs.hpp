// A small quasi-Newton minimiser within bounds. Includes Eigen: for sources of tuner/ only.
#pragma once

#include <Eigen/Core>

#include <algorithm>
#include <cstddef>
#include <vector>

namespace autotune {

/// L-BFGS (Nocedal, Wright 2006, algorithm 7.4) with projection onto a box and backtracking; what
/// stands at a bound and would leave it is held for the step. `f(x, gradient)` gives the value.
/// Leaves the best x seen in `x`, after at most `evaluations` calls, and gives its value.
template <class F>
double minimise(F f, Eigen::VectorXd& x, const Eigen::VectorXd& low, const Eigen::VectorXd& high,
                int evaluations) {
  constexpr std::size_t memory = 6;
  std::vector<Eigen::VectorXd> steps, turns;
  Eigen::VectorXd gradient(x.size());
  double value = f(x, gradient);
  double stride = 0.1 / std::max(gradient.lpNorm<Eigen::Infinity>(), 1e-12);
  for (int calls = 1; calls < evaluations;) {
    auto held = [&](Eigen::Index i) {
      return (x[i] <= low[i] && gradient[i] > 0) || (x[i] >= high[i] && gradient[i] < 0);
    };
    Eigen::VectorXd direction = gradient;
    for (Eigen::Index i = 0; i < x.size(); ++i)
      if (held(i))
        direction[i] = 0;
    std::vector<double> a(steps.size());
    for (std::size_t k = steps.size(); k-- > 0;) {
      a[k] = steps[k].dot(direction) / steps[k].dot(turns[k]);
      direction -= a[k] * turns[k];
    }
    direction *=
        steps.empty() ? stride : steps.back().dot(turns.back()) / turns.back().squaredNorm();
    for (std::size_t k = 0; k < steps.size(); ++k)
      direction += (a[k] - turns[k].dot(direction) / steps[k].dot(turns[k])) * steps[k];
    for (Eigen::Index i = 0; i < x.size(); ++i)
      if (held(i))
        direction[i] = 0;

    bool moved = false;
    Eigen::VectorXd next_gradient(x.size());
    for (double scale = 1; calls < evaluations && scale > 1e-3; scale *= 0.3) {
      Eigen::VectorXd next = (x - scale * direction).cwiseMax(low).cwiseMin(high);
      Eigen::VectorXd step = next - x;
      if (step.lpNorm<Eigen::Infinity>() < 1e-7)
        return value;
      double next_value = f(next, next_gradient);
      ++calls;
      if (!(next_value <= value + 1e-4 * std::min(0.0, gradient.dot(step))))
        continue;
      Eigen::VectorXd turn = next_gradient - gradient;
      if (step.dot(turn) > 1e-12) {
        steps.push_back(step);
        turns.push_back(turn);
        if (steps.size() > memory) {
          steps.erase(steps.begin());
          turns.erase(turns.begin());
        }
      }
      moved = value - next_value > 1e-9;
      x = std::move(next);
      gradient = next_gradient;
      value = next_value;
      break;
    }
    if (!moved)
      break;
  }
  return value;
}

}  // namespace autotune
