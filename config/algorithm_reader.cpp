#include "config/algorithm_reader.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "config/nearest_name.hpp"
#include "messages/objective.hpp"

namespace autotune::config {

namespace {

constexpr std::array<std::string_view, 4> tuner_fields = {"builtinTunerName", "classArgs", "name",
                                                          "command"};
constexpr std::array<std::string_view, 3> assessor_fields = {"builtinAssessorName", "classArgs",
                                                             "name"};
constexpr std::array<std::string_view, 3> advisor_fields = {"builtinAdvisorName", "classArgs",
                                                            "name"};
constexpr std::array<std::string_view, 2> directions = {"maximize", "minimize"};

/// A direction that the file says.
struct Direction {
  pb::Goal goal;
  std::string path;
  Place place;
};

pb::Goal goal_of(std::string_view word) {
  return word == "maximize" ? pb::GOAL_MAXIMIZE : pb::GOAL_MINIMIZE;
}

class AlgorithmReader {
 public:
  AlgorithmReader(const Fields& spec_fields, pb::ExperimentSpec& spec)
      : fields_(spec_fields), reader_(spec_fields.reader()), spec_(spec) {}

  void read() {
    objective();
    bool has_tuner = fields_.has("tuner");
    bool has_advisor = fields_.has("advisor");
    bool is_advised = has_advisor && !has_tuner;
    // What is ignored is still checked, but its direction does not count.
    one("tuner", tuner_fields, "builtinTunerName", has_tuner ? spec_.mutable_tuner() : nullptr);
    one("advisor", advisor_fields, "builtinAdvisorName",
        is_advised ? spec_.mutable_advisor() : nullptr);
    one("assessor", assessor_fields, "builtinAssessorName",
        fields_.has("assessor") && !is_advised ? spec_.mutable_assessor() : nullptr);
    if (has_tuner && has_advisor)
      warn_ignored("advisor", "is ignored, for the tuner beside it counts");
    if (is_advised && fields_.has("assessor"))
      warn_ignored("assessor", "is ignored, for the advisor is tuner and assessor in one");
    if (!has_tuner && !has_advisor) {
      spec_.mutable_tuner()->set_name("Auto");
      spec_.mutable_tuner()->set_class_args_json("{}");
    }
    settle_direction();
  }

 private:
  void warn_ignored(std::string_view name, std::string message) {
    reader_.warn(fields_.node().find_member(name)->key_place, fields_.path_of(name),
                 std::move(message));
  }

  void one(std::string_view field, Names known, std::string_view name_field, pb::Algorithm* out) {
    const auto* node = fields_.find(field);
    if (node == nullptr)
      return;
    pb::Algorithm ignored;
    bool counts = out != nullptr;
    auto& algorithm = counts ? *out : ignored;
    Fields fields(reader_, *node, fields_.path_of(field), known);
    name(fields, name_field, algorithm);
    class_args(fields, algorithm, counts);
  }

  void name(const Fields& fields, std::string_view name_field, pb::Algorithm& algorithm) {
    for (const auto& word : fields.command_words("command", true))
      algorithm.add_command(word);
    bool has_both = fields.has(name_field) && fields.has("name");
    if (has_both)
      fields.error("name", "names the same as " + std::string(name_field) + "; remove one");
    auto field = fields.has("name") && !has_both ? std::string_view("name") : name_field;
    if (fields.has("command")) {
      if (fields.has(field))
        fields.error(field, "cannot stand beside 'command'; remove one");
      else if (algorithm.command().empty() && fields.find("command")->kind == Kind::array)
        fields.error("command", "must not be empty: the program that speaks the tuner protocol");
      return;
    }
    if (auto text = fields.required_text(field, "the algorithm's name"))
      algorithm.set_name(*text);
  }

  void class_args(const Fields& fields, pb::Algorithm& algorithm, bool counts) {
    algorithm.set_class_args_json("{}");
    const auto* node = fields.find("classArgs");
    if (node == nullptr)
      return;
    auto path = fields.path_of("classArgs");
    if (node->kind == Kind::text && node->text.find_first_not_of(" \t\r\n") == std::string::npos)
      return;  // an empty text stands for no arguments
    std::optional<Node> storage;
    const auto* args = read_json_field(reader_, *node, path, storage);
    if (args == nullptr)
      return;
    remember_places(*args, path);
    algorithm.set_class_args_json(to_json(to_value(*args)));
    if (counts)
      optimize_mode(*args, path + ".optimize_mode");
  }

  void remember_places(const Node& args, const std::string& path) {
    for (const auto& member : args.members) {
      auto member_path = path + "." + member.key;
      reader_.places.set(member_path, member.value.place);
      remember_places(member.value, member_path);
    }
  }

