#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <sstream>

#include <sys/resource.h>

#include "messages/value.hpp"
#include "tests/cli/temporary_home.hpp"
#include "tuner/algorithms.hpp"

using namespace autotune;
using autotune::test::shell;
using autotune::test::TemporaryFolder;

namespace {

constexpr const char* good = R"(apiVersion: tensorstack.dev/v1beta1
kind: AutoTuneExperiment
metadata:
  name: small
spec:
  maxTrialNum: 4
  trialConcurrency: 2
  searchSpace: |
    {
      "lr": {"_type": "loguniform", "_value": [0.0001, 0.1]},
      "units": {"_type": "choice", "_value": [16, 32]}
    }
  tuner:
    builtinTunerName: Random
  trainingConfig:
    type: generic
    tasks:
      - type: worker
        template:
          spec:
            containers:
              - name: generic
                command: ["true"]
)";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

Value json(const std::string& text) {
  auto value = parse_json(text);
  INFO(text);
  REQUIRE(value);
  return *value;
}

std::string text_at(const Value& value, const char* name) {
  const auto* member = value.find(name);
  REQUIRE(member != nullptr);
  const auto* text = member->as_string();
  return text == nullptr ? to_json(*member) : *text;
}

}  // namespace

TEST_CASE("validate says in a line what a good file is", "[cli][validate]") {
  TemporaryFolder folder;
  folder.write("e.yaml", good);
  auto run = shell("cd " + folder.path().string() + " && $AUTOTUNE validate e.yaml");
  CHECK(run.exit_code == 0);
  CHECK(run.text == "small: Random, 2 parameters, 4 trials, 2 at a time\n");
  auto from_stdin = shell("cd " + folder.path().string() + " && $AUTOTUNE validate - < e.yaml");
  CHECK(from_stdin.text == run.text);
}

TEST_CASE("a tuner like none is answered with all that there are", "[cli][validate]") {
  TemporaryFolder folder;
  folder.write("e.yaml", replaced(good, "Random", "XX"));
  auto run = shell("$AUTOTUNE validate " + folder.path().string() + "/e.yaml 2>&1");
  CHECK(run.exit_code == 2);
  CHECK_THAT(run.text, Catch::Contains("tuner 'XX' is unknown; known are: Auto, "));
}

TEST_CASE("validate tells all mistakes at once, each with its place", "[cli][validate]") {
  TemporaryFolder folder;
  auto bad = replaced(good, "maxTrialNum: 4", "maxTrialNum: -4");
  bad = replaced(bad, "trialConcurrency", "trialConcurency");
  bad = replaced(bad, "[0.0001, 0.1]", "[0, 0.1]");
  bad = replaced(bad, "Random", "Randon");
  folder.write("e.yaml", bad);
  auto run = shell("cd " + folder.path().string() + " && $AUTOTUNE validate e.yaml 2>&1 >out");
  CHECK(run.exit_code == 2);
  CHECK_THAT(run.text, Catch::Contains("e.yaml:6:16: error: spec.maxTrialNum"));
  CHECK_THAT(run.text,
             Catch::Contains("e.yaml:7:3: error:") && Catch::Contains("'trialConcurrency'"));
  CHECK_THAT(run.text, Catch::Contains("e.yaml:10:48: error: spec.searchSpace.lr._value"));
  CHECK_THAT(run.text, Catch::Contains("e.yaml:14:23: error:") && Catch::Contains("'Random'"));
  CHECK_THAT(run.text, Catch::EndsWith("autotune: 4 mistakes in e.yaml\n"));
  CHECK(shell("cat " + (folder.path() / "out").string()).text.empty());
}

