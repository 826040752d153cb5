// A reader over queries gives what a reader of the database gives, however small the pages are.
#include "cli/remote_reader.hpp"

#include <catch2/catch.hpp>

#include "actors/query_core.hpp"
#include "tests/cli/temporary_home.hpp"

using namespace autotune;
using namespace autotune::test;

namespace {

pb::Event launched(std::int64_t sequence, int attempt) {
  pb::Event event;
  event.mutable_attempt_launched()->set_sequence(sequence);
  event.mutable_attempt_launched()->set_attempt(attempt);
  event.mutable_attempt_launched()->set_node("here");
  return event;
}

pb::Report report(std::int64_t sequence, int attempt, std::int64_t line) {
  pb::Report one;
  one.set_sequence(sequence);
  one.set_attempt(attempt);
  one.set_replica("worker-0");
  one.set_line(line);
  one.set_kind(line % 5 == 0 ? pb::REPORT_KIND_FINAL : pb::REPORT_KIND_INTERMEDIATE);
  one.set_step(line);
  auto* metric = one.add_metrics();
  metric->set_name("default");
  metric->set_value(static_cast<double>(line));
  return one;
}

/// A home with two experiments, one of them with trials and reports, and a head that answers queries about it.
struct Head {
  explicit Head(QueryLimits limits) : core({}, limits) {
    store_events(folder.path(), "a-aaaaa", {submitted(named("a"))});
    std::vector<pb::Event> events{submitted(named("b"))};
    for (int i = 0; i < 7; ++i) {
      events.push_back(created(i, "{\"x\": " + std::to_string(i) + "}"));
      events.push_back(launched(i, 1));
    }
    store_events(folder.path(), "b-bbbbb", events);
    std::vector<pb::Report> reports;
    for (int line = 1; line <= 20; ++line)
      for (int i = 0; i < 7; i += 2)
        reports.push_back(report(i, 1, line));
    write(AddReports{"b-bbbbb", reports});
    local = std::move(*open_reader(database_path(folder.path())));
    remote = cli::remote_reader([this](const pb::Query& query) -> Result<pb::QueryAnswer> {
      ++asked;
      if (before_answer)
        before_answer();
      auto answer = core.answer(*local, query);
      longest = std::max(longest, answer.ByteSizeLong());
      if (!answer.error().empty())
        return fail(static_cast<ErrorCode>(answer.error_code()), answer.error());
      return answer;
    });
  }
  void write(StoreWrite what) {
    auto writer = open_writer(database_path(folder.path()));
    REQUIRE(writer);
    REQUIRE((*writer)->commit({std::move(what)}));
  }

  TemporaryFolder folder;
  QueryCore core;
  std::unique_ptr<StoreReader> local;
  std::unique_ptr<StoreReader> remote;
  std::function<void()> before_answer;
  int asked = 0;
  std::size_t longest = 0;
};

QueryLimits pages_of(std::size_t rows, std::size_t bytes) {
  QueryLimits limits;
  limits.page_rows = rows;
  limits.page_bytes = bytes;
  return limits;
}

template <class Rows>
std::vector<std::string> texts(const Result<Rows>& rows) {
  REQUIRE(rows);
  std::vector<std::string> all;
  for (const auto& row : *rows)
    all.push_back(row.ShortDebugString());
  return all;
}

std::vector<std::string> texts(const Result<std::vector<StoredEvent>>& rows) {
  REQUIRE(rows);
  std::vector<std::string> all;
  for (const auto& row : *rows)
    all.push_back(std::to_string(row.number) + " " + row.event.ShortDebugString());
  return all;
}

}  // namespace

