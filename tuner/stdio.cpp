#include "tuner/stdio.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <vector>

#include "messages/experiment.pb.h"
#include "tuner/factory.hpp"

namespace autotune {

namespace {

constexpr std::int64_t protocol_version = 1;

const std::string* text_of(const Value& request, std::string_view name) {
  const auto* value = request.find(name);
  return value == nullptr ? nullptr : value->as_string();
}

Value ok() { return Object{{"ok", true}}; }

Error wrong(std::string message) { return {ErrorCode::invalid_argument, std::move(message)}; }

Result<double> number_of(const Value& value) {
  auto number = value.to_double();
  if (!number)
    return tl::unexpected(
        wrong("value is " + to_json(value) + ", not a number; a trial without one has failed"));
  return *number;
}

Result<std::optional<double>> value_of(const Value& request) {
  const auto* value = request.find("value");
  if (value == nullptr)
    return std::optional<double>();
  auto number = number_of(*value);
  if (!number)
    return tl::unexpected(number.error());
  return std::optional(*number);
}

std::string counted(std::size_t count, const std::string& what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

/// One number a goal, from `values` or, with one goal, `value`; empty where neither is given.
Result<std::vector<double>> values_of(const Value& request, std::size_t goals) {
  const auto* list = request.find("values");
  if (list == nullptr) {
    auto value = value_of(request);
    if (!value)
      return tl::unexpected(value.error());
    if (*value && goals > 1)
      return tl::unexpected(
          wrong("the run has " + counted(goals, "goal") + "; tell them as values, in their order"));
    return *value ? std::vector{**value} : std::vector<double>();
  }
  const auto* items = list->as_array();
  if (items == nullptr || items->size() != goals)
    return tl::unexpected(wrong("values is " + to_json(*list) + ", must be a list of " +
                                counted(goals, "number") + ", one for each goal of init"));
  std::vector<double> values;
  for (const auto& item : *items) {
    auto number = number_of(item);
    if (!number)
      return tl::unexpected(number.error());
    values.push_back(*number);
  }
  return values;
}

Result<std::vector<double>> violations_of(const Value& request, std::size_t constraints) {
  const auto* list = request.find("violations");
  if (list == nullptr && constraints == 0)
    return std::vector<double>();
  const auto* items = list == nullptr ? nullptr : list->as_array();
  if (items == nullptr || items->size() != constraints)
    return tl::unexpected(
        wrong("violations is " + (list == nullptr ? "missing" : to_json(*list)) +
              ", must be a list of " + counted(constraints, "number") +
              ", one for each constraint of init: 0 where it is met, else by how much it is not"));
  std::vector<double> violations;
  for (const auto& item : *items) {
    const auto* text = item.as_string();
    bool endless = text != nullptr && *text == "Infinity";
    auto number = endless ? std::numeric_limits<double>::infinity() : item.to_double();
    if (!number || *number < 0)
      return tl::unexpected(
          wrong("a violation is " + to_json(item) + ", must be a number from 0, or \"Infinity\""));
    violations.push_back(*number);
  }
  return violations;
}

/// One goal for each word of optimizeMode, which is a word or a list of some.
Result<void> read_goals(const Value& mode, pb::ExperimentSpec& spec) {
  auto words = mode.as_array() != nullptr ? *mode.as_array() : Array{mode};
  for (const auto& item : words) {
    const auto* word = item.as_string();
    if (word == nullptr || (*word != "minimize" && *word != "maximize"))
      return tl::unexpected(
          wrong("optimizeMode is " + to_json(mode) +
                ", must be minimize or maximize, or a list of these: one a goal"));
    auto* goal = spec.mutable_objective()->add_goals();
    goal->set_goal(*word == "minimize" ? pb::GOAL_MINIMIZE : pb::GOAL_MAXIMIZE);
  }
  if (words.empty())
    return tl::unexpected(wrong("optimizeMode is empty, must name one goal at least"));
  return {};
}

Result<void> read_constraints(const Value& given, pb::ExperimentSpec& spec) {
  const auto* items = given.as_array();
  if (items == nullptr || !std::all_of(items->begin(), items->end(), [](const Value& item) {
        return item.as_string() != nullptr;
      }))
    return tl::unexpected(
        wrong("constraints is " + to_json(given) + ", must be a list of texts, one a constraint"));
  for (const auto& item : *items)
    spec.mutable_objective()->add_constraints(*item.as_string());
  return {};
}

Result<pb::ExperimentSpec> spec_of(const Value& request) {
  pb::ExperimentSpec spec;
  if (const auto* version = request.find("version");
      version != nullptr && version->to_integer() != protocol_version)
    return tl::unexpected(
        wrong("version is " + to_json(*version) + ", this program speaks version 1"));
  if (const auto* tuner = text_of(request, "tuner")) {
    spec.mutable_tuner()->set_name(*tuner);
    const auto* args = request.find("classArgs");
    const auto* args_text =
        args == nullptr ? nullptr : args->as_string();  // the file format's own spelling
    if (args != nullptr)
      spec.mutable_tuner()->set_class_args_json(args_text != nullptr ? *args_text : to_json(*args));
  }
  if (const auto* mode = request.find("optimizeMode"); mode != nullptr && !mode->is_null())
    if (auto read = read_goals(*mode, spec); !read)
      return tl::unexpected(read.error());
  if (const auto* given = request.find("constraints"); given != nullptr && !given->is_null())
    if (auto read = read_constraints(*given, spec); !read)
      return tl::unexpected(read.error());
  return spec;
}

}  // namespace

std::string StdioSession::answer(std::string_view line) {
  auto request = parse_json(line);
  if (!request)
    return to_json(Object{{"error", "not JSON: " + request.error().message}});
  auto answer = handle(*request);
  if (stopped_)
    return "";
  return to_json(answer ? *answer : Value(Object{{"error", answer.error().message}}));
}

Result<Value> StdioSession::handle(const Value& request) {
  const auto* op = text_of(request, "op");
  if (op == nullptr)
    return tl::unexpected(
        wrong("a request is an object with an op: init, ask, tell, report or stop"));
  if (*op == "stop") {
    stopped_ = true;
    return ok();
  }
  if (*op == "init")
    return init(request);
  if (*op != "ask" && *op != "tell" && *op != "report")
    return tl::unexpected(
        wrong("unknown op " + quote_json(*op) + "; known are: init, ask, tell, report, stop"));
  if (!tuner_)
    return tl::unexpected(wrong("no run has been started; send init first"));
  const auto* id = request.find("id");
  auto sequence = id == nullptr ? std::nullopt : id->to_integer();
  bool warm = *op == "tell" && request.find("params") != nullptr;  // numbered as its teller likes
  if (!sequence || (!warm && sequence.value_or(-1) < 0))
    return tl::unexpected(wrong("id must be a whole number from 0"));
  if (*op == "ask")
    return ask(*sequence);
  return *op == "tell" ? tell(*sequence, request) : report(*sequence, request);
}

Result<Value> StdioSession::init(const Value& request) {
  tuner_.reset();
  running_.clear();
  auto spec = spec_of(request);
  if (!spec)
    return tl::unexpected(spec.error());
  const auto* space_value = request.find("searchSpace");
  if (space_value == nullptr)
    return tl::unexpected(wrong("searchSpace is missing"));
  auto space = read_space_(to_json(*space_value));
  if (!space)
    return tl::unexpected(space.error());
  std::int64_t seed = 0;
  if (const auto* given = request.find("seed"); given != nullptr && !given->is_null()) {
    auto whole = given->to_integer();
    if (!whole)
      return tl::unexpected(wrong("seed is " + to_json(*given) + ", not a whole number"));
    seed = *whole;
  }
  auto tuner = make_tuner(*spec, *space, seed, "", *table_);
  if (!tuner)
    return tl::unexpected(tuner.error());
  tuner_ = std::move(*tuner);
  goals_ = static_cast<std::size_t>(std::max(1, spec->objective().goals_size()));
  constraints_ = static_cast<std::size_t>(spec->objective().constraints_size());
  return ok();
}

Result<Value> StdioSession::ask(Sequence id) {
  if (running_.contains(id))
    return tl::unexpected(
        wrong("id " + std::to_string(id) + " was asked for before and is not told yet"));
  std::vector<Trial> running;
  for (const auto& [sequence, trial] : running_)
    running.push_back(trial);
  auto answer = tuner_->ask(id, running);
  if (std::holds_alternative<NotYet>(answer))
    return Value(Object{{"wait", true}});
  if (std::holds_alternative<Exhausted>(answer))
    return Value(Object{{"done", true}});
  auto& suggestion = std::get<Suggestion>(answer);
  Trial trial;
  trial.sequence = id;
  trial.parameters = suggestion.parameters;
  trial.lineage = suggestion.lineage;
  running_[id] = std::move(trial);
  return Value(Object{{"id", Value::integer(id)}, {"params", std::move(suggestion.parameters)}});
}

Result<Value> StdioSession::tell(Sequence id, const Value& request) {
  const auto* status = text_of(request, "status");
  if (status == nullptr || (*status != "ok" && *status != "fail"))
    return tl::unexpected(wrong("status must be ok or fail"));
  bool succeeded = *status == "ok";
  auto values = values_of(request, goals_);
  if (!values)
    return tl::unexpected(values.error());
  Result<std::vector<double>> violations;
  if (succeeded && !values->empty())
    violations = violations_of(request, constraints_);
  if (!violations)
    return tl::unexpected(violations.error());
  Trial trial;
  if (auto found = running_.find(id); found != running_.end()) {
    trial = std::move(found->second);
    running_.erase(found);
  } else if (const auto* params = request.find("params")) {
    trial.sequence = id;
    trial.parameters = *params;
    trial.own = false;
  } else {
    return tl::unexpected(
        wrong("id " + std::to_string(id) + " is not running, and no params are given"));
  }
  trial.outcome = succeeded ? TrialOutcome::succeeded : TrialOutcome::failed;
  if (succeeded && !values->empty()) {
    trial.final_value = values->front();
    if (goals_ > 1)
      trial.goal_values = *std::move(values);
    trial.violations = *std::move(violations);
  }
  tuner_->tell(trial);
  return ok();
}

Result<Value> StdioSession::report(Sequence id, const Value& request) {
  auto found = running_.find(id);
  if (found == running_.end())
    return tl::unexpected(wrong("id " + std::to_string(id) + " is not running"));
  auto value = value_of(request);
  if (!value)
    return tl::unexpected(value.error());
  if (!*value)
    return tl::unexpected(wrong("value is missing"));
  auto& measured = found->second.intermediates;
  const auto* given = request.find("step");
  auto step = given == nullptr
                  ? std::optional<std::int64_t>(static_cast<std::int64_t>(measured.size()))
                  : given->to_integer();
  if (!step)
    return tl::unexpected(wrong("step is " + to_json(*given) + ", not a whole number"));
  if (std::isfinite(**value))
    measured.push_back({*step, **value});
  return Value(Object{{"ok", true}, {"stop", false}});
}

}  // namespace autotune
