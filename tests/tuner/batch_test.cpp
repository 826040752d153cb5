#include "tuner/batch.hpp"

#include <catch2/catch.hpp>

#include "driver.hpp"
#include "spaces.hpp"

using namespace autotune;
using namespace autotune::test;

namespace {

std::string asked(const Tuner& tuner, std::span<const Trial> running = {}) {
  auto answer = tuner.ask(0, running);
  return std::holds_alternative<Suggestion>(answer)
             ? to_json(std::get<Suggestion>(answer).parameters)
             : "exhausted";
}

}  // namespace

TEST_CASE("a batch gives its members as they are, in order, then ends") {
  BatchTuner tuner(
      choice("sets", {Value(Object{{"lr", number("1e-3")}, {"act", std::string("relu")}}),
                      Value(Object{{"lr", number("0.1")}})}));
  CHECK(asked(tuner) == R"({"lr":1e-3,"act":"relu"})");
  auto first = running(0, std::get<Suggestion>(tuner.ask(0, {})));
  CHECK(asked(tuner, std::span(&first, 1)) == R"({"lr":0.1})");
  first.outcome = TrialOutcome::failed;
  tuner.tell(first);
  CHECK(asked(tuner) == R"({"lr":0.1})");
  tuner.tell(ended(1, parse_json(R"({"lr":0.1})").value(), 1));
  CHECK(asked(tuner) == "exhausted");
}

TEST_CASE("a bare member of a batch gets the parameter's name") {
  // Origin: nni-compat.md 0, the AutoTune manual's Batch example.
  BatchTuner tuner(choice("learning_rate", {number("0.0001"), number("0.001")}));
  CHECK(asked(tuner) == R"({"learning_rate":0.0001})");
}

TEST_CASE("a batch passes over what the user tried") {
  BatchTuner tuner(choice("x", {number("1"), number("2"), number("3")}));
  auto theirs = ended(0, parse_json(R"({"x":1})").value(), 0);
  theirs.own = false;
  tuner.tell(theirs);
  CHECK(asked(tuner) == R"({"x":2})");
}
