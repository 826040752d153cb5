// What is answered out of the store, and who is told of events when.
#include "actors/query_core.hpp"

#include <catch2/catch.hpp>

#include "memory_store.hpp"

namespace autotune::test {

using namespace std::chrono_literals;

namespace {

pb::Event submitted(const std::string& name) {
  pb::Event event;
  event.mutable_experiment_submitted()->mutable_spec()->set_name(name);
  return event;
}

pb::Event created(Sequence sequence) {
  pb::Event event;
  event.mutable_trial_created()->set_sequence(sequence);
  event.mutable_trial_created()->set_id("abcd" + std::to_string(sequence));
  return event;
}

/// An experiment `e-aaaaa` with so many trials.
struct World {
  explicit World(Sequence trials = 0) {
    append({submitted("e")});
    for (Sequence i = 0; i < trials; ++i)
      append({created(i)});
  }
  void append(std::vector<pb::Event> events) {
    REQUIRE(writer->commit({AppendEvents{"e-aaaaa", {}, std::move(events)}}));
  }

  std::shared_ptr<MemoryDatabase> database = std::make_shared<MemoryDatabase>();
  std::unique_ptr<StoreWriter> writer = memory_writer(database);
  std::unique_ptr<StoreReader> reader = memory_reader(database);
};

pb::Watch watch(std::int64_t after) {
  pb::Watch asked;
  asked.set_experiment_id("e-aaaaa");
  asked.set_after(after);
  return asked;
}

std::vector<std::int64_t> numbers(const pb::EventBatch& batch) {
  std::vector<std::int64_t> all;
  for (const auto& one : batch.events())
    all.push_back(one.number());
  return all;
}

pb::Query read_log(const std::string& replica, const std::string& stream) {
  pb::Query query;
  query.mutable_read_log()->set_experiment_id("e-aaaaa");
  query.mutable_read_log()->set_replica(replica);
  query.mutable_read_log()->set_stream(stream);
  return query;
}

}  // namespace

TEST_CASE("a question that is not known, or of a newer program, is refused with a word",
          "[query]") {
  World world;
  QueryCore core({});
  CHECK_THAT(core.answer(*world.reader, {}).error(), Catch::Contains("older than this program"));
  pb::Query query;
  query.set_version(query_version + 1);
  query.mutable_find_experiment()->set_id_or_name("e");
  auto newer = core.answer(*world.reader, query);
  CHECK(newer.error_code() == static_cast<int>(ErrorCode::failed_precondition));
  CHECK(newer.experiments_size() == 0);
  query.set_version(query_version);
  CHECK(core.answer(*world.reader, query).experiments(0).id() == "e-aaaaa");
}

TEST_CASE("a page is no larger than its limits, and says that there is more", "[query]") {
  World world(10);
  QueryLimits limits;
  pb::Query query;
  query.mutable_list_trials()->set_experiment_id("e-aaaaa");
  SECTION("rows") { limits.page_rows = 4; }
  SECTION("bytes") {
    auto row = world.reader->trials("e-aaaaa")->front().ByteSizeLong();
    limits.page_bytes = 4 * row;  // full with the fourth
  }
  QueryCore core({}, limits);
  auto page = core.answer(*world.reader, query);
  CHECK(page.trials_size() == 4);
  CHECK(page.more());
  query.mutable_list_trials()->set_first(8);
  page = core.answer(*world.reader, query);
  CHECK(page.trials_size() == 2);
  CHECK_FALSE(page.more());
}

TEST_CASE("what a client names becomes part of no path", "[query]") {
  World world(1);
  std::vector<std::string> read;
  TrialLogs logs;
  logs.list = [](const LogPlace&) -> Result<pb::LogFolder> {
    pb::LogFolder folder;
    folder.add_replicas("worker-0");
    return folder;
  };
  logs.read = [&](const LogPlace& place, const std::string& replica, const std::string& stream,
                  std::int64_t, std::size_t) -> Result<pb::LogPage> {
    read.push_back(place.trial_id + "/" + replica + "/" + stream);
    return pb::LogPage();
  };
  QueryCore core(logs);
  auto code = [&](const pb::Query& query) {
    return static_cast<ErrorCode>(core.answer(*world.reader, query).error_code());
  };
  CHECK(code(read_log("../../..", "stdout")) == ErrorCode::not_found);
  CHECK(code(read_log("worker-0", "../secret.key")) == ErrorCode::invalid_argument);
  auto elsewhere = read_log("worker-0", "stdout");
  elsewhere.mutable_read_log()->set_experiment_id("../other");
  CHECK(code(elsewhere) == ErrorCode::not_found);
  CHECK(read.empty());
  CHECK(core.answer(*world.reader, read_log("worker-0", "stdout")).error().empty());
  CHECK(read == std::vector<std::string>{"abcd0/worker-0/stdout"});
}

TEST_CASE("a watcher is told at once of what is stored, page by page", "[watch]") {
  World world(4);  // events 1 to 5
  QueryLimits pages;
  pages.page_rows = 2;
  WatchCore core({}, pages);
  auto first = core.on_watch(Time{}, 1, watch(0), *world.reader);
  REQUIRE(first.size() == 1);
  CHECK(first[0].first == 1);
  CHECK(numbers(first[0].second) == std::vector<std::int64_t>{1, 2});
  CHECK(first[0].second.experiment_id() == "e-aaaaa");
  CHECK(numbers(core.on_watch(Time{}, 2, watch(2), *world.reader).at(0).second) ==
        std::vector<std::int64_t>{3, 4});
  CHECK(numbers(core.on_watch(Time{}, 3, watch(4), *world.reader).at(0).second) ==
        std::vector<std::int64_t>{5});
  CHECK_FALSE(core.waits());
}

TEST_CASE("a watcher that knows all waits for what comes, and is told once", "[watch]") {
  World world(1);
  WatchCore core;
  CHECK(core.on_watch(Time{}, 1, watch(2), *world.reader).empty());
  CHECK(core.waits_for("e-aaaaa"));
  CHECK(core.on_events("other", *world.reader).empty());
  CHECK(core.on_events("e-aaaaa", *world.reader).empty());  // of before it asked
  world.append({created(1), created(2)});
  auto told = core.on_events("e-aaaaa", *world.reader);
  REQUIRE(told.size() == 1);
  CHECK(numbers(told[0].second) == std::vector<std::int64_t>{3, 4});
  CHECK(core.on_events("e-aaaaa", *world.reader).empty());
  CHECK_FALSE(core.waits());
}

TEST_CASE("a watcher hears when its time is over, and when its experiment is gone", "[watch]") {
  World world;
  WatchLimits limits;
  WatchCore core(limits);
  CHECK(core.on_watch(Time{}, 1, watch(1), *world.reader).empty());
  CHECK(core.on_tick(Time{} + limits.hold - 1ms, *world.reader).empty());
  auto over = core.on_tick(Time{} + limits.hold, *world.reader);
  REQUIRE(over.size() == 1);
  CHECK(over[0].second.error().empty());
  CHECK(over[0].second.events_size() == 0);

  CHECK(core.on_watch(Time{}, 2, watch(1), *world.reader).empty());
  REQUIRE(world.writer->commit({DeleteExperiment{"e-aaaaa"}}));
  auto gone = core.on_tick(Time{} + 1s, *world.reader);
  REQUIRE(gone.size() == 1);
  CHECK(gone[0].second.error_code() == static_cast<int>(ErrorCode::not_found));
  CHECK_FALSE(core.waits());
}

TEST_CASE("only so many watchers wait, and one that went makes room", "[watch]") {
  World world;
  WatchLimits limits;
  limits.watchers_max = 2;
  WatchCore core(limits);
  CHECK(core.on_watch(Time{}, 1, watch(1), *world.reader).empty());
  CHECK(core.on_watch(Time{}, 2, watch(1), *world.reader).empty());
  auto refused = core.on_watch(Time{}, 3, watch(1), *world.reader);
  REQUIRE(refused.size() == 1);
  CHECK(refused[0].second.error_code() == static_cast<int>(ErrorCode::resource_exhausted));
  core.on_gone(1);
  CHECK(core.on_watch(Time{}, 4, watch(1), *world.reader).empty());
}

}  // namespace autotune::test
