#include "store/front.hpp"

#include <limits>

#include "tests/store/support.hpp"

using namespace autotune;
using namespace autotune::test;

namespace {

pb::Event submitted_with(const std::vector<std::pair<std::string, pb::Goal>>& goals,
                         const std::vector<std::string>& constraints = {}) {
  auto event = submitted("e");
  auto& objective = *event.mutable_experiment_submitted()->mutable_spec()->mutable_objective();
  objective.clear_goals();
  for (const auto& [metric, goal] : goals) {
    objective.add_goals()->set_metric(metric);
    objective.mutable_goals(objective.goals_size() - 1)->set_goal(goal);
  }
  for (const auto& text : constraints)
    objective.add_constraints(text);
  return event;
}

/// A database with one experiment whose trials ended so, read by a writer that was opened anew for each.
struct Home {
  TemporaryFolder folder;
  Sequence next = 0;

  explicit Home(const pb::Event& event) {
    value(writer(folder.database())->commit({append("e-aaaaa", {event})}));
  }
  void end(const Named& finals, pb::TrialState state = pb::TRIAL_STATE_SUCCEEDED) {
    auto sequence = next++;
    value(writer(folder.database())
              ->commit({append("e-aaaaa", {created(sequence), launched(sequence), started(sequence),
                                           ended(sequence, state, finals)})}));
  }
  Front front() const { return value(value(open_reader(folder.database()))->front("e-aaaaa")); }
  pb::ExperimentSummary summary() const {
    return value(value(open_reader(folder.database()))->experiment("e-aaaaa"));
  }
};

using Sequences = std::vector<Sequence>;

}  // namespace

TEST_CASE("the front of two goals is read in the order of the first", "[store]") {
  Home home(submitted_with({{"accuracy", pb::GOAL_MAXIMIZE}, {"size", pb::GOAL_MINIMIZE}}));
  CHECK(home.front().trials.empty());
  CHECK_FALSE(home.front().nearest);
  home.end({{"accuracy", 0.7}, {"size", 1}});
  home.end({{"accuracy", 0.9}, {"size", 3}});
  home.end({{"accuracy", 0.8}, {"size", 4}});
  home.end({{"size", 3}, {"accuracy", 0.9}});
  home.end({{"accuracy", 0.8}, {"size", 2}});
  home.end({{"accuracy", 1.0}, {"size", std::numeric_limits<double>::quiet_NaN()}});
  home.end({{"accuracy", 1.0}});
  home.end({{"default", 1.0}});
  home.end({});
  home.end({{"accuracy", 1.0}, {"size", 0}}, pb::TRIAL_STATE_EARLY_STOPPED);
  CHECK(home.front().trials == Sequences{1, 3, 4, 0});
  CHECK_FALSE(home.summary().has_best());
}

TEST_CASE("the best of one goal is the best that keeps the constraints", "[store]") {
  Home home(submitted_with({{"accuracy", pb::GOAL_MAXIMIZE}}, {"ms <= 20", "mb <= 1000"}));
  home.end({{"accuracy", 0.9}, {"ms", 24}, {"mb", 10}});
  home.end({{"accuracy", 0.7}, {"ms", 20}, {"mb", 1100}});
  home.end({{"accuracy", 0.8}, {"ms", 30}, {"mb", 10}});
  CHECK_FALSE(home.summary().has_best());
  CHECK(home.front().trials.empty());
  // 100 of 1000 MB is a smaller share than 4 of 20 ms.
  CHECK(home.front().nearest == 1);
  home.end({{"accuracy", 0.6}, {"ms", 20}, {"mb", 1000}});
  home.end({{"accuracy", 0.6}, {"ms", 2}, {"mb", 10}});
  CHECK(home.summary().best().sequence() == 3);
  CHECK(home.summary().best().value() == 0.6);
  CHECK(home.front().trials == Sequences{3});
  CHECK_FALSE(home.front().nearest);
}

TEST_CASE("trials that all break a constraint are no front, whatever their goals", "[store]") {
  Home home(
      submitted_with({{"accuracy", pb::GOAL_MAXIMIZE}, {"size", pb::GOAL_MINIMIZE}}, {"ms < 20"}));
  home.end({{"accuracy", 0.9}, {"size", 3}, {"ms", 25}});
  home.end({{"accuracy", 0.5}, {"size", 9}, {"ms", 20}});
  CHECK(home.front().trials.empty());
  CHECK(home.front().nearest == 1);
  home.end({{"accuracy", 0.1}, {"size", 99}, {"ms", 19}});
  CHECK(home.front().trials == Sequences{2});
}

TEST_CASE("an unknown experiment has no front", "[store]") {
  Home home(submitted_with({{"accuracy", pb::GOAL_MAXIMIZE}}));
  auto reader = value(open_reader(home.folder.database()));
  auto front = reader->front("f");
  REQUIRE_FALSE(front);
  CHECK(front.error().code == ErrorCode::not_found);
  CHECK_THAT(front.error().message, Catch::Contains("known are: e-aaaaa"));
}

TEST_CASE("the front of rows at hand is the one that the database finds", "[store]") {
  Home home(submitted_with({{"a", pb::GOAL_MAXIMIZE}, {"b", pb::GOAL_MAXIMIZE}}, {"c > 0"}));
  for (int i = 0; i < 12; ++i)
    home.end({{"a", i * 7 % 12}, {"b", i * 5 % 12}, {"c", i % 4}});
  auto reader = value(open_reader(home.folder.database()));
  auto front =
      front_of(Objective(home.summary().spec().objective()), value(reader->trials("e-aaaaa")));
  CHECK(front.trials == home.front().trials);
  CHECK(front.trials.size() > 1);
}
