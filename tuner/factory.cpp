#include "tuner/factory.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace autotune {

namespace {

/// A tuner, assessor or advisor of the spec, and where it stands there.
struct Slot {
  std::string name;
  std::string args_json = "{}";
  std::string name_path;
  std::string args_path;
  AlgorithmKind kind = AlgorithmKind::tuner;
  bool command = false;

  const AlgorithmInfo* find(const AlgorithmTable& table) const {
    // NNI's later files name advisors in the tuner's place.
    if (kind == AlgorithmKind::assessor)
      return table.find(name, {AlgorithmKind::assessor});
    return table.find(name, {AlgorithmKind::tuner, AlgorithmKind::advisor});
  }

  Result<Value> args() const { return parse_json(args_json.empty() ? "{}" : args_json); }
};

bool given(const pb::Algorithm& algorithm) {
  return !algorithm.name().empty() || algorithm.command_size() > 0;
}

Slot deciding_slot(const pb::ExperimentSpec& spec) {
  if (given(spec.tuner()))
    return {spec.tuner().name(), spec.tuner().class_args_json(), "tuner.builtinTunerName",
            "tuner.classArgs",   AlgorithmKind::tuner,           spec.tuner().command_size() > 0};
  if (given(spec.advisor()))
    return {spec.advisor().name(),        spec.advisor().class_args_json(),
            "advisor.builtinAdvisorName", "advisor.classArgs",
            AlgorithmKind::advisor,       spec.advisor().command_size() > 0};
  return {"Auto", "{}", "tuner.builtinTunerName", "tuner.classArgs", AlgorithmKind::tuner, false};
}

std::optional<Slot> assessor_slot(const pb::ExperimentSpec& spec) {
  bool advised = !given(spec.tuner()) && given(spec.advisor());
  if (!given(spec.assessor()) || advised)
    return std::nullopt;
  return Slot{spec.assessor().name(),         spec.assessor().class_args_json(),
              "assessor.builtinAssessorName", "assessor.classArgs",
              AlgorithmKind::assessor,        false};
}

std::optional<Direction> direction_of_word(const Value* value) {
  const auto* text = value == nullptr ? nullptr : value->as_string();
  if (text == nullptr)
    return std::nullopt;
  auto word = lower_case(*text);
  if (word == "maximize")
    return Direction::maximize;
  return word == "minimize" ? std::optional(Direction::minimize) : std::nullopt;
}

std::optional<Direction> direction_of_goal(const pb::ObjectiveGoal& goal) {
  if (goal.goal() == pb::GOAL_UNSPECIFIED)
    return std::nullopt;
  return goal.goal() == pb::GOAL_MAXIMIZE ? Direction::maximize : Direction::minimize;
}

/// A direction that the spec states, and where.
struct Stated {
  Direction direction;
  std::string path;
};

std::vector<Stated> stated_directions(const pb::ExperimentSpec& spec) {
  std::vector<Stated> stated;
  const auto& goals = spec.objective().goals();
  for (int i = 0; i < goals.size(); ++i)
    if (auto direction = direction_of_goal(goals[i]))
      stated.push_back({*direction, goals.size() == 1
                                        ? "objective.goal"
                                        : "objective.goals[" + std::to_string(i) + "].goal"});
  auto look = [&](const Slot& slot) {
    auto args = slot.args();
    if (auto direction = direction_of_word(args ? args->find("optimize_mode") : nullptr))
      stated.push_back({*direction, slot.args_path + ".optimize_mode"});
  };
  look(deciding_slot(spec));
  if (auto slot = assessor_slot(spec))
    look(*slot);
  return stated;
}

bool supports(const AlgorithmInfo& row, const Parameter& p) {
  if (!p.branches.empty() && !row.nested)
    return false;
  if (std::find(row.types.begin(), row.types.end(), p.type) == row.types.end())
    return false;
  for (const auto& branch : p.branches)
    for (const auto& inner : branch.parameters)
      if (!supports(row, inner))
        return false;
  return true;
}

bool supports(const AlgorithmInfo& row, const SearchSpace& space) {
  for (const auto& p : space.parameters)
    if (!supports(row, p))
      return false;
  return !row.refuse_space || row.refuse_space(space).empty();
}

std::string tuners_for(const SearchSpace& space, const AlgorithmTable& table) {
  std::string names;
  for (const auto& row : table.rows())
    if (row.make_tuner && supports(row, space))
      names += (names.empty() ? "" : ", ") + row.name;
  return names.empty() ? "none of this version" : names;
}

std::string described(const Parameter& p) {
  return p.branches.empty() ? std::string(name_of(p.type)) : "a nested choice";
}

/// The innermost parameter for which `supports` is false.
const Parameter& culprit(const AlgorithmInfo& row, const Parameter& p) {
  if (p.branches.empty() || !row.nested)
    return p;
  for (const auto& branch : p.branches)
    for (const auto& inner : branch.parameters)
      if (!supports(row, inner))
        return culprit(row, inner);
  return p;
}

void check_space(const AlgorithmInfo& row, const SearchSpace& space, const AlgorithmTable& table,
                 std::vector<AlgorithmError>& errors) {
  if (space.parameters.empty())
    errors.push_back({"searchSpace", "is empty; name at least one parameter"});
  auto works = "; what would work: " + tuners_for(space, table);
  bool types_fit = true;
  for (const auto& p : space.parameters) {
    if (supports(row, p))
      continue;
    types_fit = false;
    const auto& wrong = culprit(row, p);
    errors.push_back({"searchSpace." + p.name, row.name + " cannot search " + described(wrong) +
                                                   " ('" + wrong.name + "')" + works});
  }
  if (types_fit && !space.parameters.empty() && row.refuse_space)
    if (auto reason = row.refuse_space(space); !reason.empty())
      errors.push_back({"searchSpace", reason + works});
}

void check_slot(const Slot& slot, const AlgorithmTable& table,
                std::vector<AlgorithmError>& errors) {
  const auto* row = slot.find(table);
  auto kind = std::string(name_of(slot.kind));
  auto usable = slot.kind == AlgorithmKind::assessor ? table.names_of(AlgorithmKind::assessor)
                                                     : table.names_of(AlgorithmKind::tuner) + ", " +
                                                           table.names_of(AlgorithmKind::advisor);
  if (row == nullptr && known_but_absent(slot.name)) {
    errors.push_back({slot.name_path, kind + " '" + slot.name +
                                          "' is not in this version yet; use one of: " + usable});
    return;
  }
  if (row == nullptr) {
    std::vector<std::string> names;
    for (const auto& r : table.rows())
      if ((r.kind == AlgorithmKind::assessor) == (slot.kind == AlgorithmKind::assessor))
        names.push_back(r.name);
    auto near = nearest_name(slot.name, names);
    errors.push_back(
        {slot.name_path,
         kind + " '" + slot.name + "' is unknown" +
             (near.empty() ? "; known are: " : "; did you mean '" + near + "'? Known are: ") +
             usable});
    return;
  }
  auto args = slot.args();
  if (!args) {
    errors.push_back({slot.args_path, "is not JSON: " + args.error().message});
    return;
  }
  auto wrong = check_arguments(*args, row->arguments, slot.args_path);
  errors.insert(errors.end(), wrong.begin(), wrong.end());
}

/// With several goals each has its own direction, so only an optimize_mode can contradict.
void check_directions(const pb::ExperimentSpec& spec, std::vector<AlgorithmError>& errors) {
  auto stated = stated_directions(spec);
  auto first = static_cast<std::size_t>(std::max(1, spec.objective().goals_size()));
  for (auto i = first; i < stated.size(); ++i)
    for (std::size_t k = 0; k < i; ++k) {
      if (stated[i].direction == stated[k].direction)
        continue;
      errors.push_back({stated[i].path, "is " + std::string(name_of(stated[i].direction)) +
                                            ", but " + stated[k].path + " is " +
                                            std::string(name_of(stated[k].direction)) +
                                            (first > 1 ? "; leave it out: each goal states its own"
                                                       : "; state one, or both the same")});
      break;
    }
}

void check_objective(const pb::ExperimentSpec& spec, const AlgorithmTable& table,
                     std::vector<AlgorithmError>& errors) {
  check_directions(spec, errors);
  if (spec.objective().goals_size() < 2)
    return;
  auto deciding = deciding_slot(spec);
  if (const auto* row = deciding.find(table);
      row != nullptr && !deciding.command && !row->several_goals)
    errors.push_back(
        {deciding.name_path, row->name + " searches for one goal, but objective.goals names " +
                                 std::to_string(spec.objective().goals_size()) +
                                 "; what would work: " + table.names_for_several_goals()});
  if (auto assessor = assessor_slot(spec))
    errors.push_back({assessor->name_path,
                      "an assessor sees the first goal alone and would end trials that are good at "
                      "another one; remove the assessor, or name one goal"});
}

Error joined(const std::vector<AlgorithmError>& errors) {
  std::string text;
  for (const auto& e : errors)
    text += (text.empty() ? "" : "\n") + e.path + ": " + e.message;
  return {ErrorCode::invalid_argument, std::move(text)};
}

}  // namespace

