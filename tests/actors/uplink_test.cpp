// The uplink alone: how often it speaks to a head that goes and comes back.
#include <catch2/catch.hpp>

#include "actors/head.hpp"
#include "actors/uplink.hpp"
#include "one_thread.hpp"

namespace autotune::test {

using namespace std::chrono_literals;

namespace {

struct Line {
  Line() {
    configure(config);
    actors = std::make_unique<OneThread>(config, now);
    UplinkContext context;
    context.node.set_name("a");
    context.incarnation = 1;
    context.lease_ms = [this] {
      return std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
    };
    context.say = [this](const std::string& what) { said.push_back(what); };
    uplink = compat::spawn_state<UplinkActor, UplinkState>(actors->system(), false, context);
  }
  ~Line() {
    caf::anon_send_exit(uplink, caf::exit_reason::kill);
    lose_head();
    uplink = nullptr;
  }

  /// A head that counts heartbeats and answers none.
  void find_head() {
    head = actors->system().spawn([this]() -> ControlEndpoint::behavior_type {
      return {[](const pb::ControlRequest&) { return pb::ControlResponse(); },
              [this](const pb::NodeFrame& frame) { beats += frame.has_heartbeat() ? 1 : 0; }};
    });
    compat::anon_send(uplink, HeadFound{caf::actor_cast<caf::strong_actor_ptr>(head), ""});
    actors->run();
  }
  void lose_head() {
    caf::anon_send_exit(head, caf::exit_reason::kill);
    head = nullptr;
    actors->run();
  }
  void pass(std::chrono::milliseconds span) {
    for (auto until = now + span; now < until;) {
      now += 50ms;
      actors->advance(50ms);
      actors->run();
    }
  }

  Time now = Time{} + 1h;
  caf::actor_system_config config;
  std::unique_ptr<OneThread> actors;
  UplinkActor uplink;
  ControlEndpoint head;
  int beats = 0;
  std::vector<std::string> said;
};

}  // namespace

TEST_CASE("a head that comes back at once hears one heartbeat a second", "[uplink]") {
  Line line;
  line.find_head();
  CHECK(line.beats == 1);
  line.pass(2s);
  CHECK(line.beats == 3);
  for (int i = 0; i < 5; ++i) {
    line.lose_head();
    line.find_head();
  }
  line.beats = 0;
  line.pass(4s);
  CHECK(line.beats == 4);
}

TEST_CASE("a head that answers nothing is looked for anew, and what is said is said once",
          "[uplink]") {
  Line line;
  line.find_head();
  line.pass(20s);
  CHECK(line.beats < 10);
  REQUIRE(line.said.size() == 1);
  CHECK_THAT(line.said[0], Catch::Contains("lost the connection"));
  line.find_head();
  line.pass(20s);
  CHECK(line.said.size() == 1);
}

TEST_CASE("a head whose epoch is over does not keep the line", "[uplink]") {
  Line line;
  auto answer = [&](std::uint64_t epoch) {
    pb::NodeFrame frame;
    frame.set_incarnation(1);
    frame.set_session(7);
    frame.set_epoch(epoch);
    frame.mutable_answer()->set_sent_at_ms(
        std::chrono::duration_cast<std::chrono::milliseconds>(line.now.time_since_epoch()).count());
    frame.mutable_answer()->set_lease_ms(60000);
    frame.mutable_answer()->set_interval_ms(1000);
    compat::anon_send(line.uplink, std::move(frame));
    line.actors->run();
  };
  line.find_head();
  for (int second = 0; second < 10; ++second) {
    answer(5);
    line.pass(1s);
  }
  CHECK(line.said == std::vector<std::string>{"connected"});
  for (int second = 0; second < 10; ++second) {
    answer(4);
    line.pass(1s);
  }
  REQUIRE(line.said.size() >= 3);
  CHECK_THAT(line.said[1], Catch::Contains("epoch 4") && Catch::Contains("epoch 5"));
  CHECK_THAT(line.said[2], Catch::Contains("lost the connection"));
}

}  // namespace autotune::test
