// Nodes that join, come again, are drained, are cut off and leave.
#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <set>

#include "actors/head.hpp"
#include "actors/placement.hpp"
#include "one_thread.hpp"
#include "placement_words.hpp"

namespace autotune::test {

TEST_CASE("what waits for a node is placed when one joins", "[placement]") {
  PlacementCore core({});
  CHECK(words(core.on_request(asks("e", 0, {2, 0, 0}))) ==
        Words{"0 waits: no node has joined yet; start one with `autotune agent --join HOST:PORT`, "
              "or give the server --with-agent"});
  CHECK(words(core.on_node({"small", 1, gib, {}})).empty());
  CHECK(core.impossible({2, 0, 0}));
  CHECK(words(core.on_node({"large", 2, gib, {}})) == Words{"grant 0 on large"});
  CHECK_FALSE(core.impossible({2, 0, 0}));
  core.on_node_gone("small");
  core.on_node_gone("large");
  CHECK(core.impossible({})->starts_with("no node is left; start one with"));
}

TEST_CASE("a node that comes again with more takes more in", "[placement]") {
  PlacementCore core({{"a", 2, gib, {"0"}}});
  core.on_request(asks("e", 0, {2, 0, 1}));
  core.on_request(asks("e", 1, {2, 0, 1}));
  CHECK(words(core.on_node({"a", 4, gib, {"0", "1"}})) == Words{"grant 1 on a gpu1"});
  REQUIRE(core.nodes().size() == 1);
  CHECK(core.nodes()[0].cpu_free == 0);
  CHECK(core.nodes()[0].gpus_free.empty());
  CHECK(core.nodes()[0].trials.size() == 2);
}

TEST_CASE("a node that comes again with less than it holds takes nothing in until it has room",
          "[placement]") {
  PlacementCore core({{"a", 4, 8 * gib, {"0", "1"}}});
  for (Sequence i = 0; i < 2; ++i)
    core.on_request(asks("e", i, {2, 4 * gib, 1}));
  CHECK(words(core.on_node({"a", 2, 4 * gib, {"0"}})).empty());
  CHECK(core.nodes()[0].cpu_free == -2);
  CHECK(core.nodes()[0].memory_free_bytes == -4 * gib);
  CHECK(words(core.on_request(asks("f", 0, {1, gib, 1}))) ==
        Words{"0 waits: needs 1 nvidia.com/gpu; node a has none free, and 1 cores; node a has 0 "
              "free, and 1.0 GiB of memory; node a has 0.0 GiB free"});
  CHECK(words(core.on_release("e", 1)).empty());  // gpu1 is not there any more
  CHECK(words(core.on_release("e", 0)) == Words{"grant 0 on a gpu0"});
  CHECK(core.nodes()[0].cpu_free == 1);
}

TEST_CASE("what runs on a drained node goes on, and nothing new comes", "[placement]") {
  PlacementCore core({{"a", 4, gib, {}}, {"b", 1, gib, {}}});
  core.on_request(asks("e", 0, {2, 0, 0}));
  CHECK(words(core.on_node_state("a", NodeState::draining)).empty());
  CHECK(core.nodes()[0].trials == decltype(NodeView::trials){{"e", 0}});
  CHECK(words(core.on_request(asks("e", 1, {1, 0, 0}))) == Words{"grant 1 on b"});
  CHECK(words(core.on_request(asks("e", 2, {1, 0, 0}))) ==
        Words{"2 waits: needs 1 cores; node b has 0 free; node a is being drained"});
  CHECK(words(core.on_request(asks("f", 0, {3, 0, 0}))) ==
        Words{"0 waits: needs 3 cores; node b has 0 free; node a is being drained"});
  CHECK(words(core.on_release("e", 0)).empty());
  CHECK(words(core.on_node_state("a", NodeState::ready)) == Words{"grant 0 on a", "grant 2 on a"});
}

TEST_CASE("a node that loses trials rests, longer each time, until one comes to its end",
          "[placement]") {
  PlacementCore core({{"a", 2, gib, {}}, {"b", 1, gib, {}}});
  for (Sequence i = 0; i < 3; ++i)
    core.on_request(asks("e", i, {1, 0, 0}));
  REQUIRE(core.nodes()[0].trials.size() == 2);
  auto first = core.nodes()[0].trials[0].second;
  auto second = core.nodes()[0].trials[1].second;
  CHECK(words(core.on_release("e", first, true)) == Words{"a rests 1000 ms"});
  CHECK(words(core.on_release("e", second, true)).empty());  // together with the first
  CHECK(words(core.on_request(asks("e", 7, {1, 0, 0}))) ==
        Words{"7 waits: needs 1 cores; node b has 0 free; node a has lost trials, and rests for a "
              "while"});
  CHECK(words(core.on_rested("a", 5)).empty());  // of another rest
  CHECK(words(core.on_rested("a", 1)) == Words{"grant 7 on a"});
  CHECK(words(core.on_release("e", 7, true)) == Words{"a rests 2000 ms"});
  // It comes again: its agent was started anew, say.
  CHECK(words(core.on_node({"a", 2, gib, {}})).empty());
  CHECK(words(core.on_request(asks("e", 8, {1, 0, 0}))) == Words{"grant 8 on a"});
  CHECK(words(core.on_rested("a", 2)).empty());
  CHECK(words(core.on_release("e", 8, false)).empty());
  core.on_request(asks("e", 9, {1, 0, 0}));
  CHECK(words(core.on_release("e", 9, true)) == Words{"a rests 1000 ms"});
  for (std::uint64_t rest = 3; rest < 12; ++rest) {
    core.on_rested("a", rest);
    core.on_request(asks("e", 10, {1, 0, 0}));
    auto told = core.on_release("e", 10, true);
    CHECK(std::get<PlacementRests>(told.at(0)).span ==
          std::min(std::chrono::milliseconds(1000 << (rest - 2)), PlacementCore::rest_max));
  }
  CHECK(words(core.on_node_gone("a")).empty());
  CHECK(words(core.on_rested("a", 12)).empty());
  // Where there is no other node, waiting helps nobody.
  NodeCapacity alone{"a", 2, gib, {}};
  alone.alone = true;
  PlacementCore single({alone});
  single.on_request(asks("e", 0, {1, 0, 0}));
  CHECK(words(single.on_release("e", 0, true)).empty());
}

TEST_CASE("a node that is cut off is said to be, and is ready when it comes again", "[placement]") {
  PlacementCore core({{"a", 4, gib, {}}});
  core.on_request(asks("e", 0, {4, 0, 0}));
  core.on_node_state("a", NodeState::unreachable);
  CHECK(words(core.on_request(asks("e", 1, {1, 0, 0}))) ==
        Words{"1 waits: node a cannot be reached"});
  CHECK(words(core.on_release("e", 0)).empty());
  CHECK(words(core.on_node({"a", 4, gib, {}})) == Words{"grant 1 on a"});
}

TEST_CASE("a drained node that was cut off is drained still", "[placement]") {
  PlacementCore core({{"a", 4, gib, {}}});
  core.on_node_state("a", NodeState::draining);
  core.on_node_state("a", NodeState::unreachable);
  core.on_node({"a", 4, gib, {}});
  CHECK(core.nodes()[0].state == NodeState::draining);
  CHECK(words(core.on_request(asks("e", 0, {}))) == Words{"0 waits: node a is being drained"});
  core.on_node_state("a", NodeState::ready);
  core.on_node_state("a", NodeState::unreachable);
  core.on_node({"a", 4, gib, {}});
  CHECK(core.nodes()[0].state == NodeState::ready);
  CHECK(words(core.on_node_state("nobody", NodeState::ready)).empty());
}

TEST_CASE("a node that left holds nothing, and its trials are given up as ever", "[placement]") {
  PlacementCore core({{"a", 1, gib, {"0"}}, {"b", 1, gib, {}}});
  core.on_request(asks("e", 0, {1, 0, 1}));
  CHECK(words(core.on_node_gone("a")).empty());
  CHECK(words(core.on_node_gone("a")).empty());
  REQUIRE(core.nodes().size() == 1);
  CHECK(core.nodes()[0].capacity.name == "b");
  CHECK(words(core.on_request(asks("f", 0, {1, 0, 0}))) == Words{"grant 0 on b"});
  // One of that name that joins before they are given up: what its last life held counts until then.
  core.on_node({"a", 1, gib, {"0"}});
  CHECK(words(core.on_request(asks("g", 0, {0, 0, 1}))) ==
        Words{"0 waits: needs 1 nvidia.com/gpu; node b has none free, node a has none free"});
  CHECK(words(core.on_release("e", 0)) == Words{"grant 0 on a gpu0"});
  core.on_node_gone("a");
  CHECK(words(core.on_release("g", 0)).empty());
  core.on_node({"a", 1, gib, {"0"}});
  CHECK(core.nodes()[1].gpus_free == std::vector<std::string>{"0"});
}

TEST_CASE("places on nodes that have not joined yet are counted when they do", "[placement]") {
  PlacementCore core({});
  core.on_replayed("e", "", {1, 0, 1}, {{0, "a", {"1"}}, {1, "b", {"0"}}});
  CHECK(words(core.on_node({"a", 4, gib, {"0", "1"}})).empty());
  CHECK(core.nodes()[0].cpu_free == 3);
  CHECK(words(core.on_request(asks("e", 2, {1, 0, 1}))) == Words{"grant 2 on a gpu0"});
  CHECK(words(core.on_request(asks("e", 3, {1, 0, 1}))).front().starts_with("3 waits"));
  CHECK(words(core.on_release("e", 1)).empty());  // b's, which nobody has seen
  CHECK(words(core.on_node({"b", 1, gib, {"0"}})) == Words{"grant 3 on b gpu0"});
  CHECK(words(core.on_replayed("e", "", {1, 0, 1}, {})).empty());
  CHECK(core.nodes()[0].cpu_free == 4);
  CHECK(core.nodes()[1].trials.empty());
}

TEST_CASE("no node is kept for a trial while it is drained", "[placement]") {
  PlacementCore core({{"a", 8, gib, {"0", "1"}}});
  core.on_request(asks("small", 0, {0, 0, 1}));
  core.on_request(asks("big", 0, {0, 0, 2}));
  for (Sequence i = 1; i <= PlacementCore::overtaken_max; ++i) {
    core.on_request(asks("small", i, {0, 0, 1}));
    core.on_release("small", i);
  }
  CHECK(words(core.on_request(asks("other", 0, {0, 0, 1}))) ==
        Words{"0 waits: node a is kept for big, which has waited longer"});
  core.on_node_state("a", NodeState::draining);
  CHECK(words(core.on_node_state("a", NodeState::ready)) == Words{"grant 0 on a gpu1"});  // other's
}

TEST_CASE("the placement actor hears of nodes and tells of them", "[placement]") {
  caf::actor_system_config config;
  configure(config);
  OneThread thread(config, Time());
  auto placement = compat::spawn_state<PlacementActor, PlacementState>(thread.system(), false,
                                                                       std::vector<NodeCapacity>{});
  caf::scoped_actor asker{thread.system()};
  auto nodes = [&] {
    auto pending = compat::request(asker.ptr(), placement, std::chrono::seconds(1), atom::nodes_v);
    thread.run();
    NodeViews views;
    pending.receive([&](NodeViews& got) { views = std::move(got); },
                    [](const caf::error& error) { FAIL(caf::to_string(error)); });
    return views.nodes;
  };
  CHECK(nodes().empty());
  compat::anon_send(placement, NodeJoined{{"a", 4, gib, {"0"}, {{"gpu", "a100"}}}});
  compat::anon_send(placement, NodeJoined{{"b", 2, gib, {}}});
  compat::anon_send(placement, NodeStateChanged{"b", NodeState::draining});
  auto two = nodes();
  REQUIRE(two.size() == 2);
  CHECK(two[0].capacity.labels.at("gpu") == "a100");
  CHECK(two[0].gpus_free == std::vector<std::string>{"0"});
  CHECK(two[1].state == NodeState::draining);
  compat::anon_send(placement, NodeGone{"a"});
  CHECK(nodes().size() == 1);
  caf::anon_send_exit(placement, caf::exit_reason::user_shutdown);
  thread.run();
}

namespace {

/// Experiments that ask and release, and nodes that join, change, are drained, are cut off and leave, at random.
class Fair {
 public:
  explicit Fair(std::uint64_t seed) : random_(seed) {
    for (const auto* name : {"a", "b", "c"})
      join(name);
  }

