#include <catch2/catch.hpp>

#include <array>

#include "config/nearest_name.hpp"

using namespace autotune::config;

namespace {

constexpr std::array<std::string_view, 5> names = {"maxTrialNum", "maxExecSeconds", "seed",
                                                   "workingDir", "_type"};

}  // namespace

TEST_CASE("the nearest name is what was meant", "[config]") {
  CHECK(nearest_name("maxTrialNumm", names) == "maxTrialNum");
  CHECK(nearest_name("maxTrailNum", names) == "maxTrialNum");
  CHECK(nearest_name("MAX_TRIAL_NUM", names) == "maxTrialNum");
  CHECK(nearest_name("maxTrialNumber", names) == "maxTrialNum");
  CHECK(nearest_name("workingDirectory", names) == "workingDir");
  CHECK(nearest_name("sed", names) == "seed");
  CHECK(nearest_name("type", names) == "_type");
}

TEST_CASE("nothing is near to a name that is quite another", "[config]") {
  CHECK_FALSE(nearest_name("colour", names));
  CHECK_FALSE(nearest_name("", names));
  CHECK_FALSE(nearest_name(std::string(100'000, 'x'), names));
  CHECK_FALSE(nearest_name("seed", {}));
  CHECK(hint_for("colour", names) ==
        "; known are maxTrialNum, maxExecSeconds, seed, workingDir, _type");
}
