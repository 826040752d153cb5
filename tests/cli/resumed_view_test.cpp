#include "cli/resumed_view.hpp"

#include "tests/store/support.hpp"

using namespace autotune;
using namespace autotune::cli;
using namespace autotune::test;

namespace {

/// An experiment called net-abcde of so many succeeded trials; trial n reported n % 100.
struct Home {
  TemporaryFolder folder;
  std::unique_ptr<StoreWriter> write = writer(folder.database());
  std::unique_ptr<StoreReader> store = value(open_reader(folder.database()));

  explicit Home(Sequence succeeded, pb::Goal goal = pb::GOAL_MAXIMIZE) {
    std::vector<pb::Event> events{submitted("net", goal)};
    for (Sequence n = 0; n < succeeded; ++n) {
      events.push_back(created(n, R"({"x": )" + std::to_string(n) + "}"));
      events.push_back(
          ended(n, pb::TRIAL_STATE_SUCCEEDED, {{"default", static_cast<double>(n % 100)}}));
    }
    add(std::move(events));
  }
  void add(std::vector<pb::Event> events) {
    value(write->commit({append("net-abcde", std::move(events))}));
  }
  pb::ExperimentSummary experiment() { return value(store->experiment("net-abcde")); }
  RunView resumed() { return value(resumed_view(*store, experiment())); }
  /// What a view shows that has read every trial.
  RunView whole() {
    RunView view(experiment().spec());
    view.load(value(store->trials("net-abcde")));
    return view;
  }
};

void check_alike(const RunView& a, const RunView& b) {
  CHECK(a.draw(120, 400, 9000, false) == b.draw(120, 400, 9000, false));
  CHECK(a.outcome("net-abcde", 9) == b.outcome("net-abcde", 9));
  CHECK(a.counts().SerializeAsString() == b.counts().SerializeAsString());
  CHECK(a.running() == b.running());
}

}  // namespace

TEST_CASE("a view that is taken up again shows what one of all trials shows", "[cli][run_view]") {
  const Sequence succeeded = GENERATE(0, 1, 199, 450);
  const auto goal = GENERATE(pb::GOAL_MAXIMIZE, pb::GOAL_MINIMIZE);
  CAPTURE(succeeded, goal);
  Home home(succeeded, goal);
  check_alike(home.resumed(), home.whole());
  home.add({created(succeeded), launched(succeeded), started(succeeded), created(succeeded + 1),
            created(succeeded + 2), ended(succeeded + 2, pb::TRIAL_STATE_FAILED, {}, "why")});
  auto resumed = home.resumed();
  check_alike(resumed, home.whole());
  CHECK(resumed.counts().succeeded() == succeeded);
  CHECK(resumed.counts().running() == 1);
  CHECK(resumed.counts().pending() == 1);
  CHECK(resumed.counts().failed() == 1);
}

TEST_CASE("a trial that waits from long ago is seen", "[cli][run_view]") {
  Home home(0);
  std::vector<pb::Event> events{created(0), launched(0), started(0)};
  for (Sequence n = 1; n <= 1200; ++n) {
    events.push_back(created(n));
    events.push_back(ended(n, pb::TRIAL_STATE_KILLED));
  }
  home.add(std::move(events));
  auto resumed = home.resumed();
  CHECK(resumed.running() == std::vector<std::int64_t>{0});
  check_alike(resumed, home.whole());
}

TEST_CASE("an end that is told again after the view was taken up counts once", "[cli][run_view]") {
  Home home(3);
  auto view = home.resumed();
  CHECK_FALSE(view.take(at(5000, ended(1, pb::TRIAL_STATE_SUCCEEDED, {{"default", 1}}))));
  CHECK(view.counts().succeeded() == 3);
}