  void optimize_mode(const Node& args, const std::string& path) {
    const auto* mode = args.find("optimize_mode");
    if (mode == nullptr || mode->is_null())
      return;
    if (auto word = read_word(reader_, *mode, path, directions))
      directions_.push_back({goal_of(*word), path, mode->place});
  }

  void objective() {
    static constexpr std::array<std::string_view, 4> known = {"metric", "goal", "goals",
                                                              "constraints"};
    const auto* node = fields_.find("objective");
    if (node == nullptr)
      return;
    Fields fields(reader_, *node, fields_.path_of("objective"), known);
    if (fields.has("goals")) {
      goals(fields);
    } else if (fields.is_mapping()) {
      auto goal = one_goal(fields);
      if (goal.goal() != pb::GOAL_UNSPECIFIED)
        directions_.push_back({goal.goal(), fields.path_of("goal"), fields.find("goal")->place});
      *spec_.mutable_objective()->add_goals() = std::move(goal);
    }
    constraints(fields);
  }

  pb::ObjectiveGoal one_goal(const Fields& fields) {
    pb::ObjectiveGoal goal;
    goal.set_metric(fields.text("metric").value_or("default"));
    if (goal.metric().empty())
      fields.error("metric", "must not be empty: a key of the reported dict");
    if (auto word = fields.word("goal", directions))
      goal.set_goal(goal_of(*word));
    return goal;
  }

  void goals(const Fields& fields) {
    static constexpr std::array<std::string_view, 2> known = {"metric", "goal"};
    for (auto name : {"metric", "goal"})
      if (fields.has(name))
        fields.error(name, "cannot stand beside 'goals'; put it into that list");
    auto nodes = fields.items("goals");
    if (nodes.empty() && fields.find("goals")->kind == Kind::array)
      fields.error("goals", "must not be empty: write {metric: NAME, goal: maximize}");
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      Fields item(reader_, nodes[i], path_at(fields.path_of("goals"), i), known);
      if (!item.is_mapping())
        continue;
      auto goal = one_goal(item);
      if (nodes.size() > 1 && !item.has("goal"))
        item.missing("goal", "maximize or minimize, for each of several goals");
      for (const auto& other : spec_.objective().goals())
        if (other.metric() == goal.metric())
          item.error("metric", quoted(goal.metric()) + " is a goal already");
      *spec_.mutable_objective()->add_goals() = std::move(goal);
    }
    if (nodes.size() == 1 && spec_.objective().goals_size() == 1 &&
        spec_.objective().goals(0).goal() != pb::GOAL_UNSPECIFIED) {
      auto path = path_at(fields.path_of("goals"), 0) + ".goal";
      directions_.push_back(
          {spec_.objective().goals(0).goal(), path, reader_.places.place_of(path)});
    }
  }

  void constraints(const Fields& fields) {
    fields.texts("constraints");  // tells what is none
    const auto* list = fields.find("constraints");
    auto nodes = list == nullptr ? std::span<const Node>() : std::span<const Node>(list->items);
    std::vector<Constraint> earlier;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      if (nodes[i].kind != Kind::text)
        continue;
      auto path = path_at(fields.path_of("constraints"), i);
      auto constraint = parse_constraint(nodes[i].text);
      if (!constraint) {
        reader_.error(nodes[i].place, path, constraint.error().message);
        continue;
      }
      for (const auto& other : earlier)
        if (!can_both_hold(other, *constraint))
          reader_.error(nodes[i].place, path,
                        quoted(to_text(*constraint)) + " and " + quoted(to_text(other)) +
                            " cannot both be met; change or remove one");
      spec_.mutable_objective()->add_constraints(nodes[i].text);
      earlier.push_back(*std::move(constraint));
    }
  }

  /// Two directions that differ are an error; one is the objective's where that says none.
  void settle_direction() {
    for (std::size_t i = 1; i < directions_.size(); ++i)
      if (directions_[i].goal != directions_[0].goal)
        reader_.error(directions_[i].place, directions_[i].path,
                      std::string(word_of(directions_[i].goal)) + " contradicts " +
                          directions_[0].path + ", which says " +
                          std::string(word_of(directions_[0].goal)));
    auto& objective = *spec_.mutable_objective();
    if (objective.goals().empty())
      objective.add_goals()->set_metric("default");
    if (objective.goals_size() == 1 && !directions_.empty())
      objective.mutable_goals(0)->set_goal(directions_[0].goal);
  }

  static std::string_view word_of(pb::Goal goal) {
    return goal == pb::GOAL_MAXIMIZE ? "maximize" : "minimize";
  }

  const Fields& fields_;
  Reader& reader_;
  pb::ExperimentSpec& spec_;
  std::vector<Direction> directions_;
};

}  // namespace

void read_algorithms(const Fields& spec_fields, pb::ExperimentSpec& spec) {
  AlgorithmReader(spec_fields, spec).read();
}

}  // namespace autotune::config
