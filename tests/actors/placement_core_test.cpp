// Who gets which place, who waits, and what is said about it.
#include <catch2/catch.hpp>

#include "actors/placement_core.hpp"

namespace autotune::test {

namespace {

using Words = std::vector<std::string>;
constexpr std::int64_t gib = std::int64_t{1} << 30;

Words words(const PlacementEffects& effects) {
  Words all;
  for (const auto& effect : effects) {
    if (const auto* granted = std::get_if<PlacementGranted>(&effect)) {
      std::string text =
          "grant " + std::to_string(granted->request.sequence) + " on " + granted->node;
      for (const auto& gpu : granted->gpus)
        text += " gpu" + gpu;
      all.push_back(text);
    } else {
      const auto& waits = std::get<PlacementWaits>(effect);
      all.push_back(std::to_string(waits.request.sequence) + " waits: " + waits.why);
    }
  }
  return all;
}

PlacementCore one_node() { return PlacementCore({{"here", 4, 8 * gib, {"0", "1"}}}); }

}  // namespace

TEST_CASE("what needs nothing is always placed", "[placement]") {
  auto core = one_node();
  for (Sequence i = 0; i < 100; ++i)
    CHECK(words(core.on_request({"e", i, {}})) == Words{"grant " + std::to_string(i) + " on here"});
}

TEST_CASE("a GPU is held by one trial at a time", "[placement]") {
  auto core = one_node();
  CHECK(words(core.on_request({"e", 0, {0, 0, 1}})) == Words{"grant 0 on here gpu0"});
  CHECK(words(core.on_request({"e", 1, {0, 0, 1}})) == Words{"grant 1 on here gpu1"});
  CHECK(words(core.on_request({"e", 2, {0, 0, 1}})) == Words{"2 waits: needs 1 GPUs (0 free)"});
  CHECK(words(core.on_release("e", 1)) == Words{"grant 2 on here gpu1"});
  CHECK(words(core.on_release("e", 0)).empty());
}

TEST_CASE("a request that fits goes ahead of one that does not", "[placement]") {
  auto core = one_node();
  core.on_request({"e", 0, {0, 0, 1}});
  CHECK(words(core.on_request({"e", 1, {0, 0, 2}})) == Words{"1 waits: needs 2 GPUs (1 free)"});
  CHECK(words(core.on_request({"e", 2, {1, 0, 0}})) == Words{"grant 2 on here"});
  CHECK(words(core.on_release("e", 0)) == Words{"grant 1 on here gpu0 gpu1"});
}

TEST_CASE("waiting requests are served in order of arrival", "[placement]") {
  auto core = one_node();
  core.on_request({"e", 0, {4, 0, 0}});
  core.on_request({"f", 7, {2, 0, 0}});
  core.on_request({"e", 1, {2, 0, 0}});
  core.on_request({"e", 2, {2, 0, 0}});
  CHECK(words(core.on_release("e", 0)) == Words{"grant 7 on here", "grant 1 on here"});
}

TEST_CASE("all that is short is named", "[placement]") {
  auto core = one_node();
  core.on_request({"e", 0, {3, 7 * gib, 2}});
  CHECK(
      words(core.on_request({"e", 1, {2, 2 * gib, 1}})) ==
      Words{"1 waits: needs 1 GPUs (0 free), 2 cores (1 free), 2.0 GiB of memory (1.0 GiB free)"});
}

TEST_CASE("a request that waits can be withdrawn", "[placement]") {
  auto core = one_node();
  core.on_request({"e", 0, {4, 0, 0}});
  core.on_request({"e", 1, {1, 0, 0}});
  CHECK(words(core.on_release("e", 1)).empty());
  CHECK(words(core.on_release("e", 0)).empty());
}

TEST_CASE("asking twice takes no more and is answered the same", "[placement]") {
  auto core = one_node();
  core.on_request({"e", 0, {3, 0, 1}});
  CHECK(words(core.on_request({"e", 0, {3, 0, 1}})) == Words{"grant 0 on here gpu0"});
  core.on_request({"e", 1, {2, 0, 0}});
  CHECK(words(core.on_request({"e", 1, {2, 0, 0}})) == Words{"1 waits: needs 2 cores (1 free)"});
  CHECK(words(core.on_release("e", 0)) == Words{"grant 1 on here"});
  CHECK(words(core.on_release("e", 0)).empty());
  CHECK(words(core.on_request({"e", 2, {2, 0, 2}})) == Words{"grant 2 on here gpu0 gpu1"});
}

TEST_CASE("what no node could ever hold is said with the largest node", "[placement]") {
  auto core = one_node();
  CHECK(core.impossible({8, 0, 0}) ==
        "no node could ever hold it: it needs 8 cores, 0.0 GiB of memory and 0 GPUs; the largest "
        "node, here, "
        "has 4 cores, 8.0 GiB and 2 GPUs");
  CHECK_FALSE(core.impossible({4, 8 * gib, 2}));
  CHECK(PlacementCore({}).impossible({}) == "there is no node");
}

TEST_CASE("a trial found after a restart holds what it held", "[placement]") {
  auto core = one_node();
  CHECK(words(core.on_replayed("e", {0, 0, 1}, {{0, "here", {"0"}}})).empty());
  CHECK(words(core.on_replayed("e", {0, 0, 1}, {{0, "here", {"0"}}})).empty());  // it died twice
  CHECK(words(core.on_request({"e", 1, {0, 0, 1}})) == Words{"grant 1 on here gpu1"});
  CHECK(words(core.on_request({"e", 2, {0, 0, 1}})) == Words{"2 waits: needs 1 GPUs (0 free)"});
  CHECK(words(core.on_release("e", 0)) == Words{"grant 2 on here gpu0"});
}

TEST_CASE("what was granted to an experiment that died is free again", "[placement]") {
  auto core = one_node();
  core.on_request({"e", 4, {0, 0, 1}});
  core.on_request({"e", 5, {0, 0, 1}});
  core.on_request({"e", 6, {0, 0, 1}});
  CHECK(words(core.on_request({"f", 0, {0, 0, 1}})).front().substr(0, 8) == "0 waits:");
  CHECK(words(core.on_replayed("e", {0, 0, 1}, {{4, "here", {"0"}}})) ==
        Words{"grant 0 on here gpu1"});
}

TEST_CASE("fractions of cores add up", "[placement]") {
  PlacementCore core({{"here", 1, gib, {}}});
  for (Sequence i = 0; i < 10; ++i)
    CHECK(words(core.on_request({"e", i, {0.1, 0, 0}})).front().substr(0, 5) == "grant");
  CHECK(words(core.on_request({"e", 10, {0.1, 0, 0}})).front().substr(0, 8) == "10 waits");
}

}  // namespace autotune::test
