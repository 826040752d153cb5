// What the head answers to an agent, and what it tells placement and experiments, case by case.
#include <catch2/catch.hpp>

#include "actors/nodes_core.hpp"

namespace autotune::test {

using namespace std::chrono_literals;

namespace {

/// The head's side, and what an agent may say to it.
struct Office {
  NodesEffects beat(const std::string& name, std::uint64_t incarnation,
                    std::uint32_t protocol = 1) {
    pb::NodeFrame frame;
    frame.set_node(name);
    frame.set_incarnation(incarnation);
    frame.set_session(session);
    auto* heartbeat = frame.mutable_heartbeat();
    heartbeat->set_number(++number);
    heartbeat->set_sent_at_ms(static_cast<std::int64_t>(number));
    heartbeat->mutable_node()->set_name(name);
    heartbeat->mutable_node()->set_cpu(4);
    heartbeat->mutable_node()->set_protocol(protocol);
    auto effects = core.on_frame(now, frame);
    for (const auto& effect : effects)
      if (const auto* sent = std::get_if<SendToNode>(&effect);
          sent != nullptr && sent->frame.session() != 0)
        session = sent->frame.session();
    return effects;
  }
  NodesEffects result(const AttemptKey& key, const std::string& outcome) {
    pb::NodeFrame frame;
    frame.set_node("a");
    frame.set_incarnation(1);
    frame.set_session(session);
    frame.set_number(++item);
    auto* told = frame.mutable_result();
    told->set_experiment_id(key.experiment_id);
    told->set_sequence(key.sequence);
    told->set_attempt(key.attempt);
    told->set_outcome(outcome);
    return core.on_frame(now, frame);
  }
  NodesEffects launch(Sequence sequence, bool adopt = false) {
    pb::AttemptPlan plan;
    plan.set_experiment_id("e");
    plan.set_sequence(sequence);
    plan.set_attempt(1);
    return core.on_launch(now, "a", plan, adopt);
  }

