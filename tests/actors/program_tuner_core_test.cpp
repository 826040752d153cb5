// A tuner that is a program: what it is sent, what its answers mean, when it is started again.
#include "actors/program_tuner_core.hpp"

#include <cmath>

#include <catch2/catch.hpp>

namespace autotune::test {

using namespace std::chrono_literals;

namespace {

using Words = std::vector<std::string>;

std::string word_of(const ProgramEffect& effect) {
  return std::visit(
      []<class Effect>(const Effect& x) -> std::string {
        if constexpr (std::is_same_v<Effect, StartProgram>)
          return "start " + std::to_string(x.generation);
        else if constexpr (std::is_same_v<Effect, SendLine>)
          return x.line;
        else if constexpr (std::is_same_v<Effect, EndProgram>)
          return "end";
        else if constexpr (std::is_same_v<Effect, AdviseStop>)
          return "stop " + std::to_string(x.sequence) + "/" + std::to_string(x.attempt);
        else if constexpr (std::is_same_v<Effect, NoteProgram>)
          return "note: " + x.text;
        else if (!x.ask)
          return "answer " + std::to_string(x.sequence) + " failed: " + x.ask.error().message;
        else if (const auto* suggestion = std::get_if<Suggestion>(&*x.ask))
          return "answer " + std::to_string(x.sequence) + " " + to_json(suggestion->parameters);
        else
          return "answer " + std::to_string(x.sequence) +
                 (std::holds_alternative<NotYet>(*x.ask) ? " not yet" : " exhausted");
      },
      effect);
}

Space space() {
  Parameter x;
  x.name = "x";
  x.type = ParameterType::uniform;
  x.low = 0;
  x.high = 1;
  return Space({{x}});
}

Trial trial(Sequence sequence, const char* parameters, std::optional<double> value = {}) {
  Trial trial;
  trial.sequence = sequence;
  trial.parameters = parse_json(parameters).value();
  trial.outcome = value ? TrialOutcome::succeeded : TrialOutcome::failed;
  trial.final_value = value;
  return trial;
}

class Driver {
 public:
  Words ask(Sequence sequence) { return words(core.on_ask(now, sequence)); }
  Words line(const std::string& text) { return words(core.on_line(now, generation, text)); }
  Words over(const Trial& ended) { return words(core.on_over(now, ended)); }
  Words began(const Trial& one) { return words(core.on_began(now, one)); }
  Words rest(bool rests) { return words(core.on_rest(now, rests)); }
  Words measured(Sequence sequence, std::int32_t attempt) {
    return words(core.on_measured(now, sequence, attempt, {3, 0.5}));
  }
  Words dies(const std::string& how = "ended with exit code 1") {
    return words(core.on_ended(now, generation, how));
  }
  Words wait(std::chrono::milliseconds time) {
    now += time;
    return words(core.on_tick(now));
  }
  /// Started, its init answered, trial 0 asked for.
  void begin() {
    CHECK(ask(0) == Words{"start 1", "INIT"});
    CHECK(line(R"({"ok":true})") == Words{R"({"op":"ask","id":0})"});
  }

  Time now{};
  int generation = 0;
  ProgramTunerCore core{"the program 'mine'", "INIT", space()};