  void step(Sequence number) {
    auto what = below(20);
    auto name = std::string(1, static_cast<char>('a' + below(4)));
    if (what == 0)
      join(name);
    else if (what == 1)
      leave(name);
    else if (what <= 4)
      change(name, static_cast<NodeState>(below(3)));
    else if (what <= 12)
      ask(number);
    else if (!held_.empty())
      release(std::next(held_.begin(), below(held_.size()))->first);
    check();
  }

  /// Nobody waits for ever, but for what no node could hold.
  void wind_up() {
    for (const auto* name : {"a", "b", "c"})
      join(name);
    for (const auto* name : {"a", "b", "c", "d"})
      change(name, NodeState::ready);
    while (!held_.empty())
      release(held_.begin()->first);
    check();
    for (std::size_t i = 0; i < needs_.size(); ++i)
      if (!core_.impossible(needs_[i]))
        CHECK(waiting_[std::string(1, static_cast<char>('p' + i))].empty());
  }

 private:
  using Key = std::pair<std::string, Sequence>;

  int below(std::uint64_t n) { return static_cast<int>(random_() % n); }

  void join(const std::string& name) {
    NodeCapacity node{name, 1.0 + below(8), gib, {}};
    for (int gpu = below(4); gpu >= 0; --gpu)
      node.gpus.push_back(std::to_string(gpu));
    auto& known = nodes_[name];
    known.capacity = node;
    if (known.state == NodeState::unreachable)
      known.state = known.drained ? NodeState::draining : NodeState::ready;
    take_in(core_.on_node(node));
  }

