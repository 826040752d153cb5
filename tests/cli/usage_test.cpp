#include "cli/usage.hpp"

#include <catch2/catch.hpp>

#include "cli/cli.hpp"
#include "tests/cli/temporary_home.hpp"

using namespace autotune;
using namespace autotune::test;

namespace {

/// What a command prints on stderr; it must be wrong usage, with nothing on stdout.
std::string mistake(const std::string& words) {
  auto run = shell("$AUTOTUNE " + words + " 2>&1 >/dev/full");
  CAPTURE(words, run.text);
  CHECK(run.exit_code == cli::exit_usage);
  return run.text;
}

}  // namespace

TEST_CASE("an unknown verb is named with the nearest one and all of them", "[cli][usage]") {
  auto text = mistake("validat file.yaml");
  CHECK_THAT(text, Catch::StartsWith("autotune: 'validat' is no verb of autotune; did you mean "
                                     "'validate'? Known are: run, "));
  for (const char* verb : {"resume", "get", "describe", "export", "logs", "apply", "stop", "doctor",
                           "completion", "version"})
    CHECK_THAT(text, Catch::Contains(std::string(", ") + verb));
  CHECK_THAT(text, !Catch::Contains("__complete"));
  CHECK_THAT(mistake("nonsense"),
             Catch::Contains("'nonsense' is no verb of autotune; known are: "));
  CHECK_THAT(mistake("sumbit"), Catch::Contains("did you mean 'submit'?"));  // an alias
  CHECK_THAT(mistake("get trails work"), Catch::Contains("'trails' is nothing that `autotune get` "
                                                         "knows; did you mean 'trials'?"));
}

TEST_CASE("help is a verb too", "[cli][usage]") {
  auto all = shell("$AUTOTUNE help");
  CHECK(all.exit_code == 0);
  CHECK_THAT(all.text, Catch::Contains("Usage: autotune [OPTIONS] VERB"));
  CHECK(all.text == shell("$AUTOTUNE --help").text);
  CHECK(shell("$AUTOTUNE help get trials").text == shell("$AUTOTUNE get trials --help").text);
}

TEST_CASE("where a verb is missing all are named", "[cli][usage]") {
  CHECK_THAT(mistake(""), Catch::StartsWith("autotune: what to do is missing; known are: run, "));
  CHECK_THAT(mistake("get"), Catch::StartsWith("autotune: what to get is missing; known are: "
                                               "experiments, trials, nodes\n"));
}

TEST_CASE("an unknown option is named with the nearest one and all of them", "[cli][usage]") {
  auto text = mistake("run file.yaml --seeed=7");
  CHECK_THAT(text, Catch::Contains("'--seeed' is no option of `autotune run`; did you mean "
                                   "'--seed'? Known are: "));
  CHECK_THAT(text, Catch::Contains("--strict-resources"));
  CHECK_THAT(mistake("get trials work --outptu json"), Catch::Contains("did you mean '--output'?"));
  // What is missing by that is no mistake of its own.
  CHECK_THAT(mistake("enqueue work --parms '{}'"), Catch::Contains("did you mean '--params'?"));
  CHECK_THAT(mistake("--hom x run file.yaml"),
             Catch::Contains("'--hom' is no option of `autotune`"));
}

TEST_CASE("a home that cannot be made is wrong usage, not a missing server", "[cli][usage]") {
  auto run = shell("$AUTOTUNE resume none --home /proc/none 2>&1");
  CHECK(run.exit_code == cli::exit_usage);
  CHECK_THAT(run.text, Catch::Contains("the home /proc/none cannot be used"));
}

TEST_CASE("a word too many is named, and what is missing", "[cli][usage]") {
  CHECK_THAT(mistake("best one two"), Catch::Contains("'two' is one word too many: "
                                                      "`autotune best EXP` takes no more"));
  CHECK_THAT(mistake("best"), Catch::Contains("EXP is required"));
}