 private:
  Words words(const ProgramEffects& effects) {
    Words all;
    for (const auto& effect : effects) {
      if (const auto* start = std::get_if<StartProgram>(&effect))
        generation = start->generation;
      all.push_back(word_of(effect));
    }
    return all;
  }
};

}  // namespace

TEST_CASE("a program is started by the first question and told what ends", "[program]") {
  Driver one;
  CHECK(one.over(trial(-1, R"({"x":0.25})", 4)).empty());  // a warm start waits for it
  CHECK(one.ask(0) == Words{"start 1", "INIT"});
  CHECK(one.line(R"({"ok":true})") ==
        Words{R"({"op":"tell","id":-1,"status":"ok","value":4.0,"params":{"x":0.25}})",
              R"({"op":"ask","id":0})"});
  CHECK(one.line(R"({"ok":true})").empty());
  CHECK(one.line(R"({"id":0,"params":{"x":0.5}})") == Words{R"(answer 0 {"x":0.5})"});
  CHECK(one.began(trial(0, R"({"x":0.5})")).empty());
  CHECK(one.over(trial(0, R"({"x":0.5})")) ==
        Words{R"({"op":"tell","id":0,"status":"fail","params":{"x":0.5}})"});
  CHECK(one.line(R"({"ok":true})").empty());
  CHECK_FALSE(one.core.next_tick());
  CHECK(one.ask(1) == Words{R"({"op":"ask","id":1})"});
  CHECK(one.line(R"({"wait":true})") == Words{"answer 1 not yet"});
  CHECK(one.ask(1) == Words{R"({"op":"ask","id":1})"});
  CHECK(one.line(R"({"done":true})") == Words{"answer 1 exhausted"});
}

TEST_CASE("values are told as they were reported, and what is no number as failed", "[program]") {
  auto told = trial(4, R"({"x":0.5})", std::nan(""));
  CHECK(program_tell(told, 1) == R"({"op":"tell","id":4,"status":"fail","params":{"x":0.5}})");
  told.outcome = TrialOutcome::killed;
  told.final_value = 3;
  CHECK(program_tell(told, 1) == R"({"op":"tell","id":4,"status":"fail","params":{"x":0.5}})");
  pb::ExperimentSpec spec;
  spec.set_search_space_json("{\n\"x\": {\"_type\":\"uniform\",\"_value\":[0, 1.0]}}");
  spec.mutable_tuner()->add_command("mine");
  spec.mutable_tuner()->set_class_args_json(R"({"a":1})");
  spec.set_trial_concurrency(2);
  spec.mutable_objective()->add_goals()->set_goal(pb::GOAL_MINIMIZE);
  CHECK(program_init(spec, 7).value() ==
        R"({"op":"init","version":1,"tuner":"","classArgs":{"a":1},"searchSpace":{"x":{"_type":)"
        R"("uniform","_value":[0,1.0]}},"optimizeMode":"minimize","seed":7,"concurrency":2,)"
        R"("maxTrials":null})");
}

TEST_CASE("several goals and constraints are lists, and a trial that lacks a value has failed",
          "[program]") {
  auto told = trial(4, R"({"x":0.5})", 3);
  told.goal_values = {3, 0.5};
  told.violations = {0, INFINITY};
  CHECK(program_tell(told, 2) ==
        R"({"op":"tell","id":4,"status":"ok","values":[3.0,0.5],"violations":[0.0,"Infinity"],)"
        R"("params":{"x":0.5}})");
  told.goal_values.clear();
  CHECK(program_tell(told, 2) == R"({"op":"tell","id":4,"status":"fail","params":{"x":0.5}})");
  told.violations = {1.5};
  CHECK(program_tell(told, 1) ==
        R"({"op":"tell","id":4,"status":"ok","value":3.0,"violations":[1.5],"params":{"x":0.5}})");
  pb::ExperimentSpec spec;
  spec.set_search_space_json("{}");
  spec.mutable_objective()->add_goals()->set_goal(pb::GOAL_MAXIMIZE);
  spec.mutable_objective()->add_goals()->set_goal(pb::GOAL_MINIMIZE);
  spec.mutable_objective()->add_constraints("ms <= 20");
  auto init = parse_json(program_init(spec, 7).value()).value();
  CHECK(to_json(*init.find("optimizeMode")) == R"(["maximize","minimize"])");
  CHECK(to_json(*init.find("constraints")) == R"(["ms <= 20"])");
}

TEST_CASE("a program that dies is started again and told all results", "[program]") {
  Driver one;
  one.begin();
  one.line(R"({"id":0,"params":{"x":0.5}})");
  one.over(trial(0, R"({"x":0.5})", 1));
  CHECK(one.dies() ==
        Words{"end", "note: ended with exit code 1; it is started again and told all results"});
  one.over(trial(1, R"({"x":0.75})", 2));
  CHECK(one.ask(2) == Words{"start 2", "INIT"});
  CHECK(one.line(R"({"ok":true})") ==
        Words{R"({"op":"tell","id":0,"status":"ok","value":1.0,"params":{"x":0.5}})",
              R"({"op":"tell","id":1,"status":"ok","value":2.0,"params":{"x":0.75}})",
              R"({"op":"ask","id":2})"});
  CHECK(one.dies().back() == "INIT");  // for the question that waits, at once
  CHECK(one.generation == 3);
  CHECK(one.core.on_line(one.now, 2, "of the one before").empty());
  CHECK(one.core.on_ended(one.now, 2, "told late").empty());
}

TEST_CASE("a program that dies again and again is given up, and a suggestion forgives",
          "[program]") {
  Driver one;
  one.begin();
  for (int i = 0; i < 3; ++i)
    CHECK(one.dies().size() == 4);  // end, note, start, init
  one.line(R"({"ok":true})");
  one.line(R"({"id":0,"params":{"x":0.5}})");
  one.ask(1);
  for (int i = 0; i < 3; ++i)
    one.dies("ended with exit code 3; the last it wrote on stderr:\nno such module");
  CHECK(one.dies("ended with exit code 3; the last it wrote on stderr:\nno such module") ==
        Words{"end",
              "answer 1 failed: the program 'mine': ended with exit code 3; the last it wrote on "
              "stderr:\nno such module (4 times in a row without a suggestion in between)"});
  CHECK(one.ask(1).size() == 1);  // it stays so ...
  CHECK(one.rest(true).empty());
  CHECK(one.ask(1).empty());
  CHECK(one.rest(false) == Words{"start 8", "INIT"});  // ... until a user resumes
}

TEST_CASE("a program that does not answer in time is ended as if it had died", "[program]") {
  Driver one;
  one.begin();
  CHECK(one.core.next_tick() == one.now + 30s);
  CHECK(one.wait(29999ms).empty());
  auto words = one.wait(1ms);
  CHECK(words == Words{"end",
                       "note: did not answer `ask` for trial 0 within 30 s; it is started again "
                       "and told all results",
                       "start 2", "INIT"});
  one.wait(30s);
  one.wait(30s);
  CHECK(one.wait(30s).back() ==
        "answer 0 failed: the program 'mine': did not answer `init` within 30 s (4 times in a row "
        "without a suggestion in between)");
}

TEST_CASE("each answer of many has the whole time", "[program]") {
  Driver one;
  one.begin();
  one.line(R"({"id":0,"params":{"x":0.5}})");
  one.over(trial(0, R"({"x":0.5})", 1));
  one.over(trial(1, R"({"x":0.5})", 1));
  one.wait(20s);
  one.line(R"({"ok":true})");
  CHECK(one.wait(20s).empty());
  one.line(R"({"ok":true})");
  CHECK_FALSE(one.core.next_tick());
}

TEST_CASE("what is no answer ends the experiment with the line that was printed", "[program]") {
  auto failure = [](const std::string& text) {
    Driver one;
    one.begin();
    auto words = one.line(text);
    REQUIRE(words.size() == 2);
    CHECK(words[0] == "end");
    const std::string head = "answer 0 failed: the program 'mine': ";
    CHECK(words[1].starts_with(head));
    return words[1].substr(head.size());
  };
  CHECK(failure("Loading ...") ==
        "printed \"Loading ...\", which is no JSON object; stdout is for answers alone, stderr for "
        "the rest");
  CHECK(failure("[1]").starts_with("printed \"[1]\", which is no JSON object"));
  CHECK(failure(R"({"id":1,"params":{"x":0.5}})") ==
        R"(answered "{\"id\":1,\"params\":{\"x\":0.5}}", whose id is not 0)");
  CHECK(failure(R"({"id":0})") == R"(answered "{\"id\":0}", without an object "params")");
  CHECK(failure(R"({"error":"out of ideas"})") ==
        "answered `ask` for trial 0 with an error: out of ideas");
  Driver talkative;
  talkative.begin();
  talkative.line(R"({"id":0,"params":{"x":0.5}})");
  CHECK(talkative.line("and more").back() ==
        "answer -1 failed: the program 'mine': printed \"and more\", though nothing was asked; "
        "each request has one line of answer");
  Driver refusing;
  refusing.ask(0);
  CHECK(refusing.line(R"({"error":"no choices please"})").back() ==
        "answer 0 failed: the program 'mine': answered `init` with an error: no choices please");
}

TEST_CASE("parameters outside of the space are told as failed and asked for again", "[program]") {
  Driver one;
  one.begin();
  CHECK(one.line(R"({"id":0,"params":{"x":2}})") ==
        Words{"note: suggested for trial 0 what is outside of the search space: parameter 'x' is "
              "2, not a number in [0.0, 1.0]",
              R"({"op":"tell","id":0,"status":"fail","params":{"x":2}})",
              R"({"op":"ask","id":0})"});
  one.line(R"({"ok":true})");
  one.line(R"({"id":0,"params":{}})");
  one.line(R"({"ok":true})");
  CHECK(one.line(R"({"id":0,"params":{"x":0.5,"y":1}})").back() ==
        "answer 0 failed: the program 'mine': suggested parameters outside of the search space 3 "
        "times in a row: parameter 'y' is unknown; known are: x");
}

TEST_CASE("reports of running trials may be answered by a stop, or not at all", "[program]") {
  Driver one;
  one.begin();
  one.line(R"({"id":0,"params":{"x":0.5}})");
  CHECK(one.measured(0, 2) == Words{R"({"op":"report","id":0,"step":3,"value":0.5})"});
  CHECK(one.line(R"({"ok":true,"stop":false})").empty());
  one.measured(0, 2);
  CHECK(one.line(R"({"ok":true,"stop":true})") == Words{"stop 0/2"});
  one.measured(0, 2);
  CHECK(one.line(R"({"error":"unknown op"})") == Words{"note: takes no reports: unknown op"});
  CHECK(one.measured(0, 2).empty());
}

TEST_CASE("a program rests with its experiment, and a question that waits is asked again",
          "[program]") {
  Driver one;
  one.begin();
  CHECK(one.rest(true) == Words{"end"});
  CHECK_FALSE(one.core.next_tick());
  CHECK(one.over(trial(0, R"({"x":0.5})", 1)).empty());
  CHECK(one.rest(false) == Words{"start 2", "INIT"});
  CHECK(one.line(R"({"ok":true})").size() == 2);  // the result and the question
}

TEST_CASE("a suggestion that did not become a trial is kept for the next question", "[program]") {
  Driver one;
  one.begin();
  one.line(R"({"id":0,"params":{"x":0.5}})");
  CHECK(one.ask(0) == Words{R"(answer 0 {"x":0.5})"});  // it was paused meanwhile
  // The user's set took its number: the program hears that its own came to nothing.
  CHECK(one.began(trial(0, R"({"x":0.125})")) ==
        Words{R"({"op":"tell","id":0,"status":"fail","params":{"x":0.5}})"});
  CHECK(one.ask(1) == Words{R"({"op":"ask","id":1})"});
}

TEST_CASE("many results go in batches, and too many reports are passed over", "[program]") {
  Driver one;
  for (int i = 0; i < 200; ++i)
    one.over(trial(i, R"({"x":0.5})", i));
  one.ask(200);
  CHECK(one.line(R"({"ok":true})").size() == 64);
  CHECK(one.line(R"({"ok":true})").size() == 1);
  for (int i = 0; i < 1500; ++i)
    one.measured(200, 1);
  std::size_t reports = 0;
  for (int i = 0; i < 3000 && one.core.next_tick(); ++i) {
    auto words = one.line(R"({"ok":true,"id":200,"params":{"x":0.5}})");
    for (const auto& word : words)
      reports += word.find("report") != std::string::npos ? 1 : 0;
  }
  CHECK(reports == 1000);
}

}  // namespace autotune::test
