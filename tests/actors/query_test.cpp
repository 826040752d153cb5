// Control's queries and watches, as another CAF program asks them.
#include <catch2/catch.hpp>

#include "actors/head.hpp"
#include "experiment_driver.hpp"
#include "launchers/simulated.hpp"
#include "memory_store.hpp"
#include "one_thread.hpp"

namespace autotune::test {

using namespace std::chrono_literals;

namespace {

/// A head on one thread, whose database outlives it.
class World {
 public:
  World() { start(); }
  ~World() { kill(); }

  void start() {
    config_ = std::make_unique<caf::actor_system_config>();
    configure(*config_);
    actors_ = std::make_unique<OneThread>(*config_, now_);
    HeadOptions options;
    options.writer = memory_writer(database);
    options.open_reader = [this]() -> Result<std::unique_ptr<StoreReader>> {
      return memory_reader(database);
    };
    options.launcher = std::make_shared<SimulatedLauncher>();
    options.node = {"here", 1, 1 << 30, {}};
    options.detached = false;
    head_ = spawn_head(actors_->system(), options);
    control = head_.control;
  }

  void kill() {
    for (const auto& actor :
         {caf::actor_cast<caf::actor>(head_.control), caf::actor_cast<caf::actor>(head_.agent),
          caf::actor_cast<caf::actor>(head_.placement), caf::actor_cast<caf::actor>(head_.sink),
          caf::actor_cast<caf::actor>(head_.query), caf::actor_cast<caf::actor>(head_.store)})
      caf::anon_send_exit(actor, caf::exit_reason::kill);
    head_ = {};
    control = nullptr;
    actors_->run();
    actors_->drop_timers();
    actors_.reset();
  }

  void pass(std::chrono::milliseconds span) {
    for (auto until = now_ + span; now_ < until;) {
      now_ += 50ms;
      actors_->advance(50ms);
      actors_->run();
    }
  }

  void ask(pb::ControlRequest request) {
    caf::scoped_actor self{actors_->system()};
    compat::send(self.ptr(), control, std::move(request));
    run();
  }
  /// Events, as the experiment's own actor would have them stored.
  void append(std::vector<pb::Event> events) {
    caf::scoped_actor self{actors_->system()};
    compat::send(self.ptr(), head_.store, Write{0, AppendEvents{"e-aaaaa", {}, std::move(events)}});
    pass(100ms);
  }
  void remove() {
    std::erase_if(database->experiments, [](const auto&) { return true; });
  }

  caf::actor_system& system() { return actors_->system(); }
  void run() { actors_->run(); }

  std::shared_ptr<MemoryDatabase> database = std::make_shared<MemoryDatabase>();
  ControlService control;

