#include <cmath>
#include <limits>

#include "tests/store/either_store.hpp"

using namespace autotune;
using namespace autotune::test;

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

using Store = EitherStore;

}  // namespace

TEST_CASE("an experiment's whole life is read back as it was written", "[store][contract]") {
  Store store;
  store.commit({append(
      "a-11111", {at(10, submitted("a")), at(11, phase(pb::PHASE_RUNNING)),
                  at(12, created(0, R"({"x": 1e-4, "n": 16})")), at(13, launched(0, 1, "n1"))})});
  store.commit({append("a-11111", {at(14, started(0))})});
  store.commit({append("a-11111",
                       {at(20, attempt_ended(0, 1, "Succeeded")),
                        at(21, ended(0, pb::TRIAL_STATE_SUCCEEDED,
                                     {{"default", 0.75}, {"loss", not_a_number}}, "fine")),
                        at(22, created(1))},
                       {report(0, 1, {{"default", 0.5}})})});

  auto experiments = value(store.read->experiments());
  REQUIRE(experiments.size() == 1);
  const auto& e = experiments[0];
  CHECK(e.id() == "a-11111");
  CHECK(e.name() == "a");
  CHECK(e.phase() == pb::PHASE_RUNNING);
  CHECK(e.max_trial_num() == 20);
  CHECK(e.trial_concurrency() == 3);
  CHECK(e.counts().succeeded() == 1);
  CHECK(e.counts().pending() == 1);
  CHECK(e.counts().running() == 0);
  CHECK(e.best().sequence() == 0);
  CHECK(e.best().value() == 0.75);
  CHECK(e.best().parameters_json() == R"({"x": 1e-4, "n": 16})");
  CHECK(e.created_at_ms() == 10);
  CHECK(e.started_at_ms() == 11);
  CHECK(e.ended_at_ms() == 0);
  CHECK(e.spec().search_space_json() == R"({"x": {"_type": "uniform", "_value": [0, 1]}})");
  CHECK(e.options().folder() == "/somewhere");

  auto trials = value(store.read->trials("a-11111"));
  REQUIRE(trials.size() == 2);
  const auto& t = trials[0];
  CHECK(t.id() == "t0");
  CHECK(t.state() == pb::TRIAL_STATE_SUCCEEDED);
  CHECK(t.parameters_json() == R"({"x": 1e-4, "n": 16})");
  REQUIRE(t.final_metrics_size() == 2);
  CHECK(t.final_metrics(0).value() == 0.75);
  CHECK(t.final_metrics(1).name() == "loss");
  CHECK(std::isnan(t.final_metrics(1).value()));
  CHECK(t.attempt() == 1);
  CHECK(t.node() == "n1");
  CHECK(t.created_at_ms() == 12);
  CHECK(t.started_at_ms() == 14);
  CHECK(t.ended_at_ms() == 21);
  CHECK(t.reason() == "fine");
  CHECK(t.intermediate_count() == 1);
  CHECK(trials[1].state() == pb::TRIAL_STATE_PENDING);
  CHECK(value(store.read->trial("a-11111", 0)).SerializeAsString() == t.SerializeAsString());
}

TEST_CASE("events come back in order, whole or of one trial", "[store][contract]") {
  Store store;
  std::vector<pb::Event> written{
      submitted("a"), phase(pb::PHASE_RUNNING), created(0),          created(1),
      launched(0),    notice("for all"),        notice("of one", 1), launched(1)};
  store.commit({append("a-11111", written), append("b-22222", {submitted("b"), created(0)})});
  store.commit({append("a-11111", {ended(0, pb::TRIAL_STATE_FAILED)})});
  written.push_back(ended(0, pb::TRIAL_STATE_FAILED));

  auto events = value(store.read->events("a-11111"));
  REQUIRE(events.size() == written.size());
  for (std::size_t i = 0; i < events.size(); ++i) {
    CHECK(events[i].event.SerializeAsString() == written[i].SerializeAsString());
    if (i > 0)
      CHECK(events[i].number > events[i - 1].number);
  }
  auto of_trial = value(store.read->events("a-11111", 0));
  REQUIRE(of_trial.size() == 3);
  CHECK(of_trial[0].event.has_trial_created());
  CHECK(of_trial[1].event.has_attempt_launched());
  CHECK(of_trial[2].event.has_trial_ended());
  auto of_other = value(store.read->events("a-11111", 1));
  REQUIRE(of_other.size() == 3);
  CHECK(of_other[1].event.notice().text() == "of one");
  CHECK(value(store.read->events("a-11111", 5)).empty());
  CHECK(value(store.read->events("b-22222")).size() == 2);
}

