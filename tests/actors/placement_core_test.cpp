// Who gets which place, who waits, and what is said about it.
#include <catch2/catch.hpp>

#include <algorithm>
#include <deque>

#include "placement_words.hpp"

namespace autotune::test {

namespace {

PlacementCore one_node() { return PlacementCore({{"here", 4, 8 * gib, {"0", "1"}}}); }

}  // namespace

TEST_CASE("what needs nothing is always placed", "[placement]") {
  auto core = one_node();
  for (Sequence i = 0; i < 100; ++i)
    CHECK(words(core.on_request(asks("e", i, {}))) ==
          Words{"grant " + std::to_string(i) + " on here"});
}

TEST_CASE("a GPU is held by one trial at a time", "[placement]") {
  auto core = one_node();
  CHECK(words(core.on_request(asks("e", 0, {0, 0, 1}))) == Words{"grant 0 on here gpu0"});
  CHECK(words(core.on_request(asks("e", 1, {0, 0, 1}))) == Words{"grant 1 on here gpu1"});
  CHECK(words(core.on_request(asks("e", 2, {0, 0, 1}))) ==
        Words{"2 waits: needs 1 nvidia.com/gpu; node here has none free"});
  CHECK(words(core.on_release("e", 1)) == Words{"grant 2 on here gpu1"});
  CHECK(words(core.on_release("e", 0)).empty());
}

TEST_CASE("a request that fits goes ahead of one that does not", "[placement]") {
  auto core = one_node();
  core.on_request(asks("e", 0, {0, 0, 1}));
  CHECK(words(core.on_request(asks("e", 1, {0, 0, 2}))) ==
        Words{"1 waits: needs 2 nvidia.com/gpu; node here has 1 free"});
  CHECK(words(core.on_request(asks("f", 2, {1, 0, 0}))) == Words{"grant 2 on here"});
  CHECK(words(core.on_release("e", 0)) == Words{"grant 1 on here gpu0 gpu1"});
}

TEST_CASE("an experiment's requests are served in order of arrival", "[placement]") {
  auto core = one_node();
  for (Sequence i = 0; i < 4; ++i)
    core.on_request(asks("e", i, {2, 0, 0}));
  CHECK(words(core.on_release("e", 1)) == Words{"grant 2 on here"});
  CHECK(words(core.on_release("e", 0)) == Words{"grant 3 on here"});
}

TEST_CASE("experiments have equal shares of what is scarce", "[placement]") {
  auto core = one_node();
  for (Sequence i = 0; i < 6; ++i)
    core.on_request(asks("e", i, {1, 0, 0}));
  for (Sequence i = 10; i < 16; ++i)
    core.on_request(asks("f", i, {1, 0, 0}));
  // e has all four cores: what it gives back is f's, until both have two.
  CHECK(words(core.on_release("e", 0)) == Words{"grant 10 on here"});
  CHECK(words(core.on_release("e", 1)) == Words{"grant 11 on here"});
  CHECK(words(core.on_release("e", 2)) == Words{"grant 4 on here"});
  CHECK(words(core.on_release("f", 10)) == Words{"grant 12 on here"});
}

TEST_CASE("the share that counts is the largest of cores, memory and GPUs", "[placement]") {
  PlacementCore core({{"here", 10, 100 * gib, {"0", "1"}}});
  core.on_request(asks("gpus", 0, {1, 0, 1}));           // half of all GPUs
  core.on_request(asks("cores", 0, {4, 0, 0}));          // four tenths of all cores
  core.on_request(asks("memory", 0, {5, 30 * gib, 0}));  // half of all cores
  core.on_request(asks("gpus", 1, {1, 0, 1}));
  core.on_request(asks("cores", 1, {4, 0, 0}));
  CHECK(words(core.on_release("memory", 0)) ==
        Words{"grant 1 on here", "grant 1 on here gpu1"});  // cores holds less
  CHECK(words(core.on_request(asks("gpus", 2, {0, 0, 1}))) ==
        Words{"2 waits: needs 1 nvidia.com/gpu; node here has none free"});
}

TEST_CASE("queues share before experiments do", "[placement]") {
  auto core = one_node();
  auto ask = [&](const char* experiment, Sequence sequence, const char* queue) {
    return words(core.on_request(asks(experiment, sequence, {1, 0, 0}, queue)));
  };
  for (Sequence i = 0; i < 2; ++i) {
    ask("a", i, "red");
    ask("b", i, "red");
  }
  ask("a", 2, "red");
  ask("b", 2, "red");
  ask("c", 0, "blue");
  ask("c", 1, "blue");
  ask("c", 2, "blue");
  CHECK(words(core.on_release("a", 0)) == Words{"grant 0 on here"});  // c's first
  CHECK(words(core.on_release("a", 1)) == Words{"grant 1 on here"});  // c's second: blue has half
  CHECK(words(core.on_release("c", 0)) == Words{"grant 2 on here"});  // c's third
  CHECK(words(core.on_release("b", 0)) == Words{"grant 2 on here"});  // a's, which holds nothing
}

TEST_CASE("a higher priority comes first, whatever it holds", "[placement]") {
  auto core = one_node();
  core.on_request(asks("high", 0, {4, 0, 0}, "", 10));
  core.on_request(asks("low", 0, {2, 0, 0}, "", 1));
  core.on_request(asks("high", 1, {2, 0, 0}, "", 10));
  core.on_request(asks("high", 2, {2, 0, 0}, "", 10));
  CHECK(words(core.on_release("high", 0)) == Words{"grant 1 on here", "grant 2 on here"});
  CHECK(priority_of("12.5") == 12.5);
  CHECK(priority_of("-3") == -3);
  CHECK(priority_of("urgent") == 0);
  CHECK(priority_of("") == 0);
  CHECK(priority_of("nan") == 0);
}

TEST_CASE("all that is short is named", "[placement]") {
  auto core = one_node();
  core.on_request(asks("e", 0, {3, 7 * gib, 2}));
  CHECK(words(core.on_request(asks("e", 1, {2, 2 * gib, 1}))) ==
        Words{"1 waits: needs 1 nvidia.com/gpu; node here has none free, and 2 cores; node here "
              "has 1 free, and 2.0 GiB of memory; node here has 1.0 GiB free"});
}

TEST_CASE("a request that waits can be withdrawn", "[placement]") {
  auto core = one_node();
  core.on_request(asks("e", 0, {4, 0, 0}));
  core.on_request(asks("e", 1, {1, 0, 0}));
  CHECK(words(core.on_release("e", 1)).empty());
  CHECK(words(core.on_release("e", 0)).empty());
}

TEST_CASE("asking twice takes no more and is answered the same", "[placement]") {
  auto core = one_node();
  core.on_request(asks("e", 0, {3, 0, 1}));
  CHECK(words(core.on_request(asks("e", 0, {3, 0, 1}))) == Words{"grant 0 on here gpu0"});
  core.on_request(asks("e", 1, {2, 0, 0}));
  CHECK(words(core.on_request(asks("e", 1, {2, 0, 0}))) ==
        Words{"1 waits: needs 2 cores; node here has 1 free"});
  CHECK(words(core.on_release("e", 0)) == Words{"grant 1 on here"});
  CHECK(words(core.on_release("e", 0)).empty());
  CHECK(words(core.on_request(asks("e", 2, {2, 0, 2}))) == Words{"grant 2 on here gpu0 gpu1"});
}

TEST_CASE("what no node could ever hold is said with the largest node", "[placement]") {
  auto core = one_node();
  CHECK(core.impossible({8, 0, 0}) ==
        "no node could ever hold it: it needs 8 cores, 0.0 GiB of memory and 0 GPUs; the largest "
        "node, here, "
        "has 4 cores, 8.0 GiB and 2 GPUs");
  CHECK_FALSE(core.impossible({4, 8 * gib, 2}));
}

TEST_CASE("a trial found after a restart holds what it held", "[placement]") {
  auto core = one_node();
  CHECK(words(core.on_replayed("e", "", {0, 0, 1}, {{0, "here", {"0"}}})).empty());
  CHECK(
      words(core.on_replayed("e", "", {0, 0, 1}, {{0, "here", {"0"}}})).empty());  // it died twice
  CHECK(words(core.on_request(asks("e", 1, {0, 0, 1}))) == Words{"grant 1 on here gpu1"});
  CHECK(words(core.on_request(asks("e", 2, {0, 0, 1}))) ==
        Words{"2 waits: needs 1 nvidia.com/gpu; node here has none free"});
  CHECK(words(core.on_release("e", 0)) == Words{"grant 2 on here gpu0"});
}

TEST_CASE("what was granted to an experiment that died is free again", "[placement]") {
  auto core = one_node();
  core.on_request(asks("e", 4, {0, 0, 1}));
  core.on_request(asks("e", 5, {0, 0, 1}));
  core.on_request(asks("e", 6, {0, 0, 1}));
  CHECK(words(core.on_request(asks("f", 0, {0, 0, 1}))).front().substr(0, 8) == "0 waits:");
  CHECK(words(core.on_replayed("e", "", {0, 0, 1}, {{4, "here", {"0"}}})) ==
        Words{"grant 0 on here gpu1"});
}

TEST_CASE("fractions of cores add up", "[placement]") {
  PlacementCore core({{"here", 1, gib, {}}});
  for (Sequence i = 0; i < 10; ++i)
    CHECK(words(core.on_request(asks("e", i, {0.1, 0, 0}))).front().substr(0, 5) == "grant");
  CHECK(words(core.on_request(asks("e", 10, {0.1, 0, 0}))).front().substr(0, 8) == "10 waits");
}

TEST_CASE("trials spread over nodes, and GPUs are not broken up", "[placement]") {
  PlacementCore core(
      {{"a", 4, gib, {}}, {"b", 2, gib, {"0", "1", "2", "3"}}, {"c", 2, gib, {"0"}}});
  Words where;
  for (Sequence i = 0; i < 8; ++i)
    where.push_back(words(core.on_request(asks("e", i, {}))).front().substr(11));
  CHECK(std::count(where.begin(), where.end(), "a") == 4);
  CHECK(std::count(where.begin(), where.end(), "b") == 2);
  CHECK(words(core.on_request(asks("f", 0, {0, 0, 1}))) == Words{"grant 0 on c gpu0"});
  CHECK(words(core.on_request(asks("f", 1, {0, 0, 3}))) == Words{"grant 1 on b gpu0 gpu1 gpu2"});
  CHECK(words(core.on_request(asks("f", 2, {0, 0, 2}))) ==
        Words{"2 waits: needs 2 nvidia.com/gpu; node a has none free, node b has 1 free, node c "
              "has none free"});
}

TEST_CASE("what is overtaken again and again gets a node for itself", "[placement]") {
  PlacementCore core({{"a", 8, gib, {"0", "1"}}, {"b", 8, gib, {"0", "1"}}});
  for (Sequence i = 0; i < 4; ++i)
    core.on_request(asks("small", i, {0, 0, 1}));
  CHECK(words(core.on_request(asks("big", 0, {0, 0, 2}))) ==
        Words{"0 waits: needs 2 nvidia.com/gpu; node a has none free, node b has none free"});
  // The small ones end in turn, now here, now there, and new ones come: two GPUs of one node are never free at once.
  Sequence next = 4;
  int turns = 0;
  bool placed = false;
  std::deque<Sequence> running{0, 1, 2, 3};  // a a b b
  std::swap(running[1], running[2]);
  while (!placed && turns < 100) {
    ++turns;
    auto granted = words(core.on_request(asks("small", next, {0, 0, 1})));
    CHECK(granted.front().find("waits") != std::string::npos);
    auto effects = words(core.on_release("small", running.front()));
    running.pop_front();
    for (const auto& effect : effects) {
      placed = placed || effect.starts_with("grant 0 on");
      if (!effect.starts_with("grant 0 on"))
        running.push_back(std::stoll(effect.substr(6)));
    }
    ++next;
    if (running.empty())
      break;
  }
  CHECK(placed);
  CHECK(turns <= PlacementCore::overtaken_max + 4);
}

TEST_CASE("a node that is kept takes in what leaves it alone, and what has a higher priority",
          "[placement]") {
  PlacementCore core({{"here", 8, gib, {"0", "1"}}});
  core.on_request(asks("small", 0, {0, 0, 1}));
  core.on_request(asks("big", 0, {4, 0, 2}));
  for (Sequence i = 1; i <= PlacementCore::overtaken_max; ++i)
    CHECK(words(core.on_request(asks("small", i, {0, 0, 1})))
              .front()
              .starts_with(i == 1 ? "grant 1" : std::to_string(i) + " waits"));
  for (Sequence i = 1; i < PlacementCore::overtaken_max; ++i)
    CHECK(words(core.on_release("small", i)) ==
          Words{"grant " + std::to_string(i + 1) + " on here gpu1"});
  core.on_request(asks("small", 100, {0, 0, 1}));
  CHECK(words(core.on_release("small", PlacementCore::overtaken_max)).empty());  // gpu1 is kept now
  CHECK(words(core.on_request(asks("other", 0, {0, 0, 1}))) ==
        Words{"0 waits: node here is kept for big, which has waited longer"});
  CHECK(words(core.on_request(asks("cores", 0, {4, 0, 0}))) == Words{"grant 0 on here"});
  CHECK(words(core.on_request(asks("cores", 1, {1, 0, 0}))).front().find("is kept for big") !=
        std::string::npos);
  CHECK(words(core.on_request(asks("urgent", 0, {0, 0, 1}, "", 1))) ==
        Words{"grant 0 on here gpu1"});
  CHECK(words(core.on_release("urgent", 0)).empty());
  CHECK(words(core.on_release("small", 0)) == Words{"grant 0 on here gpu0 gpu1"});
}

}  // namespace autotune::test
