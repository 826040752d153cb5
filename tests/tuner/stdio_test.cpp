#include "tuner/stdio.hpp"

#include <catch2/catch.hpp>

#include "spaces.hpp"
#include "tuner/space.hpp"

using namespace autotune;
using namespace autotune::test;

namespace {

/// Reads {"ok": ...} as finite_space(); the file format's own reader is config/'s.
Result<SearchSpace> read_finite(std::string_view json) {
  if (json.find("ok") == std::string_view::npos)
    return fail(ErrorCode::invalid_argument, "no such space");
  return finite_space();
}

StdioSession started() {
  StdioSession session(read_finite);
  CHECK(session.answer(
            R"({"op":"init","version":1,"tuner":"TPE","classArgs":{},"searchSpace":{"ok":1},)"
            R"("optimizeMode":"minimize","seed":1000,"concurrency":1,"maxTrials":200})") ==
        R"({"ok":true})");
  return session;
}

std::string error_of(StdioSession& session, std::string_view line) {
  auto answer = parse_json(session.answer(line)).value();
  const auto* error = answer.find("error");
  return error == nullptr ? "none" : *error->as_string();
}

}  // namespace

TEST_CASE("a warm start is told with parameters, under any number") {
  auto session = started();
  CHECK(session.answer(R"({"op":"tell","id":-1,"status":"ok","value":1,"params":{"r":2}})") ==
        R"({"ok":true})");
  CHECK(error_of(session, R"({"op":"tell","id":-1,"status":"ok","value":1})") ==
        "id must be a whole number from 0");
}

TEST_CASE("a run over lines: ask, report, tell until the space is used up") {
  auto session = started();
  std::string line;
  for (int id = 0; id < 36; ++id) {
    auto n = std::to_string(id);
    auto answer = parse_json(session.answer(R"({"op":"ask","id":)" + n + "}")).value();
    REQUIRE(answer.find("id")->to_integer() == id);
    REQUIRE(Space(finite_space()).contains(*answer.find("params")));
    CHECK(session.answer(R"({"op":"report","id":)" + n + R"(,"step":3,"value":0.4})") ==
          R"({"ok":true,"stop":false})");
    CHECK(session.answer(R"({"op":"tell","id":)" + n +
                         (id % 4 == 0 ? R"(,"status":"fail"})"
                                      : R"(,"status":"ok","value":0.5})")) == R"({"ok":true})");
  }
  CHECK(session.answer(R"({"op":"ask","id":36})") == R"({"done":true})");
  CHECK_FALSE(session.stopped());
  CHECK(session.answer(R"({"op":"stop"})").empty());
  CHECK(session.stopped());
}

TEST_CASE("the same requests give the same bytes, and init starts over") {
  auto a = started();
  auto b = started();
  auto first = a.answer(R"({"op":"ask","id":0})");
  CHECK(b.answer(R"({"op":"ask","id":0})") == first);
  CHECK(a.answer(R"({"op":"init","tuner":"TPE","searchSpace":{"ok":1},"seed":1000})") ==
        R"({"ok":true})");
  CHECK(a.answer(R"({"op":"ask","id":0})") == first);
}

TEST_CASE("a trial that was never asked for can be told with its parameters") {
  auto session = started();
  CHECK(session.answer(R"({"op":"tell","id":900,"status":"ok","value":1,)"
                       R"("params":{"r":2,"n":{"_name":"A","x":0.1}}})") == R"({"ok":true})");
  int asked = 0;
  while (session.answer(R"({"op":"ask","id":)" + std::to_string(asked) + "}") != R"({"done":true})")
    ++asked;
  CHECK(asked == 35);
}