TEST_CASE("a fold over the events sees each once, in order, however many", "[store][contract]") {
  const Sequence trials = GENERATE(0, 1, 999, 1000, 5000);  // some end with a batch of rows
  CAPTURE(trials);
  Store store;
  std::vector<pb::Event> written{submitted("a")};
  for (Sequence n = 0; n < trials; ++n) {
    written.push_back(created(n));
    written.push_back(launched(n));
  }
  store.commit({append("a-11111", written), append("b-22222", {submitted("b")})});
  std::size_t seen = 0;
  bool alike = true;
  value(store.read->for_each_event("a-11111", [&](const pb::Event& event) {
    alike = alike && seen < written.size() &&
            event.SerializeAsString() == written[seen].SerializeAsString();
    ++seen;
  }));
  CHECK(seen == written.size());
  CHECK(alike);
  CHECK(store.read->for_each_event("none", [](const pb::Event&) {}).error().code ==
        ErrorCode::not_found);
}

TEST_CASE("a fold that fails on the way is an error, and the reader reads on",
          "[store][contract]") {
  Store store;
  std::vector<pb::Event> written{submitted("a")};
  for (Sequence n = 0; n < 20'000; ++n)
    written.push_back(created(n));
  store.commit({append("a-11111", written)});
  const int last = GENERATE(1, 2500);  // in the first batch, and while rows are read ahead
  int seen = 0;
  auto folded = store.read->for_each_event("a-11111", [&](const pb::Event&) {
    if (++seen == last)
      throw std::out_of_range("no such trial");
  });
  REQUIRE_FALSE(folded);
  CHECK_THAT(folded.error().message, Catch::Contains("no such trial"));
  CHECK(seen == last);
  CHECK(value(store.read->events("a-11111")).size() == written.size());
}

TEST_CASE("an experiment is found by ID, and by name as the newest of it", "[store][contract]") {
  Store store;
  store.commit({append("a-11111", {submitted("a")}), append("a-22222", {submitted("a")}),
                append("b-33333", {submitted("b")})});
  // A name that looks like another's ID does not hide it.
  store.commit({append("a-11111-44444", {submitted("a-11111")})});
  CHECK(value(store.read->experiment("a")).id() == "a-22222");
  CHECK(value(store.read->experiment("a-11111")).id() == "a-11111");
  auto unknown = store.read->experiment("c");
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error().code == ErrorCode::not_found);
  CHECK_THAT(unknown.error().message, Catch::Contains("'c'") && Catch::Contains("b-33333"));
  CHECK(store.read->trials("c").error().code == ErrorCode::not_found);
  auto trial = store.read->trial("a-11111", 3);
  CHECK(trial.error().code == ErrorCode::not_found);
  CHECK_THAT(trial.error().message, Catch::Contains("a-11111/3"));
}

TEST_CASE("a report that is there already is ignored", "[store][contract]") {
  Store store;
  store.commit({append("a-11111", {submitted("a"), created(0), launched(0)})});
  store.commit({AddReports{"a-11111",
                           {report(0, 1, {{"default", 0.1}}), report(0, 2, {{"default", 0.2}})}}});
  auto bytes = value(store.read->stored_bytes("a-11111"));
  store.commit(
      {AddReports{"a-11111", {report(0, 2, {{"default", 9}}), report(0, 1, {{"default", 9}})}}});
  CHECK(value(store.read->stored_bytes("a-11111")) == bytes);
  store.commit(
      {AddReports{"a-11111", {report(0, 2, {{"default", 9}}), report(0, 3, {{"default", 0.3}})}}});
  auto reports = value(store.read->reports("a-11111", 0, pb::REPORT_KIND_UNSPECIFIED));
  REQUIRE(reports.size() == 3);
  CHECK(reports[1].metrics(0).value() == 0.2);
  CHECK(reports[2].line() == 3);
  CHECK(value(store.read->trial("a-11111", 0)).intermediate_count() == 3);
  CHECK(value(store.read->last_report_line({"a-11111", 0, 1}, "worker-0")) == 3);
  CHECK(value(store.read->last_report_line({"a-11111", 0, 1}, "worker-1")) == 0);
  CHECK(value(store.read->last_report_line({"a-11111", 0, 2}, "worker-0")) == 0);
  CHECK(value(store.read->last_report_line({"none", 0, 1}, "worker-0")) == 0);
}