  void leave(const std::string& name) {
    nodes_.erase(name);
    take_in(core_.on_node_gone(name));
  }

  void change(const std::string& name, NodeState state) {
    if (auto found = nodes_.find(name); found != nodes_.end()) {
      found->second.state = state;
      found->second.drained =
          state == NodeState::unreachable ? found->second.drained : state == NodeState::draining;
    }
    take_in(core_.on_node_state(name, state));
  }

  void ask(Sequence sequence) {
    auto who = below(4);
    auto name = std::string(1, static_cast<char>('p' + who));
    waiting_[name].insert(sequence);
    take_in(core_.on_request(asks(name, sequence, needs_[static_cast<std::size_t>(who)],
                                  who % 2 == 0 ? "" : "q", static_cast<double>(below(2)))));
  }

  void release(Key key) {
    held_.erase(key);
    take_in(core_.on_release(key.first, key.second));
  }

  void take_in(const PlacementEffects& effects) {
    for (const auto& effect : effects) {
      const auto* granted = std::get_if<PlacementGranted>(&effect);
      if (granted == nullptr)
        continue;
      const auto& [experiment_id, sequence] =
          Key(granted->request.experiment_id, granted->request.sequence);
      REQUIRE(waiting_[experiment_id].erase(sequence) == 1);  // granted once, and only what waits
      REQUIRE(nodes_.count(granted->node) == 1);
      REQUIRE(nodes_[granted->node].state == NodeState::ready);
      REQUIRE(granted->gpus.size() == static_cast<std::size_t>(granted->request.needs.gpus));
      const auto& node = nodes_[granted->node].capacity;
      double cpu = granted->request.needs.cpu;
      for (const auto& [key, other] : held_) {
        if (other.node != granted->node)
          continue;
        cpu += other.request.needs.cpu;
        for (const auto& gpu : granted->gpus)
          REQUIRE(std::count(other.gpus.begin(), other.gpus.end(), gpu) == 0);
      }
      for (const auto& gpu : granted->gpus)
        REQUIRE(std::count(node.gpus.begin(), node.gpus.end(), gpu) == 1);
      REQUIRE((granted->request.needs.cpu == 0 || cpu <= node.cpu + 1e-6));
      held_[{experiment_id, sequence}] = *granted;
    }
  }

