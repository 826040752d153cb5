#include "cli/warm_start.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>

#include "cli/goals.hpp"
#include "cli/warm_table.hpp"
#include "config/search_space_reader.hpp"
#include "tuner/additions.hpp"
#include "tuner/factory.hpp"
#include "tuner/space.hpp"
#include "tuner/trial_budget.hpp"

namespace autotune::cli {

namespace {

constexpr std::uintmax_t file_bytes_max = 1u << 30;
constexpr std::size_t trials_max =
    100'000;  // what a tuner is sure to take in within a second or so

bool is_file(const std::string& source) {
  std::error_code code;
  return source.ends_with(".csv") || std::filesystem::is_regular_file(source, code);
}

Result<WarmRows> rows_of_file(const std::string& path, const SearchSpace& space,
                              const pb::ExperimentSpec& spec) {
  std::error_code code;
  if (auto size = std::filesystem::file_size(path, code); !code && size > file_bytes_max)
    return fail(ErrorCode::invalid_argument, path + " is larger than 1 GiB");
  std::ifstream in(path, std::ios::binary);
  if (!in)
    return fail(ErrorCode::not_found, "--warm-start " + path + ": " + std::strerror(errno));
  std::string text{std::istreambuf_iterator<char>(in), {}};
  auto table = read_csv(text, path);
  if (!table)
    return tl::unexpected(table.error());
  return warm_rows_of(*table, path, space, spec);
}

std::string word_of(pb::Goal goal) { return goal == pb::GOAL_MINIMIZE ? "minimizes" : "maximizes"; }

void compare_goals(const pb::ExperimentSummary& other, const pb::ExperimentSpec& spec,
                   std::vector<std::string>& notices) {
  for (const auto& ours : spec.objective().goals())
    for (const auto& theirs : other.spec().objective().goals())
      if (ours.metric() == theirs.metric() && ours.goal() != theirs.goal())
        notices.push_back(other.id() + " " + word_of(theirs.goal()) + " '" + ours.metric() +
                          "', this experiment " + word_of(ours.goal()) +
                          " it; its values are taken as they are");
}

Result<WarmRows> rows_of_experiment(StoreReader& store, const pb::ExperimentSummary& other,
                                    const pb::ExperimentSpec& spec) {
  auto trials = store.trials(other.id());
  if (!trials)
    return tl::unexpected(trials.error());
  WarmRows found;
  for (const auto& trial : *trials) {
    auto parameters = parse_json(trial.parameters_json());
    if (trial.state() != pb::TRIAL_STATE_SUCCEEDED || !parameters ||
        !has_results(trial.final_metrics(), spec)) {
      ++found.left_out;
      continue;
    }
    found.rows.push_back({other.id() + "/" + std::to_string(trial.sequence()),
                          std::move(*parameters), trial.final_metrics()});
  }
  return found;
}

/// Results of another budget say little of whole trials: to an advisor each comes with its budget, to others only those
/// of the greatest one.
void settle_budgets(WarmRows& found, const SearchSpace& space, const pb::ExperimentSpec& spec,
                    std::vector<std::string>& notices) {
  const auto* row = find_algorithm(deciding_algorithm(spec), {AlgorithmKind::advisor});
  std::int64_t greatest = 0;
  for (const auto& one : found.rows)
    greatest = std::max(greatest, budget_of(one.parameters).value_or(0));
  std::size_t before = found.rows.size();
  bool named_so = std::any_of(space.parameters.begin(), space.parameters.end(),
                              [](const Parameter& p) { return p.name == trial_budget_name; });
  if (row == nullptr && greatest > 0 && !named_so)
    std::erase_if(found.rows, [&](const WarmRow& one) {
      return budget_of(one.parameters).value_or(greatest) < greatest;
    });
  for (auto& one : found.rows) {
    auto budget = budget_of(one.parameters);
    one.parameters = without_additions(std::move(one.parameters), space);
    if (row != nullptr && budget)
      one.parameters = with_budget(std::move(one.parameters), *budget);
  }
  if (found.rows.size() < before)
    notices.push_back(std::to_string(before - found.rows.size()) +
                      " trials with less than the greatest TRIAL_BUDGET (" +
                      std::to_string(greatest) + ") are left out: they were not whole");
}

Result<void> check(const WarmRows& found, const SearchSpace& description) {
  Space space(description);
  std::vector<std::string> mistakes;
  for (const auto& one : found.rows)
    if (auto fits = space.contains(without_additions(one.parameters, description)); !fits)
      mistakes.push_back(one.where + ": " + fits.error().message);
  if (mistakes.empty())
    return {};
  return fail(ErrorCode::invalid_argument,
              std::to_string(mistakes.size()) + " of " + std::to_string(found.rows.size()) +
                  " trials do not fit the search space; nothing was started. Change the space, or "
                  "remove them from a CSV (`autotune export EXP -o csv`):\n" +
                  first_few(mistakes));
}

/// "accuracy', 'size', 'latency_ms".
std::string wanted_by(const pb::ExperimentSpec& spec) {
  std::string names;
  for (const auto& metric : Objective(spec.objective()).metrics())
    names += (names.empty() ? "" : "', '") + metric;
  return names;
}

/// The rows of the source; `known_as`: its name for people.
Result<WarmRows> rows_of(const std::string& source, const OpenStore& open, const SearchSpace& space,
                         const pb::ExperimentSpec& spec, WarmStart& warm) {
  warm.trials.set_source(source);
  if (is_file(source))
    return rows_of_file(source, space, spec);
  auto store = open();
  if (!store)
    return tl::unexpected(store.error());
  auto other = (*store)->experiment(source);
  if (!other)
    return fail(other.error().code,
                "--warm-start: " + other.error().message + "; or name a file that ends in .csv");
  warm.trials.set_source(other->id());
  compare_goals(*other, spec, warm.notices);
  return rows_of_experiment(**store, *other, spec);
}

}  // namespace

Result<WarmStart> read_warm_start(const std::string& source, const OpenStore& open,
                                  const pb::ExperimentSpec& spec) {
  if (deciding_algorithm(spec) == "Batch")
    return fail(ErrorCode::invalid_argument,
                "--warm-start means nothing to Batch, which tries the sets of its list in order; "
                "remove it, or use another tuner");
  auto space = read_search_space(spec.search_space_json());
  if (!space)
    return tl::unexpected(space.error());
  WarmStart warm;
  auto found = rows_of(source, open, *space, spec, warm);
  if (!found)
    return tl::unexpected(found.error());
  if (found->rows.empty())
    return fail(ErrorCode::invalid_argument, "--warm-start " + source +
                                                 ": holds no finished trial with a result of '" +
                                                 wanted_by(spec) + "'");
  if (found->rows.size() > trials_max)
    return fail(ErrorCode::invalid_argument, "--warm-start " + source + ": holds " +
                                                 std::to_string(found->rows.size()) +
                                                 " trials; at most 100,000 are taken");
  settle_budgets(*found, *space, spec, warm.notices);
  if (auto fits = check(*found, *space); !fits)
    return tl::unexpected(fits.error());
  if (found->left_out > 0)
    warm.notices.push_back(std::to_string(found->left_out) +
                           " trials that did not succeed, or have no result, are left out");
  for (auto& one : found->rows) {
    auto& trial = *warm.trials.add_trials();
    trial.set_parameters_json(to_json(one.parameters));
    *trial.mutable_final_metrics() = std::move(one.metrics);
  }
  return warm;
}

Result<void> add_warm_start(std::vector<pb::Submit>& submissions, const std::string& source,
                            const OpenStore& open) {
  if (source.empty())
    return {};
  for (auto& submit : submissions) {
    auto warm = read_warm_start(source, open, submit.spec());
    if (!warm)
      return tl::unexpected(warm.error());
    for (const auto& notice : warm->notices)
      std::cerr << "notice: --warm-start " << source << ": " << notice << "\n";
    *submit.mutable_warm_start() = std::move(warm->trials);
  }
  return {};
}

}  // namespace autotune::cli