TEST_CASE("validate -o json holds verdict and mistakes in one document", "[cli][validate]") {
  TemporaryFolder folder;
  auto good_file = folder.write("good.yaml", good);
  auto bad_file = folder.write("bad.yaml", replaced(good, "maxTrialNum: 4", "maxTrialNum: x"));
  auto fine = shell("$AUTOTUNE validate -o json " + good_file + " 2>/dev/null");
  CHECK(fine.exit_code == 0);
  auto verdict = json(fine.text);
  CHECK(text_at(verdict, "valid") == "true");
  const auto& experiment = verdict.find("experiments")->as_array()->at(0);
  CHECK(text_at(experiment, "name") == "small");
  CHECK(text_at(experiment, "algorithm") == "Random");
  CHECK(text_at(experiment, "parameterCount") == "2");
  CHECK(text_at(experiment, "maxTrialNum") == "4");

  auto wrong = shell("$AUTOTUNE validate -o json " + bad_file + " 2>/dev/null");
  CHECK(wrong.exit_code == 2);
  verdict = json(wrong.text);
  CHECK(text_at(verdict, "valid") == "false");
  const auto& mistake = verdict.find("diagnostics")->as_array()->at(0);
  CHECK(text_at(mistake, "file") == bad_file);
  CHECK(text_at(mistake, "line") == "6");
  CHECK(text_at(mistake, "severity") == "error");
  CHECK(text_at(mistake, "path") == "spec.maxTrialNum");
}

TEST_CASE("what validate --print prints validates to the same", "[cli][validate]") {
  TemporaryFolder folder;
  auto file = folder.write("e.yaml", good);
  auto form = GENERATE(std::string(""), std::string(" -o json"));
  auto run = shell("$AUTOTUNE validate --print" + form + " " + file);
  CAPTURE(run.text);
  REQUIRE(run.exit_code == 0);
  CHECK_THAT(run.text, Catch::Contains("cleanUpPolicy"));  // a default that the file lacks
  auto again = shell("$AUTOTUNE validate --print " + folder.write("again", run.text));
  CHECK(again.exit_code == 0);
  CHECK(again.text == shell("$AUTOTUNE validate --print " + file).text);
  if (!form.empty())
    CHECK(text_at(json(run.text), "kind") == "AutoTuneExperiment");
}

TEST_CASE("several experiments of a file are printed so that they load again", "[cli][validate]") {
  TemporaryFolder folder;
  auto file =
      folder.write("e.yaml", std::string(good) + "---\n" + replaced(good, "small", "other"));
  auto form = GENERATE(std::string(""), std::string(" -o json"));
  auto printed = shell("$AUTOTUNE validate --print" + form + " " + file);
  REQUIRE(printed.exit_code == 0);
  auto run = shell("$AUTOTUNE validate " + folder.write("again", printed.text));
  CHECK(run.text ==
        "small: Random, 2 parameters, 4 trials, 2 at a time\n"
        "other: Random, 2 parameters, 4 trials, 2 at a time\n");
}

TEST_CASE("options of validate count as the file's own words", "[cli][validate]") {
  TemporaryFolder folder;
  auto file = folder.write("e.yaml", good);
  auto run = shell("$AUTOTUNE validate --set spec.maxTrialNum=9 --name renamed --seed 5 " + file);
  CHECK(run.text == "renamed: Random, 2 parameters, 9 trials, 2 at a time\n");
  CHECK_THAT(shell("$AUTOTUNE validate --seed 5 --print " + file).text,
             Catch::Contains("seed: 5\n"));
  auto wrong = shell("$AUTOTUNE validate --set spec.maxTrialNum=none " + file + " 2>&1");
  CHECK(wrong.exit_code == 2);
  CHECK_THAT(wrong.text, Catch::StartsWith("--set spec.maxTrialNum=none"));
}

