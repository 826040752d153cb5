#include "cli/run_view.hpp"

#include <catch2/catch.hpp>

using namespace autotune;
using namespace autotune::cli;

namespace {

pb::Event at(std::int64_t at_ms) {
  pb::Event event;
  event.set_at_ms(at_ms);
  return event;
}

void phase(RunView& view, pb::Phase phase, std::int64_t at_ms) {
  auto event = at(at_ms);
  event.mutable_phase_changed()->set_phase(phase);
  view.take(event);
}

/// A trial that began with the experiment and succeeded at `at_ms`.
void trial(RunView& view, std::int64_t sequence, const std::string& parameters,
           std::int64_t at_ms) {
  auto created = at(1000);
  created.mutable_trial_created()->set_sequence(sequence);
  created.mutable_trial_created()->set_id("abcde");
  created.mutable_trial_created()->set_parameters_json(parameters);
  view.take(created);
  auto ended = at(at_ms);
  ended.mutable_trial_ended()->set_sequence(sequence);
  ended.mutable_trial_ended()->set_state(pb::TRIAL_STATE_SUCCEEDED);
  view.take(ended);
}

pb::ExperimentSpec of_two_trials() {
  pb::ExperimentSpec spec;
  spec.set_max_trial_num(2);
  return spec;
}

}  // namespace

TEST_CASE("the time that is left is told while it runs, and not after", "[cli][run_view]") {
  RunView view(of_two_trials());
  phase(view, pb::PHASE_RUNNING, 1000);
  trial(view, 0, "{}", 3000);
  CHECK_THAT(view.draw(100, 20, 3000, false), Catch::Contains("1/2  RUNNING  about 2.0s left"));
  trial(view, 1, "{}", 5000);
  phase(view, pb::PHASE_DONE, 5000);
  auto drawn = view.draw(100, 20, 5000, false);
  CHECK_THAT(drawn, Catch::Contains("2/2  DONE\n") && !Catch::Contains("left"));
}

TEST_CASE("the live table shortens numbers, and says where a line is cut", "[cli][run_view]") {
  RunView view(of_two_trials());
  phase(view, pb::PHASE_RUNNING, 1000);
  trial(view, 0, R"({"x":0.33805293441340451,"big":1234567,"act":"relu"})", 3000);
  CHECK_THAT(view.draw(100, 20, 3000, false),
             Catch::Contains("x: 0.338053, big: 1234567, act: relu\n"));
  CHECK_THAT(view.draw(75, 20, 3000, false), Catch::Contains("x: 0.338053, b…\n"));
  auto coloured = view.draw(75, 20, 3000, true);
  CHECK_THAT(coloured, Catch::Contains("x: 0.338053, b…\x1b[0m\n"));
  CHECK(parameters_text(R"({"x":0.33805293441340451})") == "x: 0.33805293441340451");
}
