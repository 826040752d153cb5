#include "multi_problems.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <stdexcept>

#include "driver.hpp"
#include "spaces.hpp"
#include "tuner/pareto.hpp"
#include "tuner/trial_order.hpp"

namespace autotune::test {

namespace {

using std::numbers::pi;
using T = ParameterType;

double real(const Value& parameters, const std::string& name) {
  return parameters.find(name)->to_double().value();
}

std::vector<double> reals(const Value& parameters) {
  std::vector<double> xs;
  for (const auto& [name, value] : *parameters.as_object())
    xs.push_back(value.to_double().value());
  return xs;
}

double over(double value, double most) { return std::max(0.0, value - most); }

/// Of a front given by its points for t in [0, 1].
double volume_of(const std::function<std::vector<double>(double)>& point,
                 std::span<const double> reference) {
  Losses points(reference.size());
  constexpr int steps = 20000;
  for (int i = 0; i <= steps; ++i)
    points.add(point(static_cast<double>(i) / steps));
  return hypervolume(points, reference);
}

/// g of the ZDT problems: 1 on the front, 10 at worst.
double zdt_distance(const std::vector<double>& x) {
  double sum = 0;
  for (std::size_t i = 1; i < x.size(); ++i)
    sum += x[i];
  return 1 + 9 * sum / static_cast<double>(x.size() - 1);
}

MultiProblem zdt1() {
  MultiProblem p{.name = "zdt1", .source = "Zitzler, Deb, Thiele 2000", .space = cube(8)};
  p.evaluate = [](const Value& v) {
    auto x = reals(v);
    double g = zdt_distance(x);
    return Outcome{{x[0], g * (1 - std::sqrt(x[0] / g))}, {}};
  };
  p.reference = {1.1, 3};
  p.best = volume_of([](double t) { return std::vector{t, 1 - std::sqrt(t)}; }, p.reference);
  return p;
}

MultiProblem zdt3() {
  MultiProblem p{.name = "zdt3", .source = "Zitzler, Deb, Thiele 2000", .space = cube(8)};
  auto second = [](double x, double g) {
    return g * (1 - std::sqrt(x / g) - x / g * std::sin(10 * pi * x));
  };
  p.evaluate = [second](const Value& v) {
    auto x = reals(v);
    return Outcome{{x[0], second(x[0], zdt_distance(x))}, {}};
  };
  p.reference = {1.1, 3};
  p.best = volume_of([&](double t) { return std::vector{t, second(t, 1)}; }, p.reference);
  return p;
}

/// A slanted valley: ZDT2's concave front, with distances that depend on each other and on the first parameter.
MultiProblem slanted() {
  MultiProblem p{.name = "slanted", .source = "our own", .space = cube(6)};
  p.evaluate = [](const Value& v) {
    auto x = reals(v);
    double g = 1;
    for (std::size_t i = 1; i < x.size(); ++i)
      g += 4 * std::pow(x[i] - 0.25 - 0.5 * x[i - 1], 2);
    return Outcome{{x[0], g * (1 - std::pow(x[0] / g, 2))}, {}};
  };
  p.reference = {1.1, 2};
  p.best = volume_of([](double t) { return std::vector{t, 1 - t * t}; }, p.reference);
  return p;
}

std::vector<double> dtlz2_goals(const std::vector<double>& x, std::size_t goals) {
  double g = 0;
  for (std::size_t i = goals - 1; i < x.size(); ++i)
    g += std::pow(x[i] - 0.5, 2);
  std::vector<double> f(goals, 1 + g);
  for (std::size_t m = 0; m < goals; ++m) {
    for (std::size_t i = 0; i + m + 1 < goals; ++i)
      f[m] *= std::cos(x[i] * pi / 2);
    if (m > 0)
      f[m] *= std::sin(x[goals - 1 - m] * pi / 2);
  }
  return f;
}

MultiProblem dtlz2() {
  MultiProblem p{.name = "dtlz2",
                 .source = "Deb, Thiele, Laumanns, Zitzler 2005",
                 .space = cube(8),
                 .goals = 3};
  p.evaluate = [](const Value& v) { return Outcome{dtlz2_goals(reals(v), 3), {}}; };
  p.reference = {1.5, 1.5, 1.5};
  p.best = std::pow(1.5, 3) - pi / 6;  // but for an eighth of the unit ball
  return p;
}

/// The front is what lies near the axes and near the diagonal of DTLZ2's.
MultiProblem c2dtlz2() {
  MultiProblem p{.name = "c2dtlz2",
                 .source = "Jain, Deb 2014",
                 .space = cube(6),
                 .goals = 2,
                 .constraints = 1};
  auto violation = [](const std::vector<double>& f) {
    constexpr double r = 0.1;
    double middle = 0;
    double ends = std::numeric_limits<double>::infinity();
    for (std::size_t i = 0; i < f.size(); ++i) {
      double end = std::pow(f[i] - 1, 2) - r * r;
      for (std::size_t k = 0; k < f.size(); ++k)
        end += k == i ? 0 : f[k] * f[k];
      ends = std::min(ends, end);
      middle += std::pow(f[i] - 1 / std::sqrt(static_cast<double>(f.size())), 2);
    }
    return std::max(0.0, std::min(ends, middle - r * r));
  };
  p.evaluate = [violation](const Value& v) {
    auto f = dtlz2_goals(reals(v), 2);
    return Outcome{f, {violation(f)}};
  };
  p.reference = {1.5, 1.5};
  p.best = volume_of(
      [&](double t) {
        std::vector<double> f{std::cos(t * pi / 2), std::sin(t * pi / 2)};
        return violation(f) > 0 ? std::vector{2.0, 2.0} : f;
      },
      p.reference);
  return p;
}

MultiProblem bnh() {
  MultiProblem p{.name = "bnh",
                 .source = "Binh, Korn 1997",
                 .space = {{bounded("x", T::uniform, 0, 5), bounded("y", T::uniform, 0, 3)}},
                 .goals = 2,
                 .constraints = 2};
  auto goals = [](double x, double y) {
    return std::vector{4 * x * x + 4 * y * y, std::pow(x - 5, 2) + std::pow(y - 5, 2)};
  };
  p.evaluate = [goals](const Value& v) {
    double x = real(v, "x");
    double y = real(v, "y");
    return Outcome{goals(x, y),
                   {over(std::pow(x - 5, 2) + y * y, 25),
                    over(-std::pow(x - 8, 2) - std::pow(y + 3, 2), -7.7)}};
  };
  p.reference = {140, 50};
  p.best = volume_of([&](double t) { return goals(5 * t, std::min(3.0, 5 * t)); }, p.reference);
  return p;
}

/// A network of our own: the loss against what a prediction costs. Each kind has parameters of its own.
MultiProblem net() {
  MultiProblem p{.name = "net", .source = "our own"};
  p.space = {
      {bounded("lr", T::loguniform, 1e-5, 1), bounded("width", T::qloguniform, 8, 512, 8),
       choice("activation", {std::string("relu"), std::string("tanh"), std::string("gelu")}),
       nested("kind", {Branch{"dense", {bounded("depth", T::randint, 1, 9)}},
                       Branch{"conv",
                              {bounded("blocks", T::randint, 1, 5),
                               choice("kernel", {number("3"), number("5"), number("7")})}}})}};
  // The least loss for a cost falls with its logarithm; all else adds to it.
  auto least = [](double cost) { return 0.1 + 0.9 / (1 + std::log10(cost)); };
  p.evaluate = [least](const Value& v) {
    double width = real(v, "width");
    const auto& kind = *v.find("kind");
    bool conv = *kind.find("_name")->as_string() == "conv";
    double depth = conv ? real(kind, "blocks") : real(kind, "depth");
    double kernel = conv ? real(kind, "kernel") : 0;
    double cost = 1 + width * depth * (conv ? 1 + kernel / 4 : 1) / 16;
    double off = std::log10(real(v, "lr")) + 2 + 0.1 * depth;
    const auto& activation = *v.find("activation")->as_string();
    double loss = least(cost) + 0.05 * off * off +
                  (activation == "relu"   ? 0.05
                   : activation == "tanh" ? 0.1
                                          : 0) +
                  (conv ? 0.03 * std::abs(kernel - 5) : 0.1);
    return Outcome{{loss, std::log10(cost)}, {}};
  };
  // With the best learning rate, gelu and a kernel of 5: all pairs of width and blocks.
  p.reference = {1.5, 3};
  Losses front(2);
  for (int width = 8; width <= 512; width += 8)
    for (int depth = 1; depth < 9; ++depth) {
      double cost = 1 + width * depth / 16.0;
      front.add(std::vector{least(cost) + 0.1, std::log10(cost)});
      cost = 1 + width * depth * 2.25 / 16;
      if (depth < 5)
        front.add(std::vector{least(cost), std::log10(cost)});
    }
  p.best = hypervolume(front, p.reference);
  return p;
}

MultiProblem gramacy() {
  MultiProblem p{.name = "gramacy",
                 .source = "Gramacy et al. 2016",
                 .space = cube(2),
                 .goals = 1,
                 .constraints = 2};
  p.evaluate = [](const Value& v) {
    auto x = reals(v);
    return Outcome{
        {x[0] + x[1]},
        {over(1.5 - x[0] - 2 * x[1] - 0.5 * std::sin(2 * pi * (x[0] * x[0] - 2 * x[1])), 0),
         over(x[0] * x[0] + x[1] * x[1], 1.5)}};
  };
  p.best = 0.5998;  // origin: the paper, section 4
  p.scale = 0.4;
  return p;
}

MultiProblem pressure_vessel() {
  MultiProblem p{
      .name = "vessel",
      .source = "Kannan, Kramer 1994; Coello 2000",
      .space = {{bounded("shell", T::quniform, 0.0625, 6.1875, 0.0625),
                 bounded("head", T::quniform, 0.0625, 6.1875, 0.0625),
                 bounded("radius", T::uniform, 10, 200), bounded("length", T::uniform, 10, 200)}},
      .goals = 1,
      .constraints = 3};
  p.evaluate = [](const Value& v) {
    double s = real(v, "shell");
    double h = real(v, "head");
    double r = real(v, "radius");
    double l = real(v, "length");
    double cost = 0.6224 * s * r * l + 1.7781 * h * r * r + 3.1661 * s * s * l + 19.84 * s * s * r;
    double volume = pi * r * r * l + 4.0 / 3 * pi * r * r * r;
    return Outcome{{cost}, {over(0.0193 * r, s), over(0.00954 * r, h), over(1296000, volume)}};
  };
  p.best = 6059.714;  // origin: Coello 2000 and many since
  p.scale = 6059.714;
  return p;
}

/// Eight parameters of which a good trial needs the least sum, within a thin shell.
MultiProblem shell() {
  MultiProblem p{
      .name = "shell", .source = "our own", .space = cube(8), .goals = 1, .constraints = 1};
  p.evaluate = [](const Value& v) {
    double sum = 0;
    double square = 0;
    for (double x : reals(v)) {
      sum += x;
      square += std::pow(x - 0.5, 2);
    }
    return Outcome{{sum}, {over(square, 0.16)}};
  };
  p.best = 4 - 0.4 * std::sqrt(8.0);  // from the middle straight down
  p.scale = 1;
  return p;
}

MultiProblem fonseca() {
  MultiProblem p{.name = "fonseca", .source = "Fonseca, Fleming 1995", .held_out = true};
  for (int i = 0; i < 6; ++i)
    p.space.parameters.push_back(bounded("x" + std::to_string(i), T::uniform, -4, 4));
  auto goals = [](const std::vector<double>& x) {
    double shift = 1 / std::sqrt(static_cast<double>(x.size()));
    double minus = 0;
    double plus = 0;
    for (double xi : x) {
      minus += std::pow(xi - shift, 2);
      plus += std::pow(xi + shift, 2);
    }
    return std::vector{1 - std::exp(-minus), 1 - std::exp(-plus)};
  };
  p.evaluate = [goals](const Value& v) { return Outcome{goals(reals(v)), {}}; };
  p.reference = {1, 1};
  p.best = volume_of(
      [&](double t) { return goals(std::vector<double>(6, (2 * t - 1) / std::sqrt(6.0))); },
      p.reference);
  return p;
}

/// Half of the space is allowed, and a part of the front lies on its border.
MultiProblem constr() {
  MultiProblem p{.name = "constr",
                 .source = "Deb, Pratap, Agarwal, Meyarivan 2002",
                 .held_out = true,
                 .space = {{bounded("x", T::uniform, 0.1, 1), bounded("y", T::uniform, 0, 5)}},
                 .goals = 2,
                 .constraints = 2};
  p.evaluate = [](const Value& v) {
    double x = real(v, "x");
    double y = real(v, "y");
    return Outcome{{x, (1 + y) / x}, {over(6, y + 9 * x), over(1, 9 * x - y)}};
  };
  p.reference = {1.1, 10};
  p.best = volume_of(
      [](double t) {  // from x = 7 / 18, where both constraints bind
        double x = 7.0 / 18 + t * 11.0 / 18;
        return std::vector{x, (1 + std::max(0.0, 6 - 9 * x)) / x};
      },
      p.reference);
  return p;
}

/// Two of 10,000 draws meet the constraints.
MultiProblem g06() {
  MultiProblem p{.name = "g06",
                 .source = "Floudas, Pardalos 1990; Runarsson, Yao 2000",
                 .held_out = true,
                 .space = {{bounded("x", T::uniform, 13, 100), bounded("y", T::uniform, 0, 100)}},
                 .goals = 1,
                 .constraints = 2};
  p.evaluate = [](const Value& v) {
    double x = real(v, "x");
    double y = real(v, "y");
    return Outcome{{std::pow(x - 10, 3) + std::pow(y - 20, 3)},
                   {over(100, std::pow(x - 5, 2) + std::pow(y - 5, 2)),
                    over(std::pow(x - 6, 2) + std::pow(y - 5, 2), 82.81)}};
  };
  p.best = -6961.81388;  // origin: Runarsson, Yao 2000
  p.scale = 6961.81388;
  return p;
}

}  // namespace

double MultiProblem::score(std::span<const Trial> trials) const {
  if (goals > 1) {
    Losses points(goals);
    for (const auto& trial : trials)
      if (!trial.goal_values.empty() && !breaks_constraint(trial))
        points.add(trial.goal_values);
    return hypervolume(points, reference) / best;
  }
  double least = std::numeric_limits<double>::infinity();
  for (const auto& trial : trials)
    if (trial.final_value && !breaks_constraint(trial))
      least = std::min(least, *trial.final_value);
  return 1 / (1 + std::max(0.0, least - best) / scale);
}

const std::vector<MultiProblem>& multi_problems() {
  static const std::vector<MultiProblem> all{
      zdt1(),  zdt3(),    slanted(), dtlz2(), c2dtlz2(), bnh(), net(), gramacy(), pressure_vessel(),
      shell(), fonseca(), constr(),  g06()};
  return all;
}

const MultiProblem& multi_problem(const std::string& name) {
  for (const auto& problem : multi_problems())
    if (problem.name == name)
      return problem;
  throw std::logic_error("no problem " + name);
}

std::unique_ptr<Tuner> make_for(const std::string& name, const MultiProblem& problem,
                                std::int64_t seed, const std::string& args) {
  auto spec = spec_of(name, args);
  for (std::size_t g = 0; g < problem.goals; ++g) {
    auto* goal = spec.mutable_objective()->add_goals();
    goal->set_metric("f" + std::to_string(g));
    goal->set_goal(GOAL_MINIMIZE);
  }
  for (std::size_t c = 0; c < problem.constraints; ++c)
    spec.mutable_objective()->add_constraints("c" + std::to_string(c) + " <= 0");
  auto tuner = make_tuner(spec, problem.space, seed);
  if (!tuner)
    throw std::runtime_error(tuner.error().message);
  return std::move(*tuner);
}

std::vector<Trial> run_on(Tuner& tuner, const MultiProblem& problem, int seed, std::size_t budget,
                          std::size_t workers) {
  return drive(tuner, budget, workers, seed, [&](Trial& trial) {
    auto outcome = problem.evaluate(trial.parameters);
    trial.final_value = outcome.goals.front();
    if (problem.goals > 1)
      trial.goal_values = outcome.goals;
    trial.violations = outcome.violations;
  });
}

double mean_score(const std::string& name, const MultiProblem& problem, int seeds,
                  std::size_t budget, std::size_t workers) {
  double sum = 0;
  for (int seed = 0; seed < seeds; ++seed)
    sum += problem.score(
        run_on(*make_for(name, problem, 1000 + seed, "{}"), problem, seed, budget, workers));
  return sum / seeds;
}

}  // namespace autotune::test