TEST_CASE("validate says where a claim's folder has to be named", "[cli][validate]") {
  TemporaryFolder folder;
  auto file =
      folder.write("e.yaml", replaced(good, "            containers:", R"(            volumes:
              - name: data
                persistentVolumeClaim: {claimName: sets}
            containers:)"));
  auto run = shell("$AUTOTUNE validate " + file + " 2>&1");
  CHECK(run.exit_code == 0);
  CHECK_THAT(run.text, Catch::Contains("--volume sets=DIR"));
  auto given = shell("$AUTOTUNE validate --volume sets=/tmp " + file + " 2>&1");
  CHECK_THAT(given.text, !Catch::Contains("--volume"));
  CHECK(shell("$AUTOTUNE validate --volume sets=/nowhere " + file + " 2>/dev/null").exit_code == 2);
}

TEST_CASE("validate tells a file that is not there from a bad one", "[cli][validate]") {
  TemporaryFolder folder;
  CHECK(shell("$AUTOTUNE validate /nowhere.yaml 2>/dev/null").exit_code == 4);
  CHECK(shell("$AUTOTUNE validate " + folder.path().string() + " 2>/dev/null").exit_code == 4);
  auto empty = shell("$AUTOTUNE validate " + folder.write("empty.yaml", "") + " 2>&1");
  CHECK(empty.exit_code == 2);
  CHECK(shell("$AUTOTUNE validate 2>/dev/null").exit_code == 2);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
namespace {

/// What the processor has spent on children that have ended.
std::chrono::microseconds time_of_children() {
  rusage used{};
  ::getrusage(RUSAGE_CHILDREN, &used);
  auto of = [](const timeval& time) {
    return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
  };
  return of(used.ru_utime) + of(used.ru_stime);
}

}  // namespace

TEST_CASE("validate takes less than 50 ms", "[cli][validate]") {
  TemporaryFolder folder;
  auto file = folder.write("e.yaml", good);
  auto best = std::chrono::microseconds::max();
  for (int i = 0; i < 5; ++i) {  // the processor's time, as the machine is busy with other tests
    auto before = time_of_children();
    shell("exec $AUTOTUNE validate " + file);
    best = std::min(best, time_of_children() - before);
  }
  CHECK(best < std::chrono::milliseconds(50));
}
#endif

TEST_CASE("algorithms lists what the tables hold", "[cli][algorithms]") {
  auto table = shell("$AUTOTUNE algorithms");
  auto list = json(shell("$AUTOTUNE algorithms -o json").text);
  REQUIRE(list.as_array()->size() == algorithms().size());
  for (std::size_t i = 0; i < algorithms().size(); ++i) {
    const auto& info = algorithms()[i];
    CHECK_THAT(table.text,
               Catch::Contains("\n" + info.name + " ") && Catch::Contains(info.summary));
    const auto& row = list.as_array()->at(i);
    CHECK(text_at(row, "name") == info.name);
    CHECK(text_at(row, "kind") == name_of(info.kind));
    CHECK(row.find("types")->as_array()->size() == info.types.size() + (info.nested ? 1 : 0));
    CHECK(row.find("arguments")->as_array()->size() == info.arguments.size());
  }
}

TEST_CASE("algorithms NAME tells all of one, by name or alias", "[cli][algorithms]") {
  for (const auto& info : algorithms()) {
    CAPTURE(info.name);
    auto name = info.aliases.empty() ? info.name : info.aliases.front();
    auto text = shell("$AUTOTUNE algorithms " + name);
    CHECK(text.exit_code == 0);
    CHECK_THAT(text.text, Catch::StartsWith(info.name + " (") && Catch::Contains(info.source));
    auto array = json(shell("$AUTOTUNE algorithms -o json " + name).text);
    const auto& found = *array.as_array();  // an advisor and an assessor may share a name
    auto at = std::find_if(found.begin(), found.end(), [&](const Value& one) {
      return text_at(one, "kind") == name_of(info.kind);
    });
    REQUIRE(at != found.end());
    const auto& object = *at;
    CHECK(text_at(object, "source") == info.source);
    const auto* several = object.find("severalGoals");
    REQUIRE((several != nullptr) == (info.make_tuner != nullptr));
    if (several != nullptr) {
      CHECK(*several->as_bool() == info.several_goals);
      CHECK(*object.find("heedsConstraints")->as_bool() == info.constraints);
      CHECK_THAT(text.text, Catch::Contains(info.several_goals ? "one or several" : "Goals:"));
    }
    for (std::size_t i = 0; i < info.arguments.size(); ++i) {
      const auto& argument = object.find("arguments")->as_array()->at(i);
      CHECK(text_at(argument, "name") == info.arguments[i].name);
      CHECK(text_at(argument, "range") == info.arguments[i].range());
      CHECK(*argument.find("default") == info.arguments[i].fallback);
      CHECK_THAT(text.text, Catch::Contains(info.arguments[i].name) &&
                                Catch::Contains(info.arguments[i].meaning));
    }
  }
}

TEST_CASE("algorithms NAME tells all that have the name", "[cli][algorithms]") {
  auto text = shell("$AUTOTUNE algorithms asha").text;
  CHECK_THAT(text, Catch::StartsWith("ASHA (advisor)\n") && Catch::Contains("max_budget") &&
                       Catch::Contains("\n\nASHA (assessor)\n") && Catch::Contains("min_steps"));
  auto array = json(shell("$AUTOTUNE algorithms -o json ASHA").text);
  REQUIRE(array.as_array()->size() == 2);
  CHECK(text_at(array.as_array()->at(0), "kind") == "advisor");
  CHECK(text_at(array.as_array()->at(1), "kind") == "assessor");
}

TEST_CASE("an algorithm that is unknown is not found, and the nearest is named",
          "[cli][algorithms]") {
  auto run = shell("$AUTOTUNE algorithms Randon 2>&1");
  CHECK(run.exit_code == 4);
  CHECK_THAT(run.text, Catch::Contains("did you mean 'Random'?"));
}

namespace {

constexpr const char* init =
    R"({"op":"init","version":1,"tuner":"Random","classArgs":{},"searchSpace":{"x":{"_type":"uniform","_value":[0,1]}},)"
    R"("optimizeMode":"minimize","seed":7,"concurrency":1,"maxTrials":9})";

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);)
    lines.push_back(line);
  return lines;
}

}  // namespace