TEST_CASE("what cannot be done is said, and the session goes on") {
  StdioSession session(read_finite);
  CHECK(error_of(session, R"({"op":"ask","id":0})") == "no run has been started; send init first");
  CHECK(error_of(session, "{").find("not JSON: ") == 0);
  CHECK(error_of(session, "[1]").find("a request is an object with an op") == 0);
  CHECK(error_of(session, R"({"op":"nonsense"})").find("unknown op \"nonsense\"; known are") == 0);
  CHECK(error_of(session, R"({"op":"init","version":2,"searchSpace":{"ok":1}})")
            .find("version is 2") == 0);
  CHECK(error_of(session, R"({"op":"init","tuner":"TPE"})") == "searchSpace is missing");
  CHECK(error_of(session, R"({"op":"init","tuner":"TPE","searchSpace":{}})") == "no such space");
  CHECK(error_of(session, R"({"op":"init","tuner":"TPES","searchSpace":{"ok":1}})")
            .find("did you mean 'TPE'") != std::string::npos);
  CHECK(error_of(session,
                 R"({"op":"init","tuner":"TPE","classArgs":{"gama":1},"searchSpace":{"ok":1}})")
            .find("tuner.classArgs.gama") == 0);
  CHECK(error_of(session, R"({"op":"init","optimizeMode":"up","searchSpace":{"ok":1}})")
            .find("optimizeMode") == 0);
  session = started();
  CHECK(error_of(session, R"({"op":"ask"})") == "id must be a whole number from 0");
  CHECK(error_of(session, R"({"op":"ask","id":0})") == "none");
  CHECK(error_of(session, R"({"op":"ask","id":0})").find("was asked for before") !=
        std::string::npos);
  CHECK(error_of(session, R"({"op":"tell","id":0,"status":"maybe"})") ==
        "status must be ok or fail");
  CHECK(error_of(session, R"({"op":"tell","id":0,"status":"ok","value":"x"})")
            .find("value is \"x\"") == 0);
  CHECK(error_of(session, R"({"op":"tell","id":0,"status":"ok","values":[1,2]})")
            .find("values is [1,2], must be a list of 1 number") == 0);
  CHECK(error_of(session, R"({"op":"tell","id":7,"status":"fail"})").find("id 7 is not running") ==
        0);
  CHECK(error_of(session, R"({"op":"report","id":7,"step":1,"value":1})") == "id 7 is not running");
  CHECK(error_of(session, R"({"op":"tell","id":0,"status":"ok","value":0.25})") == "none");
}

TEST_CASE("several goals are told as values, constraints as violations") {
  StdioSession session(read_finite);
  CHECK(session.answer(R"({"op":"init","tuner":"NSGA-II","searchSpace":{"ok":1},"seed":3,)"
                       R"("optimizeMode":["minimize","maximize"],"constraints":["ms <= 20"]})") ==
        R"({"ok":true})");
  for (int id = 0; id < 36; ++id) {
    auto n = std::to_string(id);
    CHECK(parse_json(session.answer(R"({"op":"ask","id":)" + n + "}")).value().find("params"));
    CHECK(session.answer(R"({"op":"tell","id":)" + n + R"(,"status":"ok","values":[)" + n +
                         R"(,2.5],"violations":[)" + (id % 2 == 0 ? "0" : R"("Infinity")") +
                         "]}") == R"({"ok":true})");
  }
  CHECK(session.answer(R"({"op":"ask","id":36})") == R"({"done":true})");
}

TEST_CASE("what does not fit the goals and constraints of init is said") {
  StdioSession session(read_finite);
  auto init = [&](const std::string& rest) {
    return error_of(session, R"({"op":"init","tuner":"TPE","searchSpace":{"ok":1},)" + rest + "}");
  };
  CHECK(init(R"("optimizeMode":[])").find("optimizeMode is empty") == 0);
  CHECK(init(R"("optimizeMode":["up"])").find("optimizeMode is [\"up\"], must be minimize") == 0);
  CHECK(init(R"("constraints":["a",2])").find("constraints is [\"a\",2], must be a list") == 0);
  CHECK(init(R"("optimizeMode":["minimize","maximize"],"constraints":["a"])") == "none");
  CHECK(error_of(session, R"({"op":"ask","id":0})") == "none");
  auto tell = [&](const std::string& rest) {
    return error_of(session, R"({"op":"tell","id":0,"status":"ok",)" + rest + "}");
  };
  CHECK(tell(R"("value":1)").find("the run has 2 goals; tell them as values") == 0);
  CHECK(tell(R"("values":[1])").find("values is [1], must be a list of 2 numbers") == 0);
  CHECK(tell(R"("values":[1,"x"])").find("value is \"x\", not a number") == 0);
  CHECK(tell(R"("values":[1,2])").find("violations is missing, must be a list of 1 number") == 0);
  CHECK(tell(R"("values":[1,2],"violations":[-1])").find("a violation is -1, must be") == 0);
  CHECK(tell(R"("values":[1,2],"violations":[0.5])") == "none");
}
