#include "tuner/grid_search.hpp"

#include <set>

#include <catch2/catch.hpp>

#include "driver.hpp"
#include "spaces.hpp"

using namespace autotune;
using namespace autotune::test;
using T = ParameterType;

namespace {

std::vector<std::string> first(Tuner& tuner, std::size_t n) {
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < n; ++i) {
    auto answer = tuner.ask(static_cast<Sequence>(i), {});
    if (!std::holds_alternative<Suggestion>(answer))
      break;
    auto suggestion = std::get<Suggestion>(answer);
    std::string text;
    for (const auto& [name, value] : *suggestion.parameters.as_object())
      text += (text.empty() ? "" : " ") + to_json(value);
    texts.push_back(text);
    auto trial = running(static_cast<Sequence>(i), suggestion);
    trial.outcome = TrialOutcome::succeeded;
    tuner.tell(trial);
  }
  return texts;
}

}  // namespace

TEST_CASE("the grid refines as NNI's does") {
  // Origin: nni-compat.md 3.3 on its example, choice(5, 7) x normal(0, 1) x quniform(2, 3, 1): the
  // first epoch takes the middles (round(2.5) is 2), the second adds the quarters, 1/4 of z being a
  // duplicate of its middle. The quartile of the normal is 0.6744897501960817 (tables).
  GridSearchTuner tuner(
      Space({{choice("x", {number("5"), number("7")}), gaussian("y", T::normal, 0, 1),
              bounded("z", T::quniform, 2, 3, 1)}}));
  const std::string q = "0.6744897501960817";
  CHECK(first(tuner, 12) == std::vector<std::string>{"5 0.0 2.0", "7 0.0 2.0",  //
                                                     "5 0.0 3.0", "5 -" + q + " 2.0",
                                                     "5 -" + q + " 3.0", "5 " + q + " 2.0",
                                                     "5 " + q + " 3.0",  //
                                                     "7 0.0 3.0", "7 -" + q + " 2.0",
                                                     "7 -" + q + " 3.0", "7 " + q + " 2.0",
                                                     "7 " + q + " 3.0"});
}

TEST_CASE("a finite grid holds every combination once, the last parameter varying fastest") {
  GridSearchTuner tuner(
      Space({{choice("x", {std::string("a"), std::string("b")}), bounded("y", T::randint, 0, 3)}}));
  CHECK(first(tuner, 100) ==
        std::vector<std::string>{"\"a\" 0", "\"a\" 1", "\"a\" 2", "\"b\" 0", "\"b\" 1", "\"b\" 2"});
}

TEST_CASE("quniform [2, 10, 5] ends after its three values") {
  // Origin: midpoint 6 rounds to 5 (6/5 = 1.2), the quarters 4 and 8 to 5 and 10, then eighths: 3
  // to 5, 9 to 10; the value 2 needs x < 2.5, the 1/32 point.
  GridSearchTuner tuner(Space({{bounded("x", T::quniform, 2, 10, 5)}}));
  CHECK(first(tuner, 100) == std::vector<std::string>{"5.0", "10.0", "2.0"});
}

TEST_CASE("a log scale is halved in logarithms") {
  GridSearchTuner tuner(Space({{bounded("x", T::loguniform, 1, 16)}}));
  auto texts = first(tuner, 3);
  CHECK(std::stod(texts[0]) == Approx(4));
  CHECK(std::stod(texts[1]) == Approx(2));
  CHECK(std::stod(texts[2]) == Approx(8));
}

TEST_CASE("rare values of a quantised parameter still come") {
  // 0.49 is drawn only where u < 0.001: no early epoch meets it.
  GridSearchTuner tuner(Space({{bounded("x", T::quniform, 0.49, 10, 1)}}));
  auto texts = first(tuner, 100);
  CHECK(texts.size() == 11);
  CHECK(std::set<std::string>(texts.begin(), texts.end()).contains("0.49"));
}

TEST_CASE("branches that are not chosen are not iterated") {
  GridSearchTuner tuner(
      Space({{nested("n", {Branch{"A", {bounded("x", T::randint, 0, 2)}}, Branch{"B", {}}}),
              bounded("r", T::randint, 0, 2)}}));
  CHECK(first(tuner, 100) ==
        std::vector<std::string>{R"({"_name":"A","x":0} 0)", R"({"_name":"A","x":0} 1)",
                                 R"({"_name":"A","x":1} 0)", R"({"_name":"A","x":1} 1)",
                                 R"({"_name":"B"} 0)", R"({"_name":"B"} 1)"});
}

TEST_CASE(
    "every place is taken exactly once with many workers, rebuilds, and the user's own trials "
    "between") {
  SearchSpace space{{bounded("a", T::uniform, 0, 1), bounded("b", T::randint, 0, 7)}};
  GridSearchTuner reference{Space(space)};
  auto expected = first(reference, 105);  // epochs 1 to 4: (1 + 2 + 4 + 8) * 7
  auto tuner = std::make_unique<GridSearchTuner>(Space(space));
  Rng rng(3);
  std::vector<Trial> told;
  std::vector<Trial> pending;
  std::vector<std::string> got;
  Sequence next = 0;
  while (got.size() < expected.size()) {
    if (pending.size() < 9 && rng.uniform() < 0.6) {
      auto suggestion = std::get<Suggestion>(tuner->ask(next, pending));
      pending.push_back(running(next++, suggestion));
      const auto& p = *suggestion.parameters.as_object();
      got.push_back(to_json(p[0].second) + " " + to_json(p[1].second));
    } else if (rng.uniform() < 0.1) {
      auto trial = ended(next++, parse_json(R"({"a": 0.3333, "b": 2})").value(), 1);
      trial.own = false;
      tuner->tell(trial);
      told.push_back(trial);
    } else if (rng.uniform() < 0.1) {
      tuner = std::make_unique<GridSearchTuner>(Space(space));
      for (const auto& trial : told)
        tuner->tell(trial);
    } else if (!pending.empty()) {
      auto i = static_cast<std::ptrdiff_t>(rng.below(pending.size()));
      pending[static_cast<std::size_t>(i)].outcome = TrialOutcome::failed;
      tuner->tell(pending[static_cast<std::size_t>(i)]);
      told.push_back(pending[static_cast<std::size_t>(i)]);
      pending.erase(pending.begin() + i);
    }
  }
  CHECK(got == expected);
}

TEST_CASE("trials without lineage count as one place each") {
  SearchSpace space{{bounded("b", T::randint, 0, 3)}};
  GridSearchTuner tuner{Space(space)};
  tuner.tell(ended(0, parse_json(R"({"b": 0})").value(), 1));
  CHECK(first(tuner, 5) == std::vector<std::string>{"1", "2"});
}

TEST_CASE("a grid of three hundred parameters counts without overflow") {
  SearchSpace space;
  for (int i = 0; i < 300; ++i)
    space.parameters.push_back(bounded("x" + std::to_string(i), T::uniform, 0, 1));
  GridSearchTuner tuner{Space(space)};
  auto texts = first(tuner, 4);
  REQUIRE(texts.size() == 4);
  CHECK(std::set<std::string>(texts.begin(), texts.end()).size() == 4);
  CHECK(texts[1].substr(texts[1].size() - 8) == "0.5 0.25");
}
