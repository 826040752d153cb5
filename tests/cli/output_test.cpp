#include <cmath>
#include <fstream>
#include <iterator>
#include <limits>
#include <sstream>

#include "cli/describe.hpp"
#include "cli/event_words.hpp"
#include "cli/export_trials.hpp"
#include "cli/intermediate_reports.hpp"
#include "cli/tables.hpp"
#include "cli/tensorboard.hpp"
#include "tests/store/support.hpp"

using namespace autotune;
using namespace autotune::cli;
using namespace autotune::test;

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr std::int64_t t0 = 1'767'225'600'000;  // 2026-01-01T00:00:00.000Z

pb::Event later(std::int64_t after_ms, pb::Event event) {
  return at(t0 + after_ms, std::move(event));
}

/// An experiment with a trial of each kind, as a user could have it.
struct Home {
  TemporaryFolder folder;
  std::unique_ptr<StoreReader> store;

  Home() {
    auto write = writer(folder.database());
    auto start = later(0, submitted("mnist"));
    auto* spec = start.mutable_experiment_submitted()->mutable_spec();
    spec->mutable_tuner()->set_name("TPE");
    spec->mutable_tuner()->set_class_args_json(R"({"optimize_mode": "maximize"})");
    value(write->commit(
        {append("mnist-p4iyq",
                {start, later(1, phase(pb::PHASE_RUNNING)),
                 later(2, created(0, R"({"lr": 0.10, "units": 16, "act": "relu"})")),
                 later(3, created(1, R"({"lr": 1e-4, "net": {"_name": "conv", "k": 3}})")),
                 later(4, created(2)), later(5, created(3)), later(10, launched(0, 1, "n1")),
                 later(11, launched(1, 1, "n2")), later(12, launched(2, 1, "n1")),
                 later(20, started(0)), later(21, started(1)), later(22, started(2))},
                {})}));
    value(write->commit({AddReports{"mnist-p4iyq",
                                    {report(0, 1, {{"default", 0.5}}),
                                     report(0, 2, {{"default", not_a_number}, {"loss", 0.25}}),
                                     report(2, 1, {{"default", 0.125}})}}}));
    value(write->commit(
        {append("mnist-p4iyq",
                {later(3220, attempt_ended(0, 1, "Succeeded")),
                 later(3220, ended(0, pb::TRIAL_STATE_SUCCEEDED,
                                   {{"default", 0.9853}, {"loss", not_a_number}})),
                 later(4000, attempt_ended(1, 1, "Failed", "worker-0 ended with exit code 1")),
                 later(4000, ended(1, pb::TRIAL_STATE_FAILED, {}, "worker-0, \"exit\" code 1")),
                 later(4001, notice("waits for 2 GPUs, 0 of 1 free", 3))})}));
    store = value(open_reader(folder.database()));
  }

  OutputOptions options(Format format) const { return {format, t0 + 10'000}; }

  std::string trials(Format format) const {
    std::ostringstream out;
    value(write_trials(*store, "mnist", options(format), out));
    return out.str();
  }
};

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);)
    lines.push_back(line);
  return lines;
}

}  // namespace