  /// What it says of its nodes is what we know of them.
  void check() {
    auto views = core_.nodes();
    REQUIRE(views.size() == nodes_.size());
    bool any_ready = false;
    for (const auto& view : views) {
      const auto& known = nodes_.at(view.capacity.name);
      REQUIRE(view.state == known.state);
      any_ready = any_ready || known.state == NodeState::ready;
      double cpu = known.capacity.cpu;
      std::set<std::string> gpus(known.capacity.gpus.begin(), known.capacity.gpus.end());
      std::size_t trials = 0;
      for (const auto& [key, granted] : held_) {
        if (granted.node != view.capacity.name)
          continue;
        ++trials;
        cpu -= granted.request.needs.cpu;
        for (const auto& gpu : granted.gpus)
          gpus.erase(gpu);
      }
      REQUIRE(view.trials.size() == trials);
      REQUIRE(std::abs(view.cpu_free - cpu) < 1e-6);
      REQUIRE(std::set<std::string>(view.gpus_free.begin(), view.gpus_free.end()) == gpus);
    }
    REQUIRE((!any_ready || waiting_["p"].empty()));  // what needs nothing waits for a node alone
  }

  struct Known {
    NodeCapacity capacity;
    NodeState state = NodeState::ready;
    bool drained = false;
  };

  std::mt19937_64 random_;
  PlacementCore core_{{}};
  const std::vector<PlacementNeeds> needs_{{}, {1, 0, 0}, {2, 0, 1}, {0, 0, 2}};
  std::map<std::string, Known> nodes_;
  std::map<Key, PlacementGranted> held_;
  std::map<std::string, std::set<Sequence>> waiting_;  // by experiment
};

}  // namespace

TEST_CASE("whatever comes and goes, nothing is held twice and nothing that fits waits",
          "[placement]") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    CAPTURE(seed);
    Fair fair(seed);
    for (Sequence step = 0; step < 200; ++step)
      fair.step(step);
    fair.wind_up();
  }
}

}  // namespace autotune::test