 private:
  Time now_ = Time{} + 1h;
  std::unique_ptr<caf::actor_system_config> config_;
  std::unique_ptr<OneThread> actors_;
  Head head_;
};

pb::Event event(const std::string& name) {
  pb::Event one;
  one.mutable_experiment_submitted()->mutable_spec()->set_name(name);
  return one;
}

pb::Event notice(const std::string& text) {
  pb::Event one;
  one.mutable_notice()->set_text(text);
  return one;
}

/// What a watcher has heard.
struct Heard {
  std::vector<std::int64_t> numbers;
  std::vector<std::string> errors;
  int batches = 0;
};

/// An actor that asks for the next events each time it was told some.
caf::actor watcher(World& world, std::shared_ptr<Heard> heard, std::int64_t after,
                   const std::string& name = "e") {
  return world.system().spawn([heard, after, name,
                               to = world.control](caf::event_based_actor* self) {
    auto ask = std::make_shared<std::function<void(std::int64_t)>>();
    *ask = [self, heard, to, ask, name](std::int64_t known) {
      pb::Watch watch;
      watch.set_experiment_id(name);
      watch.set_after(known);
      compat::request(self, to, 1min, watch)
          .then(
              [heard, ask, known](const pb::EventBatch& batch) {
                ++heard->batches;
                auto last = known;
                for (const auto& one : batch.events())
                  heard->numbers.push_back(last = one.number());
                if (batch.error().empty())
                  (*ask)(last);
                else
                  heard->errors.push_back(batch.error());
              },
              [heard](const caf::error& error) { heard->errors.push_back(caf::to_string(error)); });
    };
    self->attach_functor([ask] { *ask = nullptr; });
    (*ask)(after);
  });
}

}  // namespace

TEST_CASE("control answers queries of whoever has its handle", "[query]") {
  World world;
  world.append({event("e")});
  std::string id;
  world.system().spawn([&id, to = world.control](caf::event_based_actor* self) {
    pb::Query query;
    query.mutable_find_experiment()->set_id_or_name("e");
    compat::request(self, to, 1min, query).then([&id](const pb::QueryAnswer& answer) {
      id = answer.experiments(0).id();
    });
  });
  world.run();
  CHECK(id == "e-aaaaa");
}

TEST_CASE("a watcher hears what is stored, then what happens, and goes on after a restart",
          "[watch]") {
  World world;
  world.append({event("e"), notice("a")});
  auto heard = std::make_shared<Heard>();
  auto first = watcher(world, heard, 0);
  world.run();
  CHECK(heard->numbers == std::vector<std::int64_t>{1, 2});
  world.append({notice("b")});
  world.pass(1100ms);
  CHECK(heard->numbers == std::vector<std::int64_t>{1, 2, 3});
  first = nullptr;
  world.kill();
  // What it heard last is all that it needs to know.
  auto writer = memory_writer(world.database);
  REQUIRE(writer->commit({AppendEvents{"e-aaaaa", {}, {notice("c")}}}));
  world.start();
  auto second = watcher(world, heard, heard->numbers.back());
  world.run();
  CHECK(heard->numbers == std::vector<std::int64_t>{1, 2, 3, 4});
  caf::anon_send_exit(second, caf::exit_reason::user_shutdown);
  world.run();
}

TEST_CASE("a watcher hears of what an experiment does when it is durable", "[watch]") {
  World world;
  pb::ControlRequest request;
  auto& spec = *request.mutable_submit()->mutable_spec();
  spec = small_spec(2, 1);
  spec.mutable_tuner()->set_name("Random");
  world.ask(request);
  world.pass(100ms);
  REQUIRE(world.database->experiments.size() == 1);
  const auto& stored = world.database->experiments[0].events;
  auto heard = std::make_shared<Heard>();
  auto one = watcher(world, heard, 0, "small");
  world.run();
  CHECK(heard->numbers.size() == stored.size());
  auto before = stored.size();
  request.mutable_command()->set_experiment_id("small");
  request.mutable_command()->set_verb("pause");
  world.ask(request);
  world.pass(WatchLimits{}.look / 2);  // no look of the clock's is between
  REQUIRE(stored.size() > before);
  REQUIRE(heard->numbers.size() == stored.size());
  for (std::size_t i = 0; i < stored.size(); ++i)
    CHECK(heard->numbers[i] == stored[i].number);
  caf::anon_send_exit(one, caf::exit_reason::user_shutdown);
  world.run();
}

TEST_CASE("a watcher of nothing new hears that, now and then", "[watch]") {
  World world;
  world.append({event("e")});
  auto heard = std::make_shared<Heard>();
  auto one = watcher(world, heard, 1);
  world.pass(WatchLimits{}.hold * 3 + 3s);
  CHECK(heard->batches >= 2);
  CHECK(heard->batches <= 3);
  CHECK(heard->numbers.empty());
  world.remove();
  world.pass(1100ms);
  CHECK(heard->errors.size() == 1);  // it is gone
  caf::anon_send_exit(one, caf::exit_reason::user_shutdown);
  world.run();
}

}  // namespace autotune::test
