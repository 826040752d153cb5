#include "curve_problems.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "driver.hpp"
#include "spaces.hpp"
#include "tuner/space.hpp"
#include "tuner/trial_budget.hpp"

namespace autotune::test {

namespace {

using T = ParameterType;

double num(const Value& p, const char* name) { return p.find(name)->to_double().value(); }
double sq(double x) { return x * x; }

/// The same for the same configuration and epochs; about normal, of deviation 1.
double noise(const Value& parameters, double epochs) {
  std::uint64_t h = 1469598103934665603U;
  for (char c : to_json(parameters))
    h = mix_bits(h ^ static_cast<unsigned char>(c));
  return Rng(h ^ static_cast<std::uint64_t>(epochs * 64)).normal();
}

/// Falls from `start` to `end`, by e times in `speed` epochs.
double decay(double start, double end, double speed, double epochs) {
  return end + (start - end) * std::exp(-epochs / speed);
}

/// A bowl, reached fast with a high learning rate and missed with one that is too high.
double bowl(const Value& p, double epochs) {
  double rate = std::log10(num(p, "lr"));
  double end = 0.1 + 0.3 * sq(num(p, "x") - 0.3) + 0.3 * sq(num(p, "y") - 0.7) +
               (rate > -1.5 ? 0.3 * sq(rate + 1.5) : 0.02 * sq(rate + 1.5));
  return decay(1, end, 3 * std::pow(10.0, -0.4 * (rate + 2)), epochs);
}

/// Patient configurations end better, by `gain`, and start slower: short trials favour the wrong ones.
double crossing(const Value& p, double epochs, double gain, double fast, double slow) {
  double patience = num(p, "patience");
  double end = 0.1 + gain * (1 - patience) + 0.5 * sq(num(p, "a") - 0.4) +
               0.3 * sq(num(p, "b") - 0.6) + 0.2 * sq(num(p, "c") - 0.2);
  return decay(1, end, fast + (slow - fast) * patience, epochs);
}

/// Six parameters, a power law, noise.
double power_law(const Value& p, double epochs) {
  double end = 0.05;
  for (int i = 0; i < 6; ++i)
    end += (i < 3 ? 0.25 : 0.05) * sq(num(p, ("x" + std::to_string(i)).c_str()) - 0.15 * (i + 1));
  double exponent = 0.4 + 0.8 * num(p, "x0");
  return end + std::pow(1 + epochs, -exponent) + 0.003 * noise(p, epochs);
}

/// Mixed types and a nested choice; some settings never learn.
double network(const Value& p, double epochs) {
  const auto& solver = *p.find("solver");
  bool adam = *solver.find("_name")->as_string() == "adam";
  double rate = std::log10(num(solver, "lr"));
  double miss = adam ? rate + 3 : rate + 1.3 + std::log10(1.05 - num(solver, "momentum"));
  double end = 0.08 + 0.04 * sq(miss) + 0.01 * sq(std::log2(num(p, "width") / 128)) +
               0.01 * sq(num(p, "layers") - 3) + 0.2 * sq(num(p, "dropout") - 0.25);
  if (*p.find("activation")->as_string() == "tanh")
    end += 0.03;
  if (miss > 1.2)
    return 0.9 + 0.01 * noise(p, epochs);  // diverges
  double speed =
      (adam ? 4 : 8) * std::pow(10.0, -0.3 * std::min(0.0, miss)) * std::sqrt(num(p, "batch") / 64);
  return decay(0.9, std::min(end, 0.85), speed, epochs) + 0.002 * noise(p, epochs);
}

/// Epochs are parts of the data: the less of it, the more a model must be held back.
double subset(const Value& p, double epochs) {
  double part = epochs / epochs_max;
  double ideal = -0.5 - 0.5 * std::log10(part);  // the penalty's power of ten
  double end = 0.05 + 0.02 * sq(std::log10(num(p, "penalty")) - ideal) +
               0.02 * sq(std::log10(num(p, "width"))) + 0.01 * sq(num(p, "degree") - 3) +
               0.1 * sq(num(p, "mix") - 0.35);
  return std::min(0.9, end) + 0.05 / std::sqrt(part) * (0.4 + 0.6 * num(p, "mix")) +
         0.003 * noise(p, epochs);
}

SearchSpace network_space() {
  return {{nested("solver", {Branch{"sgd",
                                    {bounded("lr", T::loguniform, 1e-4, 1),
                                     bounded("momentum", T::uniform, 0, .99)}},
                             Branch{"adam", {bounded("lr", T::loguniform, 1e-5, 1e-1)}}}),
           bounded("width", T::qloguniform, 8, 1024, 8), bounded("layers", T::randint, 1, 8),
           bounded("dropout", T::uniform, 0, 0.8),
           choice("batch", {number("16"), number("64"), number("256")}),
           choice("activation", {std::string("relu"), std::string("tanh")})}};
}

/// Each run anneals its rate to the end of its budget, so that short runs want a higher one.
double schedule(const Value& p, double epochs) {
  double part = epochs / epochs_max;
  double ideal = -2.2 - 0.35 * std::log10(part);  // the rate's power of ten
  double end = 0.1 + 0.06 * sq(std::log10(num(p, "rate")) - ideal) +
               0.04 * sq(std::log10(num(p, "decay")) + 3) + 0.3 * sq(num(p, "warmup") - 0.1) +
               0.1 * sq(num(p, "smoothing") - 0.3);
  return std::min(0.9, end) + 0.12 * std::pow(part, -0.45) - 0.12 + 0.004 * noise(p, epochs);
}

/// Ten parameters, of which three matter; curves of one shape and much noise.
double wide(const Value& p, double epochs) {
  double end = 0.1;
  for (int i = 0; i < 10; ++i)
    end += (i < 3 ? 0.4 : 0.01) * sq(num(p, ("x" + std::to_string(i)).c_str()) - 0.7 + 0.1 * i);
  return end + 0.5 * std::pow(1 + epochs, -0.7) + 0.008 * noise(p, epochs);
}

/// Words alone, of which some go well together.
double recipe(const Value& p, double epochs) {
  auto at = [&](const char* name) { return static_cast<int>(num(p, name)); };
  int a = at("augment"), b = at("block"), c = at("norm"), d = at("optimizer"), e = at("depth");
  double end = 0.15 + 0.05 * ((a * 3 + 1) % 7) / 6 + 0.08 * ((b * 5 + 2) % 6) / 5 +
               0.06 * ((c + d) % 4) / 3 + 0.08 * ((b + 2 * e) % 5) / 4 + 0.03 * (a == d ? 1 : 0);
  double speed = 2 + 1.5 * e + (d == 2 ? 3 : 0);
  return decay(0.8, end, speed, epochs) + 0.001 * noise(p, epochs);
}

/// What is held back too little begins well, and gets worse again.
double overfit(const Value& p, double epochs) {
  double held_back = num(p, "dropout") + 0.5 * num(p, "l2");
  double fit = 0.12 + 0.25 * sq(num(p, "size") - 0.7) + 0.15 * sq(num(p, "dropout") - 0.45) +
               0.1 * sq(num(p, "l2") - 0.3);
  double worse = 0.12 * std::max(0.0, 0.6 - held_back) * num(p, "size") * std::log1p(epochs / 8);
  return decay(0.9, fit, 1.5 + 3 * held_back, epochs) + worse + 0.002 * noise(p, epochs);
}

/// A small model with few settings, on a sample of its data: smooth, with little noise.
double kernel_machine(const Value& p, double epochs) {
  double part = epochs / epochs_max;
  double c = std::log10(num(p, "C")) - 1.5, g = std::log10(num(p, "gamma")) + 1.2;
  double end = 0.06 + 0.35 * (1 - std::exp(-(sq(c + 0.8 * g) / 3 + sq(g) / 2)));
  return end + 0.03 / std::sqrt(part) - 0.03 + 0.002 * noise(p, epochs);
}

/// Slow starters are a little better in the end.
double patient_network(const Value& p, double epochs) {
  double slow = num(p, "width");
  double end = 0.1 + 0.04 * sq(1 - slow) + 0.3 * sq(num(p, "rate") - 0.35) +
               0.1 * sq(num(p, "drop") - 0.5) + (num(p, "skip") > 0 ? 0 : 0.02);
  return decay(0.9, end, 1.5 + 2.5 * slow + 2 * num(p, "drop"), epochs) + 0.002 * noise(p, epochs);
}

Parameter unit(const char* name) { return bounded(name, T::uniform, 0, 1); }

Parameter words(const char* name, int count) {
  std::vector<Value> members;
  for (int i = 0; i < count; ++i)
    members.push_back(Value::integer(i));
  return choice(name, std::move(members));
}

/// Fills in the optimum and the median.
void settle(CurveProblem& problem) {
  // The least of a long random search, then of ever smaller steps from there.
  Space space(problem.space);
  Rng rng(20260102);
  std::vector<double> losses;
  std::pair<double, Point> best{HUGE_VAL, {}};
  auto look = [&](const Point& point) {
    double loss = problem.loss(space.value_of(point), epochs_max);
    if (loss < best.first)
      best = {loss, point};
    return loss;
  };
  for (int i = 0; i < 4001; ++i)
    losses.push_back(look(space.sample_point(rng)));
  for (int i = 0; i < 6000; ++i) {
    auto point = best.second;
    double width = 0.3 * std::pow(0.999, i);
    for (std::size_t d = 0; d < space.size(); ++d) {
      bool was = !std::isnan(point[d]);
      double u = was ? std::clamp(point[d] + width * rng.normal(), 0.0, 1.0) : rng.uniform();
      point[d] = space.active(point, d) ? u : inactive;
    }
    look(point);
  }
  std::nth_element(losses.begin(), losses.begin() + 2000, losses.end());
  problem.optimum = best.first;
  problem.median = losses[2000];
}

std::vector<CurveProblem> build() {
  std::vector<CurveProblem> all;
  all.push_back({"bowl", {{unit("x"), unit("y"), bounded("lr", T::loguniform, 1e-4, 1)}}, bowl});
  SearchSpace patient{{unit("patience"), unit("a"), unit("b"), unit("c")}};
  all.push_back({"crossing", patient, [](const Value& p, double epochs) {
                   return crossing(p, epochs, 0.06, 0.5, 1.1);
                 }});
  SearchSpace six;
  for (int i = 0; i < 6; ++i)
    six.parameters.push_back(unit(("x" + std::to_string(i)).c_str()));
  all.push_back({"power_law", six, power_law});
  all.push_back({"network", network_space(), network});
  all.push_back(
      {"subset",
       {{bounded("penalty", T::loguniform, 1e-4, 1e4), bounded("width", T::loguniform, 1e-2, 1e2),
         bounded("degree", T::randint, 1, 7), unit("mix")}},
       subset});
  all.push_back({"late", patient,
                 [](const Value& p, double epochs) { return crossing(p, epochs, 0.15, 2, 16); }});
  all.back().misleading = true;
  for (auto& problem : all)
    settle(problem);
  return all;
}

std::vector<CurveProblem> build_held_out() {
  SearchSpace ten;
  for (int i = 0; i < 10; ++i)
    ten.parameters.push_back(unit(("x" + std::to_string(i)).c_str()));
  std::vector<CurveProblem> all;
  all.push_back({"schedule",
                 {{bounded("rate", T::loguniform, 1e-5, 1),
                   bounded("decay", T::loguniform, 1e-6, 1e-1), unit("warmup"), unit("smoothing")}},
                 schedule});
  all.push_back({"wide", ten, wide});
  all.push_back({"recipe",
                 {{words("augment", 7), words("block", 6), words("norm", 4), words("optimizer", 4),
                   words("depth", 5)}},
                 recipe});
  all.push_back({"overfit", {{unit("size"), unit("dropout"), unit("l2")}}, overfit});
  all.push_back(
      {"kernel_machine",
       {{bounded("C", T::loguniform, 1e-3, 1e4), bounded("gamma", T::loguniform, 1e-5, 1e2)}},
       kernel_machine});
  all.push_back({"patient_network",
                 {{unit("width"), unit("rate"), unit("drop"), words("skip", 2)}},
                 patient_network});
  for (auto& problem : all)
    settle(problem);
  return all;
}

}  // namespace

const std::vector<CurveProblem>& held_out_curve_problems() {
  static const auto all = build_held_out();
  return all;
}

const std::vector<CurveProblem>& curve_problems() {
  static const auto all = build();
  return all;
}

std::vector<double> kept_by_ranks(const CurveProblem& problem,
                                  const std::vector<std::int64_t>& budgets) {
  constexpr std::size_t count = 30000;
  Space space(problem.space);
  Rng rng(7);
  std::vector<Value> drawn;
  for (std::size_t i = 0; i < count; ++i)
    drawn.push_back(space.sample(rng));
  auto ordered = [&](const std::vector<std::size_t>& among, std::int64_t budget) {
    std::vector<std::pair<double, std::size_t>> losses;
    for (auto i : among)
      losses.emplace_back(problem.loss(drawn[i], static_cast<double>(budget)), i);
    std::sort(losses.begin(), losses.end());
    std::vector<std::size_t> order;
    for (const auto& [loss, i] : losses)
      order.push_back(i);
    return order;
  };
  std::vector<std::size_t> all(count);
  std::iota(all.begin(), all.end(), 0);
  auto best = ordered(all, epochs_max);
  best.resize(count / 300);
  std::set<std::size_t> good(best.begin(), best.end());
  auto share = [&](const std::vector<std::size_t>& among) {
    auto kept = std::count_if(among.begin(), among.end(), [&](auto i) { return good.contains(i); });
    return static_cast<double>(kept) / static_cast<double>(good.size());
  };
  std::vector<double> shares;
  auto left = all;
  for (auto budget : budgets) {
    auto third = ordered(all, budget);
    third.resize(count / 3);
    shares.push_back(share(third));
    left = ordered(left, budget);
    left.resize(left.size() / 3);
  }
  shares.push_back(share(left));
  return shares;
}

double CurveRun::regret_at(std::int64_t epochs) const {
  double least = 1;
  for (const auto& [spent, regret] : steps)
    if (spent <= epochs)
      least = std::min(least, regret);
  return least;
}

CurveRun run_on(const CurveProblem& problem, const std::string& algorithm, const std::string& args,
                int seed, std::int64_t epochs) {
  constexpr std::size_t workers = 8;
  auto tuner = make(algorithm, problem.space, 1000 + seed, args, GOAL_MINIMIZE);
  Rng rng(mix_bits(static_cast<std::uint64_t>(seed) + 70000));
  std::vector<Trial> pending;
  std::vector<double> until;
  std::int64_t spent = 0;
  double now = 0;
  CurveRun run;
  for (Sequence next = 0;;) {
    while (pending.size() < workers && spent < epochs) {
      auto answer = tuner->ask(next, pending);
      const auto* suggestion = std::get_if<Suggestion>(&answer);
      if (suggestion == nullptr)
        break;
      auto budget = budget_of(suggestion->parameters).value_or(epochs_max);
      spent += budget;
      pending.push_back(running(next++, *suggestion));
      until.push_back(now + static_cast<double>(budget) * (0.8 + 0.4 * rng.uniform()));
    }
    if (pending.empty())
      return run;
    auto i = std::min_element(until.begin(), until.end()) - until.begin();
    now = until[static_cast<std::size_t>(i)];
    auto trial = std::move(pending[static_cast<std::size_t>(i)]);
    pending.erase(pending.begin() + i);
    until.erase(until.begin() + i);
    auto budget = budget_of(trial.parameters).value_or(epochs_max);
    trial.outcome = TrialOutcome::succeeded;
    trial.final_value = problem.loss(trial.parameters, static_cast<double>(budget));
    tuner->tell(trial);
    if (budget == epochs_max)
      run.steps.emplace_back(spent, problem.regret(*trial.final_value));
  }
}

std::vector<double> mean_regrets(const CurveProblem& problem, const std::string& algorithm,
                                 const std::string& args, int seeds,
                                 const std::vector<std::int64_t>& marks) {
  std::vector<double> means(marks.size(), 0);
  for (int seed = 0; seed < seeds; ++seed) {
    auto run = run_on(problem, algorithm, args, seed, marks.back());
    for (std::size_t m = 0; m < marks.size(); ++m)
      means[m] += run.regret_at(marks[m]) / seeds;
  }
  return means;
}

}  // namespace autotune::test
