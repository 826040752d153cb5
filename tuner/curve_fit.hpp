// Extrapolates a learning curve: parametric families fitted by least squares, averaged.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace autotune {

/// One family's fit to a curve.
struct CurveFit {
  std::string_view family;
  double predicted = 0;  ///< at the target, in the curve's own unit
  double error = 0;      ///< sum of squares, in the unit of the scaled curve (its range is 0.9)
  int parameters = 0;
};

/// The names of the twelve families of Domhan, Springenberg, Hutter 2015, table 1, as NNI has them
/// (two of theirs differ).
std::vector<std::string_view> curve_families();

/// Fits every family to values y_1 .. y_n, which should rise, by Levenberg-Marquardt (Marquardt
/// 1963) from two starts each, and gives those fits that are finite at `target`. The curve is scaled
/// to [0.1, 1] first, so that neither its unit nor its sign matters. At most 100 evenly spread
/// values are used; 1 to 5 ms.
std::vector<CurveFit> fit_curves(std::span<const double> values, double target);

/// What the curve will be at `target`: the families that don't stray from the others' median,
/// weighted by Akaike's criterion with the correction for small samples. Nothing where fewer than
/// four are left.
std::optional<double> extrapolate(std::span<const double> values, double target);

}  // namespace autotune