std::vector<AlgorithmError> check_algorithms(const pb::ExperimentSpec& spec,
                                             const SearchSpace& space,
                                             const AlgorithmTable& table) {
  std::vector<AlgorithmError> errors;
  auto deciding = deciding_slot(spec);
  if (deciding.command) {
    if (space.parameters.empty())
      errors.push_back({"searchSpace", "is empty; name at least one parameter"});
    if (!deciding.args())
      errors.push_back({deciding.args_path, "is not JSON: " + deciding.args().error().message});
  } else {
    check_slot(deciding, table, errors);
    if (const auto* row = deciding.find(table))
      check_space(*row, space, table, errors);
  }
  if (auto assessor = assessor_slot(spec)) {
    check_slot(*assessor, table, errors);
    if (const auto* row = deciding.find(table); row != nullptr && !row->refuse_assessor.empty())
      errors.push_back({assessor->name_path, row->refuse_assessor + "; remove the assessor"});
  }
  check_objective(spec, table, errors);
  return errors;
}

Direction direction_of(const pb::ExperimentSpec& spec, const AlgorithmTable& table) {
  auto stated = stated_directions(spec);
  if (!stated.empty())
    return stated.front().direction;
  const auto* row = deciding_slot(spec).find(table);
  return row == nullptr ? Direction::maximize
                        : row->default_direction.value_or(Direction::maximize);
}