TEST_CASE("reports keep their names, NaN and infinities, steps and kinds", "[store][contract]") {
  Store store;
  auto final_one = report(0, 5, {{"loss", 0.5}, {"default", -infinity}});
  final_one.set_kind(pb::REPORT_KIND_FINAL);
  std::vector<pb::Report> written{
      report(0, 1, {{"default", not_a_number}}), report(0, 2, {{"default", infinity}}),
      report(0, 3, {{"accuracy", not_a_number}}),
      report(0, 4, {{"default", 0.1}, {"a", 1}, {"", -0.5}}), final_one};
  store.commit({append("a-11111", {submitted("a"), created(0), launched(0)}),
                AddReports{"a-11111", written}});
  auto reports = value(store.read->reports("a-11111", 0, pb::REPORT_KIND_UNSPECIFIED));
  REQUIRE(reports.size() == written.size());
  for (std::size_t i = 0; i < reports.size(); ++i)
    CHECK(reports[i].SerializeAsString() == written[i].SerializeAsString());
  CHECK(value(store.read->reports("a-11111", 0, pb::REPORT_KIND_FINAL)).size() == 1);
  CHECK(value(store.read->reports("a-11111", 0, pb::REPORT_KIND_INTERMEDIATE)).size() == 4);
  CHECK(value(store.read->trial("a-11111", 0)).intermediate_count() == 4);
}

TEST_CASE("reports of several replicas come in the order in which they were stored",
          "[store][contract]") {
  Store store;
  store.commit(
      {append("a-11111", {submitted("a"), created(0), created(1), launched(0), launched(1)})});
  auto put = [&](Sequence sequence, std::int64_t line, const std::string& replica) {
    store.commit({AddReports{"a-11111", {report(sequence, line, {{"default", 1}}, 1, replica)}}});
  };
  put(1, 1, "worker-0");
  put(0, 1, "worker-1");
  put(0, 1, "worker-0");
  put(1, 2, "worker-0");
  put(0, 2, "worker-1");
  put(0, 2, "worker-0");
  auto reports = value(store.read->reports("a-11111", {}, pb::REPORT_KIND_INTERMEDIATE));
  std::string order;
  for (const auto& one : reports)
    order += std::to_string(one.sequence()) + "/" + one.replica() + "/" +
             std::to_string(one.line()) + " ";
  CHECK(order == "0/worker-1/1 0/worker-0/1 0/worker-1/2 0/worker-0/2 1/worker-0/1 1/worker-0/2 ");
}

TEST_CASE("only the reports of the newest attempt count", "[store][contract]") {
  Store store;
  store.commit(
      {append("a-11111", {submitted("a"), created(0), launched(0)}),
       AddReports{"a-11111", {report(0, 1, {{"default", 1}}), report(0, 2, {{"default", 2}})}}});
  store.commit(
      {append("a-11111", {requeued(0, "lost"), launched(0, 2)}),
       AddReports{"a-11111",
                  {report(0, 1, {{"default", 7}}, 2), report(0, 3, {{"default", 3}}, 1)}}});
  auto reports = value(store.read->reports("a-11111", 0, pb::REPORT_KIND_UNSPECIFIED));
  REQUIRE(reports.size() == 1);
  CHECK(reports[0].metrics(0).value() == 7);
  CHECK(value(store.read->trial("a-11111", 0)).intermediate_count() == 1);
  // The old ones are still there: what was acknowledged is not forgotten.
  CHECK(value(store.read->last_report_line({"a-11111", 0, 1}, "worker-0")) == 3);
}

TEST_CASE("the newest intermediate report of any replica is the last one", "[store][contract]") {
  Store store;
  store.commit({append("a-11111", {submitted("a"), created(0), launched(0)})});
  CHECK_FALSE(value(store.read->last_report("a-11111", 0)));
  auto final_one = report(0, 3, {{"default", 3}});
  final_one.set_kind(pb::REPORT_KIND_FINAL);
  store.commit(
      {AddReports{"a-11111", {report(0, 1, {{"default", 1}}), report(0, 2, {{"default", 2}})}}});
  store.commit({AddReports{"a-11111", {report(0, 1, {{"default", 7}}, 1, "worker-1"), final_one}}});
  auto last = value(store.read->last_report("a-11111", 0));
  REQUIRE(last);
  CHECK(last->replica() == "worker-1");
  CHECK(last->metrics(0).value() == 7);
  CHECK_FALSE(value(store.read->last_report("a-11111", 9)));
}

TEST_CASE("an edit and the running time are seen by readers", "[store][contract]") {
  Store store;
  pb::Event edited;
  edited.mutable_spec_edited()->set_path("spec.trialConcurrency");
  edited.mutable_spec_edited()->set_value("9");
  store.commit({append("a-11111", {submitted("a")})});
  store.commit({append("a-11111", {edited}), TouchRunningTime{"a-11111", 1234}});
  auto e = value(store.read->experiment("a-11111"));
  CHECK(e.trial_concurrency() == 9);
  CHECK(e.spec().trial_concurrency() == 9);
  CHECK(e.spec().name() == "a");
  CHECK(e.options().folder() == "/somewhere");
  CHECK(e.running_ms() == 1234);
}