TEST_CASE("times are ISO 8601 in UTC with milliseconds", "[cli]") {
  CHECK(iso_time(t0) == "2026-01-01T00:00:00.000Z");
  CHECK(iso_time(t0 + 59'999) == "2026-01-01T00:00:59.999Z");
  CHECK(iso_time(951'782'400'007) == "2000-02-29T00:00:00.007Z");
  CHECK(iso_time(0).empty());
}

TEST_CASE("get trials as JSON has the contract's keys and keeps the text of numbers", "[cli]") {
  Home home;
  auto text = home.trials(Format::json);
  auto parsed = value(parse_json(text));
  REQUIRE(parsed.as_array() != nullptr);
  REQUIRE(parsed.as_array()->size() == 4);
  auto lines = lines_of(text);
  REQUIRE(lines.size() == 6);
  CHECK(
      lines[1] ==
      R"({"sequence":0,"id":"t0","state":"Succeeded","parameters":{"lr":0.10,"units":16,"act":"relu"},)"
      R"("final":0.9853,"finalMetrics":{"default":0.9853,"loss":"NaN"},)"
      R"("intermediate":[{"step":10,"value":0.5},{"step":20,"value":"NaN"}],"attempt":1,"node":"n1",)"
      R"("createdAt":"2026-01-01T00:00:00.002Z","startedAt":"2026-01-01T00:00:00.020Z",)"
      R"("endedAt":"2026-01-01T00:00:03.220Z","durationSeconds":3.2,"reason":""},)");
  CHECK(
      lines[2] ==
      R"({"sequence":1,"id":"t1","state":"Failed","parameters":{"lr":1e-4,"net":{"_name":"conv","k":3}},)"
      R"("final":null,"finalMetrics":{},"intermediate":[],"attempt":1,"node":"n2",)"
      R"("createdAt":"2026-01-01T00:00:00.003Z","startedAt":"2026-01-01T00:00:00.021Z",)"
      R"("endedAt":"2026-01-01T00:00:04.000Z","durationSeconds":3.979,)"
      R"("reason":"worker-0, \"exit\" code 1"},)");
  const auto& running = (*parsed.as_array())[2];
  CHECK(*running.find("state")->as_string() == "Running");
  CHECK(running.find("endedAt")->is_null());
  CHECK(running.find("durationSeconds")->to_double() == 9.978);
  const auto& waiting = (*parsed.as_array())[3];
  CHECK(*waiting.find("state")->as_string() == "Pending");
  CHECK(waiting.find("startedAt")->is_null());
  CHECK(waiting.find("durationSeconds")->is_null());
  CHECK(*waiting.find("reason")->as_string() == "waits for 2 GPUs, 0 of 1 free");
}

TEST_CASE("get experiments as JSON has the contract's keys", "[cli]") {
  Home home;
  std::ostringstream out;
  value(write_experiments(*home.store, home.options(Format::json), out));
  CHECK(
      out.str() ==
      "[\n"
      R"({"id":"mnist-p4iyq","name":"mnist","phase":"RUNNING","maxTrialNum":20,"trialConcurrency":3,)"
      R"("counts":{"pending":1,"running":1,"succeeded":1,"failed":1,"earlyStopped":0,"killed":0},)"
      R"("best":{"sequence":0,"value":0.9853,"parameters":{"lr":0.10,"units":16,"act":"relu"}},)"
      R"("startedAt":"2026-01-01T00:00:00.001Z","endedAt":null,"reason":""})"
      "\n]\n");
}

TEST_CASE("an empty home has empty tables and an empty array", "[cli]") {
  TemporaryFolder folder;
  auto write = writer(folder.database());
  auto store = value(open_reader(folder.database()));
  std::ostringstream out;
  value(write_experiments(*store, {Format::json, t0}, out));
  CHECK(value(parse_json(out.str())).as_array()->empty());
  value(write->commit({append("a-11111", {submitted("a")})}));
  std::ostringstream trials;
  value(write_trials(*store, "a", {Format::json, t0}, trials));
  CHECK(value(parse_json(trials.str())).as_array()->empty());
  auto unknown = write_trials(*store, "b", {Format::json, t0}, trials);
  CHECK(unknown.error().code == ErrorCode::not_found);
}

TEST_CASE("the table of trials shows state, results, parameters and why one waits", "[cli]") {
  Home home;
  auto lines = lines_of(home.trials(Format::table));
  REQUIRE(lines.size() == 5);
  CHECK(lines[0] == "SEQ  ID  STATE      TIME   LATEST  FINAL   PARAMETERS");
  CHECK(lines[1] == "0    t0  Succeeded  3.2s   -       0.9853  lr: 0.10, units: 16, act: relu");
  CHECK(lines[2] ==
        "1    t1  Failed     4.0s   -       -       lr: 1e-4, net: {_name: conv, k: 3}  "
        "(worker-0, \"exit\" code 1)");
  CHECK(lines[3] == "2    t2  Running    10.0s  0.125   -       x: 0.1");
  CHECK(lines[4] ==
        "3    t3  Pending    -      -       -       x: 0.1  (waits for 2 GPUs, 0 of 1 free)");
  CHECK_THAT(home.trials(Format::wide), Catch::Contains("ATTEMPT") && Catch::Contains("n2"));
}

TEST_CASE("the table of experiments shows counts and the best", "[cli]") {
  Home home;
  std::ostringstream out;
  value(write_experiments(*home.store, home.options(Format::table), out));
  auto lines = lines_of(out.str());
  REQUIRE(lines.size() == 2);
  CHECK(lines[0] == "ID           PHASE    TRIALS  RUNNING  SUCCEEDED  FAILED  BEST    TIME");
  CHECK(lines[1] == "mnist-p4iyq  RUNNING  2/20    1        1          1       0.9853  10.0s");
  std::ostringstream csv;
  value(write_experiments(*home.store, home.options(Format::csv), csv));
  CHECK_THAT(csv.str(),
             Catch::Contains("mnist-p4iyq,mnist,RUNNING,20,3,1,1,1,1,0,0,0.9853,0,2026-01-01T"));
}

TEST_CASE("CSV has a column for each metric and parameter, nested ones too", "[cli]") {
  Home home;
  auto lines = lines_of(home.trials(Format::csv));
  REQUIRE(lines.size() == 5);
  CHECK(lines[0] ==
        "sequence,id,state,final,metric.default,metric.loss,parameter.lr,parameter.units,"
        "parameter.act,parameter.net/_name,parameter.net/k,parameter.x,attempt,node,createdAt,"
        "startedAt,endedAt,durationSeconds,reason\r");
  CHECK(lines[1] ==
        "0,t0,Succeeded,0.9853,0.9853,NaN,0.10,16,relu,,,,1,n1,2026-01-01T00:00:00.002Z,"
        "2026-01-01T00:00:00.020Z,2026-01-01T00:00:03.220Z,3.2,\r");
  CHECK(lines[2] ==
        "1,t1,Failed,,,,1e-4,,,conv,3,,1,n2,2026-01-01T00:00:00.003Z,2026-01-01T00:00:00.021Z,"
        "2026-01-01T00:00:04.000Z,3.979,\"worker-0, \"\"exit\"\" code 1\"\r");
}

TEST_CASE("best is what a script feeds on, or words", "[cli]") {
  Home home;
  std::ostringstream json;
  value(write_best(*home.store, "mnist", home.options(Format::json), json));
  CHECK(json.str() ==
        "{\"sequence\":0,\"value\":0.9853,\"parameters\":{\"lr\":0.10,\"units\":16,\"act\":"
        "\"relu\"}}\n");
  std::ostringstream words;
  value(write_best(*home.store, "mnist", home.options(Format::table), words));
  CHECK(words.str() ==
        "trial mnist-p4iyq/0: default = 0.9853\n  lr     0.10\n  units  16\n  act    \"relu\"\n");

  TemporaryFolder folder;
  auto write = writer(folder.database());
  value(write->commit({append("a-11111", {submitted("a")})}));
  auto store = value(open_reader(folder.database()));
  auto none = write_best(*store, "a", {Format::json, t0}, words);
  CHECK(none.error().code == ErrorCode::not_found);
  CHECK_THAT(none.error().message, Catch::Contains("a-11111"));
}

TEST_CASE("describe tells an experiment's facts, what waits and why, and its events in order",
          "[cli]") {
  Home home;
  std::ostringstream out;
  value(describe_experiment(*home.store, "mnist", home.options(Format::table), out));
  CHECK_THAT(out.str(), Catch::Contains("mnist-p4iyq") && Catch::Contains("RUNNING") &&
                            Catch::Contains("1 pending, 1 running, 1 succeeded, 1 failed") &&
                            Catch::Contains("tuner TPE {\"optimize_mode\": \"maximize\"}") &&
                            Catch::Contains("0.9853 by trial 0") &&
                            Catch::Contains("Waiting:\n  trial 3  waits for 2 GPUs"));
  auto first = out.str().find("submitted with seed 7");
  auto last = out.str().find("trial 1 ended Failed: worker-0");
  REQUIRE(first != std::string::npos);
  REQUIRE(last != std::string::npos);
  CHECK(first < last);

  std::ostringstream json;
  value(describe_experiment(*home.store, "mnist", home.options(Format::json), json));
  auto parsed = value(parse_json(json.str()));
  CHECK(*parsed.find("id")->as_string() == "mnist-p4iyq");
  const auto& events = *parsed.find("events")->as_array();
  REQUIRE(events.size() == 17);
  CHECK(*events[0].find("kind")->as_string() == "experimentSubmitted");
  CHECK(*events[1].find("text")->as_string() == "phase RUNNING");
  CHECK(*events[1].find("at")->as_string() == "2026-01-01T00:00:00.001Z");
}

TEST_CASE("describe tells a trial's facts and its events alone", "[cli]") {
  Home home;
  std::ostringstream out;
  value(describe_trial(*home.store, "mnist", 0, home.options(Format::table), out));
  CHECK_THAT(out.str(), Catch::Contains("mnist-p4iyq/0 (t0)") && Catch::Contains("Final loss:") &&
                            Catch::Contains("2 results") && Catch::Contains("at step 20") &&
                            Catch::Contains("  lr     0.10") &&
                            Catch::Contains("trial 0, attempt 1 is launched on n1"));
  CHECK_THAT(out.str(), !Catch::Contains("trial 1"));
  std::ostringstream json;
  value(describe_trial(*home.store, "mnist", 3, home.options(Format::json), json));
  auto parsed = value(parse_json(json.str()));
  CHECK(*parsed.find("reason")->as_string() == "waits for 2 GPUs, 0 of 1 free");
  CHECK(parsed.find("events")->as_array()->size() == 2);
  CHECK(describe_trial(*home.store, "mnist", 9, home.options(Format::json), json).error().code ==
        ErrorCode::not_found);
}

TEST_CASE("export holds all trials and all metrics", "[cli]") {
  Home home;
  std::ostringstream json;
  value(export_trials(*home.store, "mnist", home.options(Format::json), json));
  auto parsed = value(parse_json(json.str()));
  CHECK(*parsed.find("experiment")->find("id")->as_string() == "mnist-p4iyq");
  const auto& trials = *parsed.find("trials")->as_array();
  REQUIRE(trials.size() == 4);
  CHECK(to_json(*trials[0].find("intermediate")) ==
        R"([{"step":10,"value":0.5,"metrics":{"default":0.5}},)"
        R"({"step":20,"value":"NaN","metrics":{"default":"NaN","loss":0.25}}])");
  std::ostringstream csv;
  value(export_trials(*home.store, "mnist", home.options(Format::csv), csv));
  auto lines = lines_of(csv.str());
  REQUIRE(lines.size() == 5);
  CHECK_THAT(lines[0], Catch::EndsWith(",reason,intermediate\r"));
  CHECK_THAT(
      lines[1],
      Catch::EndsWith("\"\"metrics\"\":{\"\"default\"\":\"\"NaN\"\",\"\"loss\"\":0.25}}]\"\r"));
  CHECK(export_trials(*home.store, "mnist", home.options(Format::table), csv).error().code ==
        ErrorCode::invalid_argument);
}

TEST_CASE("many reports are read trial by trial, with the same result", "[cli]") {
  TemporaryFolder folder;
  auto write = writer(folder.database());
  value(write->commit(
      {append("a-11111", {submitted("a"), created(0), created(1), launched(0), launched(1)})}));
  for (Sequence sequence : {0, 1}) {
    std::vector<pb::Report> reports;
    for (int line = 1; line <= 101'000; ++line)
      reports.push_back(report(sequence, line, {{"default", line}}));
    value(write->commit({AddReports{"a-11111", reports}}));
  }
  auto store = value(open_reader(folder.database()));
  IntermediateReports reports(*store, "a-11111");
  value(reports.open(value(store->trials("a-11111"))));
  for (Sequence sequence : {0, 1}) {
    auto of_trial = value(reports.of(sequence));
    REQUIRE(of_trial.size() == 101'000);
    CHECK(of_trial.front().sequence() == sequence);
  }
}

TEST_CASE("what a trial wrote cannot steer a terminal", "[cli]") {
  CHECK(printable("a\x1b[31mb\nc\x7f") == "a?[31mb?c?");
  CHECK(printable("caf\xc3\xa9 \xe2\x82\xac") == "caf\xc3\xa9 \xe2\x82\xac");
  CHECK(printable("\xc2\x9b") == "?");
  CHECK(words_of(notice("bell \a", 3)) == "trial 3: bell ?");
}

TEST_CASE("every event has words and a kind", "[cli]") {
  pb::Event stop;
  stop.mutable_trial_stop_requested()->set_sequence(4);
  stop.mutable_trial_stop_requested()->set_by("assessor");
  stop.mutable_trial_stop_requested()->set_reason("worse than the median");
  CHECK(words_of(stop) == "trial 4 is to stop, says the assessor: worse than the median");
  CHECK(kind_of(stop) == "trialStopRequested");
  pb::Event again = requeued(2, "its node was lost");
  again.mutable_trial_requeued()->set_not_before_ms(1500);
  CHECK(words_of(again) == "trial 2 waits again for at least 1.5 s: its node was lost");
  pb::Event lines;
  lines.mutable_lines_rejected()->set_sequence(1);
  lines.mutable_lines_rejected()->set_attempt(2);
  lines.mutable_lines_rejected()->set_replica("worker-0");
  lines.mutable_lines_rejected()->add_lines(7);
  lines.mutable_lines_rejected()->add_lines(9);
  lines.mutable_lines_rejected()->set_total(2);
  lines.mutable_lines_rejected()->set_example("oops");
  CHECK(words_of(lines) == "trial 1, attempt 2, worker-0: 2 lines are no report (line 7, 9): oops");
  auto failed = attempt_ended(1, 1, "Failed", "out of memory");
  failed.mutable_attempt_ended()->set_signal(9);
  CHECK(words_of(failed) == "trial 1, attempt 1 ended Failed, signal 9: out of memory");
  CHECK(kind_of(pb::Event()) == "unknown");
}

TEST_CASE("an event file has TensorBoard's records", "[cli]") {
  // Length 0: the CRC-32C of eight zero bytes is 0x8c28b28a, of nothing 0 (RFC 3720's table for the algorithm);
  // masked: rotated right by 15, plus 0xa282ead8.
  const std::string empty = tensorboard_record("");
  REQUIRE(empty.size() == 16);
  auto word = [&](std::size_t i) {
    std::uint32_t x = 0;
    for (std::size_t k = 4; k-- > 0;)
      x = x << 8 | static_cast<unsigned char>(empty[i + k]);
    return x;
  };
  auto masked = [](std::uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xa282ead8u; };
  CHECK(word(8) == masked(0x8c28b28a));
  CHECK(word(12) == masked(0));

  Home home;
  std::ostringstream said;
  value(export_tensorboard(*home.store, "mnist", home.folder.path() / "tb", said));
  CHECK_THAT(said.str(), Catch::StartsWith("4 runs written"));
  auto path = home.folder.path() / "tb" / "0-t0" / "events.out.tfevents.1767225600.autotune";
  std::ifstream file(path, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(file), {}};
  CHECK(bytes.find("brain.Event:2") != std::string::npos);
  CHECK(bytes.find("final/default") != std::string::npos);
  // Four records: the version, two reports, the final result.
  int records = 0;
  for (std::size_t i = 0; i < bytes.size(); ++records) {
    REQUIRE(i + 12 <= bytes.size());
    auto n = static_cast<unsigned char>(bytes[i]) + 256u * static_cast<unsigned char>(bytes[i + 1]);
    i += 12 + n + 4;
    REQUIRE(i <= bytes.size());
  }
  CHECK(records == 4);
}

TEST_CASE("an output format that is unknown is refused with those that are known", "[cli]") {
  CHECK(value(format_of("")) == Format::table);
  CHECK(value(format_of("json")) == Format::json);
  auto unknown = format_of("xml");
  CHECK(unknown.error().code == ErrorCode::invalid_argument);
  CHECK_THAT(unknown.error().message, Catch::Contains("'xml'") && Catch::Contains("csv, json"));
}
