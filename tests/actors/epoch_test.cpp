// Heads that follow each other: what agents heed.
#include <catch2/catch.hpp>

#include "actors/uplink_core.hpp"

namespace autotune::test {

namespace {

pb::NodeFrame frame(std::uint64_t epoch, std::uint64_t session, std::uint64_t number = 0) {
  pb::NodeFrame out;
  out.set_node("a");
  out.set_incarnation(1);
  out.set_session(session);
  out.set_number(number);
  out.set_epoch(epoch);
  return out;
}

struct Agent {
  Agent() : core(description(), 1) {}

  static pb::NodeDescription description() {
    pb::NodeDescription node;
    node.set_name("a");
    return node;
  }
  UplinkEffects hear(const pb::NodeFrame& said) {
    now += std::chrono::milliseconds(10);
    lease_ms += 10;
    return core.on_frame(now, lease_ms, said);
  }
  /// A head's answer to the heartbeat of now.
  UplinkEffects answered(std::uint64_t epoch, std::uint64_t session) {
    auto said = frame(epoch, session);
    said.mutable_answer()->set_sent_at_ms(lease_ms);
    said.mutable_answer()->set_lease_ms(60000);
    said.mutable_answer()->set_interval_ms(1000);
    return hear(said);
  }
  UplinkEffects launched(std::uint64_t epoch, std::uint64_t session, std::uint64_t number) {
    auto said = frame(epoch, session, number);
    said.mutable_launch()->mutable_plan()->set_experiment_id("e-11111");
    said.mutable_launch()->mutable_plan()->set_attempt(1);
    return hear(said);
  }
  UplinkEffects stopped(std::uint64_t epoch, std::uint64_t session, std::uint64_t number) {
    auto said = frame(epoch, session, number);
    said.mutable_stop()->mutable_attempt()->set_experiment_id("e-11111");
    said.mutable_stop()->mutable_attempt()->set_attempt(1);
    return hear(said);
  }

  UplinkCore core;
  Time now = Time{} + std::chrono::hours(1);
  std::int64_t lease_ms = 5000;
};

template <class Effect>
bool holds(const UplinkEffects& effects) {
  for (const auto& effect : effects)
    if (std::holds_alternative<Effect>(effect))
      return true;
  return false;
}

}  // namespace

TEST_CASE("an agent heeds no head of a lower epoch than it has heeded", "[uplink]") {
  Agent agent;
  CHECK(holds<RenewHere>(agent.answered(2, 7)));
  CHECK(holds<LaunchHere>(agent.launched(2, 7, 1)));
  // Within the same session even: the epoch alone says that this one is over.
  CHECK(agent.stopped(1, 7, 2).empty());
  auto refused = agent.answered(1, 8);
  REQUIRE(refused.size() == 1);
  REQUIRE(holds<RefusedThere>(refused));
  CHECK_THAT(std::get<RefusedThere>(refused[0]).why,
             Catch::Contains("epoch 1") && Catch::Contains("epoch 2"));
  CHECK(holds<StopHere>(agent.stopped(2, 7, 2)));
}

TEST_CASE("the next head names what it wants, and the one before has no voice any more",
          "[uplink]") {
  Agent agent;
  agent.answered(2, 7);
  agent.launched(2, 7, 1);
  CHECK(holds<RenewHere>(agent.answered(3, 9)));
  CHECK(holds<LaunchHere>(agent.launched(3, 9, 1)));
  CHECK(agent.stopped(2, 7, 2).empty());
  CHECK_FALSE(holds<RenewHere>(agent.answered(2, 7)));
  auto named = frame(3, 9, 2);
  named.mutable_named();
  CHECK_FALSE(holds<StopHere>(agent.hear(named)));
  CHECK(agent.core.attempts() == 1);
}

TEST_CASE("heads that are alone with their store have no epoch, and follow each other",
          "[uplink]") {
  Agent agent;
  CHECK(holds<RenewHere>(agent.answered(0, 7)));
  CHECK(holds<RenewHere>(agent.answered(0, 8)));
}

}  // namespace autotune::test
