#include "tuner/stdio.hpp"

#include <cmath>
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

Result<std::optional<double>> value_of(const Value& request) {
  const auto* value = request.find("value");
  if (value == nullptr) {
    const auto* values = request.find("values");
    const auto* list = values == nullptr ? nullptr : values->as_array();
    if (list == nullptr)
      return std::optional<double>();
    if (list->size() != 1)
      return tl::unexpected(wrong("several values are not understood by this version; tell one"));
    value = &list->front();
  }
  auto number = value->to_double();
  if (!number)
    return tl::unexpected(
        wrong("value is " + to_json(*value) + ", not a number; a trial without one has failed"));
  return number;
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
  if (const auto* mode = text_of(request, "optimizeMode")) {
    if (*mode != "minimize" && *mode != "maximize")
      return tl::unexpected(
          wrong("optimizeMode is " + quote_json(*mode) + ", must be minimize or maximize"));
    spec.mutable_objective()->add_goals()->set_goal(*mode == "minimize" ? pb::GOAL_MINIMIZE
                                                                        : pb::GOAL_MAXIMIZE);
  }
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
  auto tuner = make_tuner(*spec, *space, seed);
  if (!tuner)
    return tl::unexpected(tuner.error());
  tuner_ = std::move(*tuner);
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
  auto value = value_of(request);
  if (!value)
    return tl::unexpected(value.error());
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
  bool succeeded = *status == "ok";
  trial.outcome = succeeded ? TrialOutcome::succeeded : TrialOutcome::failed;
  trial.final_value = succeeded ? *value : std::nullopt;
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