TEST_CASE("what is read of a head is what its database holds", "[cli][remote]") {
  auto limits = GENERATE(QueryLimits{}, pages_of(1, 1 << 20), pages_of(3, 1 << 20),
                         pages_of(2000, 1), pages_of(2000, 150));
  Head head(limits);
  auto& local = *head.local;
  auto& remote = *head.remote;
  CHECK(texts(remote.experiments()) == texts(local.experiments()));
  CHECK(remote.experiment("b")->id() == "b-bbbbb");
  CHECK(texts(remote.trials("b-bbbbb")) == texts(local.trials("b-bbbbb")));
  CHECK(texts(remote.trials_from("b-bbbbb", 2, 3)) == texts(local.trials_from("b-bbbbb", 2, 3)));
  CHECK(remote.trial("b-bbbbb", 3)->ShortDebugString() ==
        local.trial("b-bbbbb", 3)->ShortDebugString());
  CHECK(remote.front("b-bbbbb")->trials == local.front("b-bbbbb")->trials);
  for (auto kind :
       {pb::REPORT_KIND_UNSPECIFIED, pb::REPORT_KIND_INTERMEDIATE, pb::REPORT_KIND_FINAL}) {
    CHECK(texts(remote.reports("b-bbbbb", {}, kind)) == texts(local.reports("b-bbbbb", {}, kind)));
    for (Sequence sequence : {2, 3})
      CHECK(texts(remote.reports("b-bbbbb", sequence, kind)) ==
            texts(local.reports("b-bbbbb", sequence, kind)));
  }
  CHECK(local.reports("b-bbbbb", {}, pb::REPORT_KIND_UNSPECIFIED)->size() == 80);
  CHECK((*remote.last_report("b-bbbbb", 2))->line() == 19);
  CHECK_FALSE(remote.last_report("b-bbbbb", 3)->has_value());
  CHECK(remote.last_report_line({"b-bbbbb", 2, 1}, "worker-0") == 20);
  CHECK(remote.stored_bytes("b-bbbbb") == local.stored_bytes("b-bbbbb"));
  CHECK(texts(remote.events("b-bbbbb")) == texts(local.events("b-bbbbb")));
  CHECK(texts(remote.events("b-bbbbb", 3)) == texts(local.events("b-bbbbb", 3)));
  CHECK(texts(remote.events_after("b-bbbbb", 4, 5)) == texts(local.events_after("b-bbbbb", 4, 5)));
  std::size_t visited = 0;
  CHECK(remote.for_each_event("b-bbbbb", [&](const pb::Event&) { ++visited; }));
  CHECK(visited == 15);
}

TEST_CASE("a long answer comes in pages of a bounded size", "[cli][remote]") {
  Head head(pages_of(2000, 500));
  REQUIRE(head.remote->reports("b-bbbbb", {}, pb::REPORT_KIND_UNSPECIFIED));
  CHECK(head.asked > 5);
  CHECK(head.longest < 700);
}

TEST_CASE("what is wrong at a head is wrong here, and secrets stay there", "[cli][remote]") {
  Head head(QueryLimits{});
  auto unknown = head.remote->experiment("c");
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error().code == ErrorCode::not_found);
  CHECK_THAT(unknown.error().message, Catch::Contains("known are: b-bbbbb, a-aaaaa"));
  CHECK(head.remote->trial("b-bbbbb", 99).error().code == ErrorCode::not_found);
  CHECK(head.remote->events("c").error().code == ErrorCode::not_found);
  auto asked = head.asked;
  CHECK(head.remote->secrets("b-bbbbb").error().code == ErrorCode::failed_precondition);
  CHECK(head.asked == asked);
  auto thrown = head.remote->for_each_event(
      "b-bbbbb", [](const pb::Event&) { throw std::runtime_error("enough"); });
  CHECK(thrown.error().message == "enough");
}

TEST_CASE("a trial that starts anew between two pages does not mix its attempts", "[cli][remote]") {
  Head head(pages_of(2000, 200));
  auto restart_at = GENERATE(2, 3);           // within trial 0, whose 20 reports need several pages
  bool other_client = GENERATE(false, true);  // then the head remembers another trial's
  head.before_answer = [&] {
    if (head.asked != restart_at)
      return;
    head.write(AppendEvents{"b-bbbbb", {}, {launched(0, 2)}});
    head.write(AddReports{"b-bbbbb", {report(0, 2, 1), report(0, 2, 2)}});
    pb::Query query;
    query.mutable_list_reports()->set_experiment_id("b-bbbbb");
    query.mutable_list_reports()->set_sequence(2);
    if (other_client)
      CHECK(head.core.answer(*head.local, query).more());
  };
  auto found = head.remote->reports("b-bbbbb", {}, pb::REPORT_KIND_UNSPECIFIED);
  REQUIRE(found);
  std::vector<int> attempts;
  for (const auto& one : *found)
    if (one.sequence() == 0)
      attempts.push_back(one.attempt());
  CHECK(attempts == (other_client ? std::vector<int>(2, 2) : std::vector<int>(20, 1)));
  CHECK(found->size() == 60 + attempts.size());
}

TEST_CASE("an experiment that is deleted between two pages hides no other", "[cli][remote]") {
  Head head(pages_of(2000, 1));
  store_events(head.folder.path(), "c-ccccc", {submitted(named("c"))});
  head.before_answer = [&] {
    if (head.asked == 2)
      head.write(DeleteExperiment{"a-aaaaa"});
  };
  auto found = head.remote->experiments();
  REQUIRE(found);
  std::vector<std::string> ids;
  for (const auto& one : *found)
    ids.push_back(one.id());
  CHECK(ids == std::vector<std::string>{"a-aaaaa", "b-bbbbb", "c-ccccc"});
}