  Time now = Time{} + 1h;
  NodesCore core{ClusterLimits{}, 7, "head"};
  std::uint64_t session = 0;
  std::uint64_t number = 0;
  std::uint64_t item = 0;
};

/// Each effect as a word or two.
std::vector<std::string> words(const NodesEffects& effects) {
  std::vector<std::string> all;
  for (const auto& effect : effects)
    all.push_back(std::visit(
        []<class Effect>(const Effect& x) -> std::string {
          if constexpr (std::is_same_v<Effect, SendToNode>) {
            switch (x.frame.what_case()) {
              case pb::NodeFrame::kAnswer:
                return x.frame.answer().refused().empty()
                           ? "answer"
                           : "refused: " + x.frame.answer().refused();
              case pb::NodeFrame::kLaunch: return x.frame.launch().adopt() ? "adopt" : "launch";
              case pb::NodeFrame::kStop: return "stop: " + x.frame.stop().reason();
              case pb::NodeFrame::kRelease: return "release";
              case pb::NodeFrame::kNamed: return "named";
              case pb::NodeFrame::kForget: return "forget " + x.frame.forget();
              default: return "another frame";
            }
          } else if constexpr (std::is_same_v<Effect, ResultOfAttempt>) {
            return x.result.outcome() + ": " + x.result.reason();
          } else if constexpr (std::is_same_v<Effect, NodeSeen>) {
            return "seen " + x.capacity.name;
          } else if constexpr (std::is_same_v<Effect, NodeLeft>) {
            return "left " + x.node;
          } else if constexpr (std::is_same_v<Effect, NodeBecame>) {
            return x.state == NodeState::ready      ? "ready"
                   : x.state == NodeState::draining ? "draining"
                                                    : "unreachable";
          } else {
            return "news or reports";
          }
        },
        effect));
  return all;
}

using Words = std::vector<std::string>;

}  // namespace

TEST_CASE("an agent that joins is seen, ready and answered", "[cluster][nodes]") {
  Office office;
  CHECK(words(office.beat("a", 1)) == Words{"seen a", "answer", "named", "ready"});
  CHECK(words(office.beat("a", 1)) == Words{"answer"});
}

TEST_CASE("what a deleted experiment left is removed on all nodes, later on those that are away",
          "[cluster][nodes]") {
  Office office;
  office.beat("a", 1);
  CHECK(words(office.core.on_deleted(office.now, "e-1")) == Words{"forget e-1"});
  CHECK(words(office.beat("b", 1)) == Words{"seen b", "answer", "named", "forget e-1", "ready"});
  CHECK(words(office.beat("a", 2)) == Words{"seen a", "answer", "named", "forget e-1"});
}

TEST_CASE("who may not join is told why", "[cluster][nodes]") {
  Office office;
  office.beat("a", 5);
  auto older = words(office.beat("a", 4));
  REQUIRE(older.size() == 1);
  CHECK_THAT(older[0], Catch::StartsWith("refused: another agent has joined as a") &&
                           Catch::Contains("--name"));
  auto own = words(office.beat("head", 9));
  REQUIRE(own.size() == 1);
  CHECK_THAT(own[0], Catch::Contains("the server's own node is called head"));
  auto newer = words(office.beat("b", 1, 2));
  REQUIRE(newer.size() == 1);
  CHECK_THAT(newer[0],
             Catch::Contains("speaks version 2") && Catch::Contains("the server version 1"));
}

TEST_CASE("a heartbeat that comes twice renews nothing", "[cluster][nodes]") {
  Office office;
  office.beat("a", 1);
  --office.number;
  CHECK(office.beat("a", 1).empty());
  CHECK(office.core.dropped() == 1);
}

TEST_CASE("an agent of a new start is told all that is to run", "[cluster][nodes]") {
  Office office;
  office.beat("a", 1);
  CHECK(words(office.launch(0)) == Words{"launch"});
  CHECK(words(office.launch(1)) == Words{"launch"});
  office.core.on_stop(office.now, {"e", 1, 1}, "USER_STOPPED", false);
  CHECK(words(office.beat("a", 2)) ==
        Words{"seen a", "answer", "adopt", "adopt", "stop: USER_STOPPED", "named"});
}

TEST_CASE("a node that is given up loses its trials, and its late words are void",
          "[cluster][nodes]") {
  Office office;
  office.beat("a", 1);
  office.launch(0);
  auto limits = ClusterLimits{};
  office.now += limits.unreachable_after;
  CHECK(words(office.core.on_tick(office.now)) == Words{"unreachable"});
  office.now += limits.lease;
  CHECK(office.core.on_tick(office.now).empty());
  office.now += limits.lease / 4;
  CHECK(words(office.core.on_tick(office.now)) ==
        Words{"left a", "NodeLost: node a is lost: nothing was heard of it for 150 s"});
  auto before = office.core.dropped();
  CHECK(office.result({"e", 0, 1}, "Succeeded").empty());
  CHECK(office.core.dropped() == before + 1);
  CHECK(words(office.launch(1)) == Words{"NodeLost: node a is lost"});
  CHECK(words(office.beat("a", 1)) == Words{"seen a", "answer", "named", "ready"});
}

TEST_CASE("a result counts once", "[cluster][nodes]") {
  Office office;
  office.beat("a", 1);
  office.launch(0);
  CHECK(words(office.result({"e", 0, 1}, "Succeeded")) == Words{"Succeeded: "});
  CHECK(office.result({"e", 0, 1}, "Succeeded").empty());
  CHECK(words(office.core.on_release(office.now, {"e", 0, 1})) == Words{"release"});
  CHECK(office.core.on_release(office.now, {"e", 0, 1}).empty());
}

TEST_CASE("a drained node is told of to placement, and its trials move where that was asked",
          "[cluster][nodes]") {
  Office office;
  office.beat("a", 1);
  office.launch(0);
  CHECK(office.core.on_drain(office.now, "nowhere", false, false).error().code ==
        ErrorCode::not_found);
  CHECK(words(*office.core.on_drain(office.now, "a", false, false)) == Words{"draining"});
  CHECK(words(*office.core.on_drain(office.now, "a", true, false)) ==
        Words{"stop: its node is drained"});
  CHECK(words(office.result({"e", 0, 1}, "Stopped")) == Words{"NodeLost: node a was drained"});
  CHECK(words(*office.core.on_drain(office.now, "a", false, true)) == Words{"ready"});
}

}  // namespace autotune::test
