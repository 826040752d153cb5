#include "tuner/brackets.hpp"

#include <catch2/catch.hpp>

#include "tuner/trial_budget.hpp"

using namespace autotune;

namespace {

std::string table(std::int64_t budget_max, std::int64_t eta, std::int64_t budget_min = 1) {
  std::string text;
  auto s_max = deepest_bracket(budget_max, budget_min, eta);
  for (auto s = s_max; s >= 0; --s) {
    for (const auto& rung : plan_bracket(budget_max, eta, s_max, s))
      text += (text.empty() || text.back() == ' ' ? "" : ",") + std::to_string(rung.configs) + "@" +
              std::to_string(rung.budget);
    text += s > 0 ? "; " : "";
  }
  return text;
}

}  // namespace

TEST_CASE("the brackets are the golden ones") {
  // Origin: nni-compat.md 4.1, computed there from NNI's code.
  CHECK(table(81, 3) ==
        "81@1,27@3,9@9,3@27,1@81; 34@3,11@9,3@27,1@81; 15@9,5@27,1@81; 8@27,2@81; 5@81");
  CHECK(table(60, 3) == "27@2,9@6,3@20,1@60; 12@6,4@20,1@60; 6@20,2@60; 4@60");
  // Origin: by hand, from the same formula.
  CHECK(table(3, 3) == "3@1,1@3; 2@3");  // BOHB's defaults
  CHECK(table(1, 3) == "1@1");
  CHECK(table(16, 2, 4) == "4@4,2@8,1@16; 3@8,1@16; 3@16");
}

TEST_CASE("a budget that is a power of eta has all its rungs, one less has one fewer") {
  for (std::int64_t eta : {2, 3, 4, 10})
    for (std::int64_t s = 1, budget = eta; budget <= 1000000; ++s, budget *= eta) {
      CHECK(deepest_bracket(budget, 1, eta) == s);
      CHECK(deepest_bracket(budget - 1, 1, eta) == s - 1);
    }
}

TEST_CASE("a lineage is read back, and what is none is not") {
  BracketPlace place{12, 3, 456};
  CHECK(place.lineage() == "12.3.456");
  auto read = BracketPlace::parse("12.3.456");
  REQUIRE(read);
  CHECK(read->lineage() == place.lineage());
  for (const char* text : {"", "1", "1.2", "1.2.", "1.2.3.4", "1.2.x", "-1.2.3", "1.-2.3", "a.b.c",
                           "1..3", "99999999999999999999.1.1", " 1.2.3"})
    CHECK_FALSE(BracketPlace::parse(text));
}

TEST_CASE("a lineage that no bracket can have changes nothing") {
  Brackets brackets(9, 1, 3);
  auto draw = [] { return std::optional(Value(Object{})); };
  auto before = brackets.ask({}, false, draw);
  for (const char* text : {"0.7.0", "0.0.99999999", "888888888888.0.0", "0.1.0"}) {
    Trial odd;
    odd.outcome = TrialOutcome::succeeded;
    odd.final_value = 1;
    odd.lineage = text;
    if (std::string(text) == "0.1.0")
      odd.own = false;
    brackets.tell(odd);
    CHECK(brackets.ask({}, false, draw) == before);
  }
}
