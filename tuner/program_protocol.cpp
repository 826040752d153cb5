#include "tuner/program_protocol.hpp"

#include <cmath>

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
  return to_json(Object{
      {"op", "init"},
      {"version", Value::integer(1)},
      {"tuner", ""},  // the program is one; ours takes an empty name for Auto
      {"classArgs", *std::move(args)},
      {"searchSpace", *std::move(space)},
      {"optimizeMode", std::string(name_of(direction_of(spec)))},
      {"seed", Value::integer(seed)},
      {"concurrency", Value::integer(spec.trial_concurrency())},
      {"maxTrials", spec.max_trial_num() > 0 ? Value::integer(spec.max_trial_num()) : Value()}});
}

std::string program_ask(Sequence id) {
  return to_json(Object{{"op", "ask"}, {"id", Value::integer(id)}});
}

std::string program_tell(const Trial& ended) {
  auto value =
      as_loss(ended, Direction::minimize).final_value;  // finite, and of a trial that counts
  Object request{
      {"op", "tell"}, {"id", Value::integer(ended.sequence)}, {"status", value ? "ok" : "fail"}};
  if (value)
    request.emplace_back("value", Value::real(*value));
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