TEST_CASE("tuner-stdio answers each line by one line", "[cli][tuner-stdio]") {
  TemporaryFolder folder;
  auto requests =
      folder.write("requests", std::string(init) +
                                   "\n"
                                   R"({"op":"ask","id":0})"
                                   "\nno JSON\n"
                                   R"({"op":"tell","id":0,"status":"ok","value":0.5})"
                                   "\n"
                                   R"({"op":"ask","id":1})");  // the last without a line's end
  auto run = shell("$AUTOTUNE tuner-stdio < " + requests);
  CHECK(run.exit_code == 0);
  auto lines = lines_of(run.text);
  REQUIRE(lines.size() == 5);
  CHECK(lines[0] == R"({"ok":true})");
  CHECK(text_at(json(lines[1]), "id") == "0");
  CHECK(json(lines[1]).find("params")->find("x")->to_double().value_or(-1) < 1);
  CHECK(json(lines[2]).find("error") != nullptr);
  CHECK(lines[3] == R"({"ok":true})");
  CHECK(json(lines[4]).find("params") != nullptr);
  CHECK(shell("$AUTOTUNE tuner-stdio < " + requests).text == run.text);  // same seed, same requests
}

TEST_CASE("tuner-stdio stops where it is told to, without an answer", "[cli][tuner-stdio]") {
  TemporaryFolder folder;
  auto requests = folder.write("requests", R"({"op":"stop"})" + std::string("\n") + init + "\n");
  auto run = shell("$AUTOTUNE tuner-stdio < " + requests);
  CHECK(run.exit_code == 0);
  CHECK(run.text.empty());
  CHECK(shell("$AUTOTUNE tuner-stdio < /dev/null").exit_code == 0);
}

TEST_CASE("tuner-stdio answers before it is asked again", "[cli][tuner-stdio]") {
  TemporaryFolder folder;
  folder.write("init", std::string(init) + "\n");
  // The second request is sent only after the first was answered: an answer that is held back would
  // block for ever.
  auto run = shell(
      "cd " + folder.path().string() +
      " && mkfifo in out && ($AUTOTUNE tuner-stdio < in > out & exec 3> in 4< out; cat init >&3; "
      "read first <&4; echo '{\"op\":\"ask\",\"id\":0}' >&3; read second <&4; exec 3>&-; "
      "echo \"$first\"; wait)");
  CHECK(run.text == "{\"ok\":true}\n");
}

TEST_CASE("tuner-stdio survives a line that is too long", "[cli][tuner-stdio]") {
  auto run =
      shell("(head -c 20000000 /dev/zero | tr '\\0' x; echo; echo '{}') | $AUTOTUNE tuner-stdio");
  auto lines = lines_of(run.text);
  REQUIRE(lines.size() == 2);
  CHECK_THAT(lines[0], Catch::Contains("longer than"));
  CHECK(json(lines[1]).find("error") != nullptr);
}