TEST_CASE("a deleted experiment leaves nothing behind, and late writes to it are no error",
          "[store][contract]") {
  Store store;
  pb::SecretDocument secret;
  secret.set_name("s");
  store.commit({append("a-11111", {submitted("a"), created(0), launched(0)},
                       {report(0, 1, {{"default", 1}})}),
                append("b-22222", {submitted("b"), created(0)}), PutSecrets{"a-11111", {secret}}});
  auto last = value(store.read->events("b-22222")).back().number;
  store.commit({DeleteExperiment{"b-22222"}, DeleteExperiment{"a-11111"},
                append("a-11111", {started(0)}),
                AddReports{"a-11111", {report(0, 2, {{"default", 1}})}},
                TouchRunningTime{"a-11111", 5}, DeleteExperiment{"never"}});
  CHECK(value(store.read->experiments()).empty());
  CHECK(value(store.read->secrets("a-11111")).empty());
  CHECK(value(store.read->last_report_line({"a-11111", 0, 1}, "worker-0")) == 0);
  // A new experiment, even one of the same row, sees nothing of the old, and event numbers go on rising.
  store.write.reset();
  store.write = store.new_writer();
  store.commit({append("c-33333", {submitted("c"), created(0), launched(0)})});
  CHECK(value(store.read->events("c-33333")).front().number > last);
  CHECK(value(store.read->reports("c-33333", {}, pb::REPORT_KIND_UNSPECIFIED)).empty());
}

TEST_CASE("a commit is all or nothing", "[store][contract]") {
  Store store;
  store.commit({append("a-11111", {submitted("a"), created(0)})});
  auto events = value(store.read->events("a-11111")).size();
  auto twice = store.write->commit({append("a-11111", {launched(0)}),
                                    AddReports{"a-11111", {report(0, 1, {{"default", 1}})}},
                                    append("a-11111", {submitted("a")})});
  REQUIRE_FALSE(twice);
  CHECK(twice.error().code == ErrorCode::already_exists);
  auto again = store.write->commit({append("a-11111", {launched(0), created(0)})});
  REQUIRE_FALSE(again);
  CHECK(again.error().code == ErrorCode::internal);
  pb::Event empty;
  CHECK(store.write->commit({append("a-11111", {launched(0), empty})}).error().code ==
        ErrorCode::invalid_argument);
  CHECK(value(store.read->events("a-11111")).size() == events);
  CHECK(value(store.read->trial("a-11111", 0)).attempt() == 0);
  CHECK(value(store.read->experiment("a-11111")).counts().pending() == 1);
  // The writer goes on, and numbers have no gap that tells of the failures.
  store.commit({append("a-11111", {launched(0)})});
  auto all = value(store.read->events("a-11111"));
  CHECK(all.back().number == all.front().number + 2);
}

TEST_CASE("stored bytes grow with what is written, by experiment", "[store][contract]") {
  Store store;
  store.commit({append("a-11111", {submitted("a"), created(0), launched(0)}),
                append("b-22222", {submitted("b")})});
  auto before = value(store.read->stored_bytes("a-11111"));
  auto other = value(store.read->stored_bytes("b-22222"));
  CHECK(before > 0);
  std::vector<pb::Report> reports;
  for (int line = 1; line <= 1000; ++line)
    reports.push_back(report(0, line, {{"default", 1.0 / line}}));
  store.commit({AddReports{"a-11111", reports}});
  auto grown = value(store.read->stored_bytes("a-11111")) - before;
  CHECK(grown > 20'000);
  CHECK(grown < 60'000);
  CHECK(value(store.read->stored_bytes("b-22222")) == other);
  CHECK(store.read->stored_bytes("none").error().code == ErrorCode::not_found);
}

TEST_CASE("what a trial wrote that is not UTF-8 is mended, not lost", "[store][contract]") {
  Store store;
  pb::Event rejected;
  auto* what = rejected.mutable_lines_rejected();
  what->set_sequence(0);
  what->set_attempt(1);
  what->set_replica("worker-0");
  what->set_example("caf\xe9 \xff\xfe ok \xe2\x82\xac");
  store.commit({append("a-11111", {submitted("a"), created(0), rejected})});
  auto events = value(store.read->events("a-11111", 0));
  REQUIRE(events.size() == 2);
  CHECK(events[1].event.lines_rejected().example() ==
        "caf\xef\xbf\xbd \xef\xbf\xbd\xef\xbf\xbd ok \xe2\x82\xac");
}
