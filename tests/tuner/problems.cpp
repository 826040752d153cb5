#include "problems.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "spaces.hpp"
#include "tuner/space.hpp"

namespace autotune::test {

namespace {

using T = ParameterType;
using std::numbers::pi;
using Loss = std::function<double(const Value&)>;

double num(const Value& p, std::string_view name) { return p.find(name)->to_double().value(); }

const std::string& word(const Value& p, std::string_view name) {
  return *p.find(name)->as_string();
}

double sq(double x) { return x * x; }

std::vector<double> vec(const Value& p) {
  std::vector<double> x;
  for (const auto& [name, value] : *p.as_object())
    x.push_back(value.to_double().value());
  return x;
}

SearchSpace box(int n, double low, double high, T type = T::uniform) {
  SearchSpace space;
  for (int i = 0; i < n; ++i)
    space.parameters.push_back(bounded("x" + std::to_string(i), type, low, high));
  return space;
}

Parameter words(std::string name, std::initializer_list<const char*> list) {
  std::vector<Value> choices;
  for (const auto* w : list)
    choices.emplace_back(std::string(w));
  return choice(std::move(name), std::move(choices));
}

double median_of(const SearchSpace& description, const Loss& loss) {
  Space space(description);
  Rng rng(20260101);
  std::vector<double> losses;
  for (int i = 0; i < 4001; ++i)
    losses.push_back(loss(space.sample(rng)));
  std::nth_element(losses.begin(), losses.begin() + 2000, losses.end());
  return losses[2000];
}

double branin(const Value& p) {
  double x = num(p, "x");
  double y = num(p, "y");
  return sq(y - 5.1 / (4 * pi * pi) * x * x + 5 / pi * x - 6) +
         10 * (1 - 1 / (8 * pi)) * std::cos(x) + 10;
}

double hartmann6(const Value& p) {
  static constexpr double a[4][6] = {{10, 3, 17, 3.5, 1.7, 8},
                                     {.05, 10, 17, .1, 8, 14},
                                     {3, 3.5, 1.7, 10, 17, 8},
                                     {17, 8, .05, 10, .1, 14}};
  static constexpr double c[4][6] = {{1312, 1696, 5569, 124, 8283, 5886},
                                     {2329, 4135, 8307, 3736, 1004, 9991},
                                     {2348, 1451, 3522, 2883, 3047, 6650},
                                     {4047, 8828, 8732, 5743, 1091, 381}};
  static constexpr double w[4] = {1, 1.2, 3, 3.2};
  auto x = vec(p);
  double sum = 0;
  for (int i = 0; i < 4; ++i) {
    double e = 0;
    for (std::size_t j = 0; j < 6; ++j)
      e += a[i][j] * sq(x[j] - 1e-4 * c[i][j]);
    sum += w[i] * std::exp(-e);
  }
  return -sum;
}

double ackley10(const Value& p) {
  static constexpr double at[10] = {7.1, -11.3, 3.9, -5.2, 9.7, -1.4, -8.8, 12.1, 5.5, -3.3};
  auto x = vec(p);
  double squares = 0;
  double cosines = 0;
  for (std::size_t i = 0; i < 10; ++i) {
    squares += sq(x[i] - at[i]) / 10;
    cosines += std::cos(2 * pi * (x[i] - at[i])) / 10;
  }
  return -20 * std::exp(-.2 * std::sqrt(squares)) - std::exp(cosines) + 20 + std::numbers::e;
}

double rosenbrock(const Value& p) {
  auto x = vec(p);
  double sum = 0;
  for (std::size_t i = 0; i + 1 < x.size(); ++i)
    sum += 100 * sq(x[i + 1] - sq(x[i])) + sq(1 - x[i]);
  return std::log1p(sum);
}

double levy5(const Value& p) {
  auto x = vec(p);
  for (auto& v : x)
    v = 1 + (v - 1) / 4;
  double sum = sq(std::sin(pi * x[0])) + sq(x[4] - 1) * (1 + sq(std::sin(2 * pi * x[4])));
  for (std::size_t i = 0; i < 4; ++i)
    sum += sq(x[i] - 1) * (1 + 10 * sq(std::sin(pi * x[i] + 1)));
  return sum;
}

double mixed_toy(const Value& p) {
  static constexpr double off[4] = {.30, .0, .18, .6};
  static constexpr double opt[4] = {-3.0, -2.2, -1.4, -4.0};
  auto c = static_cast<std::size_t>(word(p, "c")[0] - 'a');
  double n = num(p, "n");
  double q = num(p, "q");
  return off[c] + .08 * sq(std::log10(num(p, "lr")) - opt[c]) + sq((n - 13) / 14) +
         .8 * sq(q - .35) + .25 * std::abs(q - .35) * (n / 20);
}

double svm_like(const Value& p) {
  double c = std::log10(num(p, "C"));
  double g = std::log10(num(p, "gamma"));
  double degree = num(p, "degree");
  const auto& k = word(p, "kernel");
  double e = .18 + .4 * (1 - std::exp(-(sq(g + 3) / 2 + sq(c - 1) / 6)));
  if (k == "linear")
    e = .16 + .05 * std::tanh(std::abs(c + .5));
  else if (k == "rbf")
    e = .04 + .42 * (1 - std::exp(-(sq(c + g * .6 + .2) / 4 + sq(g + 2.1) / 3)));
  else if (k == "poly")
    e = .07 + .05 * std::abs(degree - 3) +
        .35 * (1 - std::exp(-(sq(c + degree * g * .25 + 1) / 3)));
  return e + (*p.find("shrinking")->as_bool() ? 0 : .002);
}

double cond_toy(const Value& p) {
  const auto& a = *p.find("algo");
  double v = 0;
  if (word(a, "_name") == "A")
    v = .25 + .02 * (sq(num(a, "x") - 2) + sq(num(a, "y") + 1));
  else if (word(a, "_name") == "B")
    v = .05 + .15 * sq(std::log10(num(a, "lr")) + 2.5) +
        .3 * std::abs(std::log2(num(a, "n")) - 3.6) / 4;
  else
    v = .2 + .03 * sq(num(a, "z") - 6.5);
  return v + .3 * sq(num(p, "w") - .7);
}

SearchSpace cond_toy_space() {
  return {{nested("algo",
                  {Branch{"A", {bounded("x", T::uniform, -5, 5), bounded("y", T::uniform, -5, 5)}},
                   Branch{"B",
                          {bounded("lr", T::loguniform, 1e-4, 1), bounded("n", T::randint, 1, 33)}},
                   Branch{"C", {bounded("z", T::quniform, 0, 10, .5)}}}),
           bounded("w", T::uniform, 0, 1)}};
}

SearchSpace svm_space() {
  return {{words("kernel", {"linear", "rbf", "poly", "sigmoid"}),
           bounded("C", T::loguniform, 1e-3, 1e3), bounded("gamma", T::loguniform, 1e-5, 10),
           bounded("degree", T::randint, 2, 6), choice("shrinking", {true, false})}};
}

SearchSpace mixed_toy_space() {
  return {{words("c", {"a", "b", "c", "d"}), bounded("n", T::randint, 0, 20),
           bounded("q", T::quniform, 0, 1, .05), bounded("lr", T::loguniform, 1e-5, 1)}};
}

// ---- held out ----

/// A network's validation error: learning rate, decay and batch size pull on each other, width
/// saturates.
double net_like(const Value& p) {
  double lr = std::log10(num(p, "lr"));
  double wd = std::log10(num(p, "decay"));
  double batch = std::log2(num(p, "batch"));
  double width = num(p, "width");
  double drop = num(p, "dropout");
  const auto& act = word(p, "activation");
  const auto& opt = word(p, "optimizer");
  double best_lr = (opt == "sgd" ? -1.3 : opt == "adam" ? -2.9 : -2.3) + .15 * (batch - 6);
  double error = .05 + (opt == "sgd" ? .006 : opt == "adam" ? 0 : .02);
  error += .12 * (1 - std::exp(-sq(lr - best_lr) / 1.2)) +
           .5 / (1 + std::exp(-4 * (lr - best_lr - 1.5)));
  error += .03 * (1 - std::exp(-sq(wd + 4 + .3 * (lr - best_lr)) / 2));
  error += .08 * std::exp(-width / 96) + .25 * sq(drop - .1 - .25 * width / 512);
  return error + (act == "relu" ? .004 : act == "gelu" ? 0 : act == "tanh" ? .03 : .06);
}

SearchSpace net_space() {
  return {
      {bounded("lr", T::loguniform, 1e-6, 1), bounded("decay", T::loguniform, 1e-8, 1e-1),
       choice("batch", {number("16"), number("32"), number("64"), number("128"), number("256")}),
       bounded("width", T::qloguniform, 8, 512, 8), bounded("dropout", T::uniform, 0, .8),
       words("activation", {"relu", "gelu", "tanh", "sigmoid"}),
       words("optimizer", {"sgd", "adam", "rmsprop"})}};
}

/// Boosted trees: rate and number of trees trade off; half of the rest hardly matters.
double boost_like(const Value& p) {
  double eta = std::log(num(p, "eta"));
  double trees = std::log(num(p, "trees"));
  double depth = num(p, "depth");
  double fit = eta + trees - 3.2;
  double error = .1 + .02 * sq(fit) * (fit > 0 ? .5 : 1) + .004 * sq(depth - 6) +
                 .01 * std::max(0.0, eta + 1.5);
  error += .05 * sq(num(p, "subsample") - .8) + .02 * sq(num(p, "colsample") - .6);
  error += .001 * sq(std::log10(num(p, "lambda")) - .3) + .0008 * std::abs(num(p, "min_child") - 4);
  return error + .003 * std::abs(std::sin(3 * num(p, "gamma")));
}

SearchSpace boost_space() {
  return {{bounded("eta", T::loguniform, 1e-3, 1), bounded("trees", T::qloguniform, 10, 2000, 10),
           bounded("depth", T::randint, 1, 16), bounded("subsample", T::quniform, .1, 1, .05),
           bounded("colsample", T::uniform, .1, 1), bounded("lambda", T::loguniform, 1e-3, 100),
           bounded("min_child", T::randint, 1, 30), bounded("gamma", T::uniform, 0, 5)}};
}

/// Eight unordered choices with pairwise interactions.
double categories(const Value& p) {
  double sum = 0;
  int before = 2;
  int i = 0;
  for (const auto& [name, value] : *p.as_object()) {
    int c = (*value.as_string())[0] - 'a';
    int want = (3 * i + 1) % 5;
    sum += c == want ? 0 : .3 + .1 * ((c * 7 + i * 3) % 5);
    sum += (c + before) % 5 == (want + (i == 0 ? 2 : (3 * (i - 1) + 1) % 5)) % 5 ? 0 : .2;
    before = c;
    ++i;
  }
  return sum;
}

SearchSpace categories_space() {
  SearchSpace space;
  for (int i = 0; i < 8; ++i)
    space.parameters.push_back(words("c" + std::to_string(i), {"a", "b", "c", "d", "e"}));
  return space;
}

/// Twenty parameters, four of which matter.
double sparse20(const Value& p) {
  auto x = vec(p);
  return sq(x[3] - .2) + sq(x[7] - .85) + 2 * sq(x[11] - .4) + std::abs(x[16] - x[3] - .3) +
         .001 * sq(x[0] - .5) + .001 * sq(x[19] - .1);
}

double ellipse(const Value& p) {
  auto x = vec(p);
  double sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i)
    sum += std::pow(10, static_cast<double>(i) / 2) *
           sq(std::log10(x[i]) + 2 - .3 * static_cast<double>(i));
  return std::log1p(sum);
}

double rastrigin(const Value& p) {
  static constexpr double at[4] = {1.3, -2.2, .4, 3.1};
  auto x = vec(p);
  double sum = 0;
  for (std::size_t i = 0; i < 4; ++i)
    sum += sq(x[i] - at[i]) + 6 * (1 - std::cos(2 * pi * (x[i] - at[i])));
  return sum;
}

/// A rotated bowl with steps, as an accuracy on a small test set has.
double steps(const Value& p) {
  auto x = vec(p);
  double a = x[0] + x[1] - 1.1;
  double b = x[0] - x[1] + .2;
  double c = x[2] + .5 * x[3] - .7;
  double d = x[3] - .5 * x[2] - .1;
  return std::floor(200 * (sq(a) + 3 * sq(b) + 2 * sq(c) + .5 * sq(d) + .3 * sq(x[4] - .15))) / 200;
}

double styblinski(const Value& p) {
  double sum = 0;
  for (double v : vec(p))
    sum += (sq(sq(v)) - 16 * sq(v) + 5 * v) / 2;
  return sum;
}

/// A pipeline: two nested choices, the second deep.
double pipeline(const Value& p) {
  const auto& model = *p.find("model");
  const auto& scale = *p.find("scale");
  double error = word(scale, "_name") == "none"    ? .05
                 : word(scale, "_name") == "power" ? .3 * sq(num(scale, "lambda") - .3)
                                                   : .02;
  if (word(model, "_name") == "linear")
    return error + .15 + .02 * sq(std::log10(num(model, "penalty")) + 1);
  if (word(model, "_name") == "forest")
    return error + .1 + .06 * std::exp(-num(model, "trees") / 40) +
           .2 * sq(num(model, "features") - .35);
  const auto& solver = *model.find("solver");
  error +=
      .06 + .004 * sq(num(model, "layers") - 3) + .03 * sq(std::log2(num(model, "units") / 64)) / 4;
  if (word(solver, "_name") == "sgd")
    return error + .02 * sq(std::log10(num(solver, "lr")) + 1.5) +
           .1 * sq(num(solver, "momentum") - .9);
  return error + .01 + .03 * sq(std::log10(num(solver, "lr")) + 3);
}

SearchSpace pipeline_space() {
  auto solver = nested(
      "solver",
      {Branch{"sgd",
              {bounded("lr", T::loguniform, 1e-4, 1), bounded("momentum", T::uniform, 0, .99)}},
       Branch{"adam", {bounded("lr", T::loguniform, 1e-5, 1e-1)}}});
  return {{nested("scale", {Branch{"none", {}}, Branch{"standard", {}},
                            Branch{"power", {bounded("lambda", T::uniform, -2, 2)}}}),
           nested("model", {Branch{"linear", {bounded("penalty", T::loguniform, 1e-4, 1e2)}},
                            Branch{"forest",
                                   {bounded("trees", T::qloguniform, 5, 500, 5),
                                    bounded("features", T::uniform, .05, 1)}},
                            Branch{"net",
                                   {bounded("layers", T::randint, 1, 8),
                                    bounded("units", T::qloguniform, 8, 512, 8), solver}}})}};
}

/// Normal priors that miss the optimum by more than a sigma.
double off_prior(const Value& p) {
  return sq(num(p, "a") - 1.8) + .5 * sq(std::log(num(p, "b")) + 1.2) + .2 * sq(num(p, "c") - 9) +
         sq(num(p, "a") - 1.8) * sq(num(p, "d"));
}

SearchSpace off_prior_space() {
  return {{gaussian("a", T::normal, 0, 1), gaussian("b", T::lognormal, 0, 1),
           gaussian("c", T::qnormal, 5, 3, 1), bounded("d", T::uniform, -1, 1)}};
}

std::vector<Problem> build() {
  std::vector<Problem> all;
  // Optima and medians of the first eight are those of the public bench.
  all.push_back({"branin",
                 false,
                 {{bounded("x", T::uniform, -5, 10), bounded("y", T::uniform, 0, 15)}},
                 branin,
                 0.39788735772973816,
                 0});
  all.push_back({"hartmann6", false, box(6, 0, 1), hartmann6, -3.32236801141551, 0});
  all.push_back({"ackley10", false, box(10, -32.768, 32.768), ackley10, 0, 0});
  all.push_back({"rosenbrock8", false, box(8, -2.048, 2.048), rosenbrock, 0, 0});
  all.push_back({"levy5", false, box(5, -10, 10), levy5, 0, 0});
  all.push_back({"mixed_toy", false, mixed_toy_space(), mixed_toy, 0, 0});
  all.push_back({"svm_like", false, svm_space(), svm_like, .04, 0});
  all.push_back({"cond_toy", false, cond_toy_space(), cond_toy, 0.051127812445977215, 0});
  all.push_back({"net_like", true, net_space(), net_like, .0513, 0});
  all.push_back({"boost_like", true, boost_space(), boost_like, .1, 0});
  all.push_back({"categories", true, categories_space(), categories, 0, 0});
  all.push_back({"sparse20", true, box(20, 0, 1), sparse20, 0, 0});
  all.push_back({"ellipse5", true, box(5, 1e-5, 1e3, T::loguniform), ellipse, 0, 0});
  all.push_back({"rastrigin4", true, box(4, -5, 5), rastrigin, 0, 0});
  all.push_back({"steps5", true, box(5, 0, 1), steps, 0, 0});
  all.push_back({"styblinski6", true, box(6, -5, 5), styblinski, -39.16616570377142 * 6, 0});
  all.push_back({"pipeline", true, pipeline_space(), pipeline, .06, 0});
  all.push_back({"off_prior", true, off_prior_space(), off_prior, 0, 0});
  for (auto& problem : all)
    problem.median = median_of(problem.space, problem.loss);
  return all;
}

}  // namespace

const std::vector<Problem>& problems() {
  static const auto all = build();
  return all;
}

}  // namespace autotune::test
