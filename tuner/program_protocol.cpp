#include "tuner/program_protocol.hpp"

#include <cmath>
#include <vector>

#include "tuner/directed.hpp"
#include "tuner/factory.hpp"

namespace autotune {

namespace {

using Kind = ProgramAnswer::Kind;

std::string shortened(std::string_view text) {
  constexpr std::size_t shown = 100;
  return quote_json(text.substr(0, shown)) + (text.size() > shown ? " ..." : "");
}

ProgramAnswer malformed(std::string text) { return {Kind::malformed, {}, std::move(text)}; }

bool is_true(const Value& answer, std::string_view name) {
  const auto* value = answer.find(name);
  const auto* truth = value == nullptr ? nullptr : value->as_bool();
  return truth != nullptr && *truth;
}

/// The line as an object; a ProgramAnswer where it is none, or says what went wrong.
std::variant<Value, ProgramAnswer> object_in(std::string_view line) {
  auto answer = parse_json(line);
  if (!answer || answer->as_object() == nullptr)
    return malformed("printed " + shortened(line) +
                     ", which is no JSON object; stdout is for answers alone, stderr for the rest");
  if (const auto* error = answer->find("error")) {
    const auto* text = error->as_string();
    return ProgramAnswer{Kind::error, {}, text != nullptr ? *text : to_json(*error)};
  }
  return *std::move(answer);
}

}  // namespace

Result<std::string> program_init(const pb::ExperimentSpec& spec, std::int64_t seed) {
  auto space = parse_json(spec.search_space_json());
  if (!space)
    return tl::unexpected(space.error());
  const auto& args_text = spec.tuner().class_args_json();
  auto args = parse_json(args_text.empty() ? "{}" : args_text);
  if (!args)
    return tl::unexpected(args.error());
  auto directions = directions_of(spec);
  Array words;
  for (auto direction : directions)
    words.emplace_back(std::string(name_of(direction)));
  Object init{
      {"op", "init"},
      {"version", Value::integer(1)},
      {"tuner", ""},  // the program is one; ours takes an empty name for Auto
      {"classArgs", *std::move(args)},
      {"searchSpace", *std::move(space)},
      {"optimizeMode", words.size() == 1 ? words.front() : Value(words)},
      {"seed", Value::integer(seed)},
      {"concurrency", Value::integer(spec.trial_concurrency())},
      {"maxTrials", spec.max_trial_num() > 0 ? Value::integer(spec.max_trial_num()) : Value()}};
  Array constraints;
  for (const auto& text : spec.objective().constraints())
    constraints.emplace_back(text);
  if (!constraints.empty())
    init.emplace_back("constraints", std::move(constraints));
  return to_json(std::move(init));
}

std::string program_ask(Sequence id) {
  return to_json(Object{{"op", "ask"}, {"id", Value::integer(id)}});
}

std::string program_tell(const Trial& ended, std::size_t goals) {
  // Finite values, and of a trial that counts; not turned.
  auto seen = as_loss(ended, std::vector<Direction>(goals, Direction::minimize));
  auto list = [](const std::vector<double>& numbers) {
    Array items;
    for (double number : numbers)
      items.push_back(Value::real(number));
    return items;
  };
  Object request{{"op", "tell"},
                 {"id", Value::integer(ended.sequence)},
                 {"status", seen.final_value ? "ok" : "fail"}};
  if (seen.final_value && goals == 1)
    request.emplace_back("value", Value::real(*seen.final_value));
  if (seen.final_value && goals > 1)
    request.emplace_back("values", list(seen.goal_values));
  if (!seen.violations.empty())
    request.emplace_back("violations", list(seen.violations));
  request.emplace_back("params", ended.parameters);
  return to_json(std::move(request));
}

std::string program_report(Sequence id, const Measurement& measurement) {
  return to_json(Object{{"op", "report"},
                        {"id", Value::integer(id)},
                        {"step", Value::integer(measurement.step)},
                        {"value", Value::real(measurement.value)}});
}

ProgramAnswer read_suggestion(std::string_view line, Sequence id, const Space& space) {
  auto read = object_in(line);
  if (auto* wrong = std::get_if<ProgramAnswer>(&read))
    return std::move(*wrong);
  const auto& answer = std::get<Value>(read);
  if (is_true(answer, "wait"))
    return {Kind::wait, {}, ""};
  if (is_true(answer, "done"))
    return {Kind::done, {}, ""};
  const auto* given = answer.find("id");
  if (given == nullptr || given->to_integer() != id)
    return malformed("answered " + shortened(line) + ", whose id is not " + std::to_string(id));
  const auto* parameters = answer.find("params");
  if (parameters == nullptr || parameters->as_object() == nullptr)
    return malformed("answered " + shortened(line) + ", without an object \"params\"");
  if (auto legal = space.contains(*parameters); !legal)
    return {Kind::illegal, *parameters, legal.error().message};
  return {Kind::suggestion, *parameters, ""};
}

ProgramAnswer read_agreement(std::string_view line) {
  auto read = object_in(line);
  if (auto* wrong = std::get_if<ProgramAnswer>(&read))
    return std::move(*wrong);
  const auto& answer = std::get<Value>(read);
  if (!is_true(answer, "ok"))
    return malformed("answered " + shortened(line) + R"(, not {"ok":true})");
  return {is_true(answer, "stop") ? Kind::stop : Kind::fine, {}, ""};
}

}  // namespace autotune
