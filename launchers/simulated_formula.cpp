// Simulated trials from a formula, and the random numbers of simulations.
#include <algorithm>
#include <cmath>

#include "launchers/expression.hpp"
#include "launchers/simulated.hpp"
#include "messages/value.hpp"

namespace autotune {

using std::chrono::nanoseconds;

std::mt19937_64 simulated_random(std::uint64_t seed, const pb::ReplicaKey& key) {
  auto mixed = seed;
  auto mix = [&](std::uint64_t x) {  // splitmix64
    mixed += x + 0x9e3779b97f4a7c15ULL;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9ULL;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebULL;
    mixed ^= mixed >> 31;
  };
  mix(static_cast<std::uint64_t>(key.sequence()));
  mix(static_cast<std::uint64_t>(key.attempt()));
  mix(static_cast<std::uint64_t>(key.restart()));
  for (unsigned char c : key.replica())
    mix(c);
  return std::mt19937_64(mixed);
}

double uniform_of(std::mt19937_64& random) {
  return static_cast<double>(random() >> 11) * 0x1.0p-53;
}

namespace {

/// Box and Muller's, since the standard's differs between libraries.
double normal(std::mt19937_64& random) {
  auto u = 1.0 - uniform_of(random);
  return std::sqrt(-2.0 * std::log(u)) * std::cos(2.0 * 3.141592653589793 * uniform_of(random));
}

/// The options of a plan with the names that formulas may use.
class Formulas {
 public:
  Formulas(Value options, Value parameters)
      : options_(std::move(options)), parameters_(std::move(parameters)) {}

  void set(std::string_view name, double value) {
    for (auto& [known, old] : variables_)
      if (known == name) {
        old = value;
        return;
      }
    variables_.emplace_back(name, value);
  }
  bool has(std::string_view name) const { return options_.find(name) != nullptr; }
  const Value* option(std::string_view name) const { return options_.find(name); }
  Result<double> value(std::string_view name, double otherwise) const {
    const auto* found = options_.find(name);
    return found == nullptr ? Result<double>(otherwise) : value(name, *found);
  }
  Result<double> value(std::string_view name, const Value& of) const {
    if (auto number = of.to_double())
      return *number;
    const auto* text = of.as_string();
    if (text == nullptr)
      return fail(ErrorCode::invalid_argument,
                  "launcher simulated: '" + std::string(name) + "' is to be a number or a formula");
    return evaluate(*text, [this](std::string_view word) -> std::optional<Term> {
      for (const auto& [known, value] : variables_)
        if (known == word)
          return value;
      return term_of(parameters_, word);
    });
  }

 private:
  Value options_;
  Value parameters_;
  std::vector<std::pair<std::string, double>> variables_;
};

Result<Value> object_of(const std::string& json, const char* what) {
  if (json.empty())
    return Value(Object{});
  auto read = parse_json(json);
  if (!read || read->as_object() == nullptr)
    return fail(ErrorCode::invalid_argument,
                std::string("launcher simulated: ") + what + " is no JSON object");
  return read;
}

/// One report's metrics: the objective under "default" and what `metrics` names.
Result<std::vector<std::pair<std::string, double>>> metrics_at(const Formulas& formulas,
                                                               std::string_view formula,
                                                               double noise) {
  std::vector<std::pair<std::string, double>> metrics;
  auto value = formulas.value(formula, 0);
  if (!value)
    return tl::unexpected(value.error());
  metrics.emplace_back("default", *value + noise);
  const auto* more = formulas.option("metrics");
  if (more == nullptr || more->as_object() == nullptr)
    return metrics;
  for (const auto& [name, what] : *more->as_object()) {
    auto one = formulas.value(name, what);
    if (!one)
      return tl::unexpected(one.error());
    metrics.emplace_back(name, *one);
  }
  return metrics;
}

}  // namespace

Result<SimulatedRun> formula_behaviour(const pb::AttemptPlan& plan, const pb::ReplicaKey& key) {
  auto options = object_of(plan.launcher().options_json(), "what stands beside `kind`");
  auto parameters = object_of(plan.parameters_json(), "the trial's set of parameters");
  if (!options || !parameters)
    return tl::unexpected(options ? parameters.error() : options.error());
  Formulas formulas(std::move(*options), std::move(*parameters));
  auto random = simulated_random(0x5eed, key);
  auto reports = formulas.value("reports", 0);
  auto seconds = formulas.value("durationSeconds", 0);
  auto noise = formulas.value("noise", 0);
  auto fail_rate = formulas.value("failRate", 0);
  for (const auto* number : {&reports, &seconds, &noise, &fail_rate})
    if (!*number)
      return tl::unexpected(number->error());
  SimulatedRun run;
  constexpr double seconds_max = 3.0e8;  // ten years
  run.duration =
      nanoseconds(static_cast<std::int64_t>(std::clamp(*seconds, 0.0, seconds_max) * 1e9));
  bool fails = uniform_of(random) < *fail_rate;
  auto count = static_cast<std::int64_t>(std::clamp(*reports, 0.0, 1e6));
  const auto& first =
      plan.training_config().tasks_size() > 0 ? plan.training_config().tasks(0).role() : "worker";
  bool reports_here = key.replica() == first + "-0";
  formulas.set("steps", static_cast<double>(count));
  for (std::int64_t step = 0; reports_here && step < (fails ? count / 2 : count); ++step) {
    formulas.set("step", static_cast<double>(step));
    formulas.set("progress", static_cast<double>(step + 1) / static_cast<double>(count));
    auto metrics = metrics_at(formulas, formulas.has("intermediate") ? "intermediate" : "objective",
                              *noise * normal(random));
    if (!metrics)
      return tl::unexpected(metrics.error());
    run.reports.push_back({run.duration * (step + 1) / (count + 1), pb::REPORT_KIND_INTERMEDIATE,
                           step, std::move(*metrics)});
  }
  if (fails) {
    run.duration /= 2;
    run.exit_code = 1;
  } else if (reports_here) {
    formulas.set("step", static_cast<double>(count));
    formulas.set("progress", 1);
    auto metrics = metrics_at(formulas, "objective", *noise * normal(random));
    if (!metrics)
      return tl::unexpected(metrics.error());
    run.reports.push_back({run.duration, pb::REPORT_KIND_FINAL, count, std::move(*metrics)});
  }
  return run;
}

}  // namespace autotune