std::vector<Direction> directions_of(const pb::ExperimentSpec& spec, const AlgorithmTable& table) {
  if (spec.objective().goals_size() < 2)
    return {direction_of(spec, table)};
  const auto* row = deciding_slot(spec).find(table);
  auto fallback =
      row == nullptr ? Direction::maximize : row->default_direction.value_or(Direction::maximize);
  std::vector<Direction> directions;
  for (const auto& goal : spec.objective().goals())
    directions.push_back(direction_of_goal(goal).value_or(fallback));
  return directions;
}

Result<std::unique_ptr<Tuner>> make_tuner(const pb::ExperimentSpec& spec, const SearchSpace& space,
                                          std::int64_t seed, const std::string& folder,
                                          const AlgorithmTable& table) {
  if (auto errors = check_algorithms(spec, space, table); !errors.empty())
    return tl::unexpected(joined(errors));
  auto slot = deciding_slot(spec);
  const auto* row = slot.find(table);
  if (row == nullptr)
    return fail(ErrorCode::invalid_argument, "tuner.command: is a program, not one of ours");
  Arguments arguments(*slot.args(), row->arguments);
  if (arguments.given("seed"))
    seed = arguments.integer("seed");
  auto directions = directions_of(spec, table);
  bool constrained = spec.objective().constraints_size() > 0;
  auto inner =
      row->make_tuner(TunerSetting{Space(space), std::move(arguments), seed, directions.front(),
                                   directions.size(), constrained, folder});
  if (constrained && !row->constraints)
    inner = std::make_unique<ConstrainedTuner>(std::move(inner));
  return std::make_unique<DirectedTuner>(std::move(inner), std::move(directions));
}

Result<std::unique_ptr<Assessor>> make_assessor(const pb::ExperimentSpec& spec,
                                                const AlgorithmTable& table) {
  auto slot = assessor_slot(spec);
  if (!slot)
    return nullptr;
  std::vector<AlgorithmError> errors;
  check_slot(*slot, table, errors);
  if (!errors.empty())
    return tl::unexpected(joined(errors));
  const auto* row = slot->find(table);
  auto direction = direction_of(spec, table);
  auto inner = row->make_assessor({Arguments(*slot->args(), row->arguments), direction});
  return std::make_unique<DirectedAssessor>(std::move(inner), direction);
}

std::string deciding_algorithm(const pb::ExperimentSpec& spec, const AlgorithmTable& table) {
  auto slot = deciding_slot(spec);
  const auto* row = slot.find(table);
  return row == nullptr ? slot.name : row->name;
}

}  // namespace autotune
