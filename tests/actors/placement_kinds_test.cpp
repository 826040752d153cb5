// What kind of node a trial needs: labels, further resources, claims.
#include <catch2/catch.hpp>

#include "actors/experiment.hpp"
#include "placement_words.hpp"

namespace autotune::test {

namespace {

NodeCapacity node(const std::string& name, std::map<std::string, std::string> labels,
                  std::map<std::string, double> others = {}, std::set<std::string> claims = {}) {
  return {name, 4, 8 * gib, {}, std::move(labels), std::move(others), std::move(claims)};
}

}  // namespace

TEST_CASE("a trial goes to nodes that have all of its labels", "[placement]") {
  PlacementCore core({node("a", {{"disk", "ssd"}}), node("b", {{"disk", "ssd"}, {"zone", "1"}}),
                      node("c", {{"disk", "hdd"}, {"zone", "1"}})});
  PlacementNeeds needs{.cpu = 2, .labels = {{"disk", "ssd"}, {"zone", "1"}}};
  CHECK(words(core.on_request(asks("e", 0, needs))) == Words{"grant 0 on b"});
  CHECK(words(core.on_request(asks("e", 1, needs))) == Words{"grant 1 on b"});
  CHECK(words(core.on_request(asks("e", 2, needs))) ==
        Words{"2 waits: needs 2 cores; node b has 0 free; only nodes with the label disk=ssd and "
              "the label zone=1 count"});
  CHECK(words(core.on_request(asks("f", 0, {.labels = {{"disk", "tape"}}}))) ==
        Words{"0 waits: needs the label disk=tape, which no node has; give an agent --label "
              "disk=tape"});
  CHECK(core.impossible({.labels = {{"disk", "hdd"}, {"disk", "ssd"}}}) ==
        "needs a node with the label disk=hdd and the label disk=ssd; none has all of these");
  CHECK(core.impossible({.cpu = 5, .labels = {{"disk", "hdd"}}}) ==
        "no node could ever hold it: it needs 5 cores, 0.0 GiB of memory and 0 GPUs; the largest "
        "node with the label disk=hdd, c, has 4 cores, 8.0 GiB and 0 GPUs");
  CHECK(words(core.on_node(node("d", {{"disk", "tape"}}))) == Words{"grant 0 on d"});
}

TEST_CASE("resources that a node declares are counted, and are none elsewhere", "[placement]") {
  PlacementCore core({node("a", {}), node("b", {}, {{"rdma/hca", 2}, {"seats", 1.5}})});
  PlacementNeeds needs{.others = {{"rdma/hca", 1}}};
  CHECK(words(core.on_request(asks("e", 0, needs))) == Words{"grant 0 on b"});
  CHECK(words(core.on_request(asks("e", 1, needs))) == Words{"grant 1 on b"});
  CHECK(core.nodes()[1].others_free.at("rdma/hca") == 0);
  CHECK(words(core.on_request(asks("e", 2, needs))) ==
        Words{"2 waits: needs 1 rdma/hca; node a has none free, node b has none free"});
  CHECK(words(core.on_request(asks("f", 0, {.others = {{"seats", 0.5}}}))) ==
        Words{"grant 0 on b"});
  CHECK(words(core.on_release("e", 0)) == Words{"grant 2 on b"});
  CHECK(core.impossible({.others = {{"rdma/hca", 3}}}) ==
        "needs 3 rdma/hca; node b has the most, 2");
  CHECK(core.impossible({.others = {{"fpga/card", 1}}}) == "needs 1 fpga/card, which no node has");
  CHECK_FALSE(core.impossible({.others = {{"fpga/card", 0}}}));
  CHECK(core.impossible({.cpu = 5, .others = {{"rdma/hca", 1}}})
            ->ends_with("0 GPUs, 1 rdma/hca; the largest node, a, has 4 cores, 8.0 GiB and 0 GPUs, "
                        "0 rdma/hca"));
  // It comes again with one more, which counts beside what is held.
  CHECK(words(core.on_node(node("b", {}, {{"rdma/hca", 3}}))).empty());
  CHECK(core.nodes()[1].others_free.at("rdma/hca") == 1);
}

TEST_CASE("experiments have equal shares of a resource that a node declares", "[placement]") {
  PlacementCore core({node("a", {}, {{"rdma/hca", 4}})});
  PlacementNeeds needs{.others = {{"rdma/hca", 1}}};
  for (Sequence i = 0; i < 4; ++i)
    core.on_request(asks("e", i, needs));
  core.on_request(asks("e", 4, needs));
  core.on_request(asks("f", 10, needs));
  CHECK(words(core.on_release("e", 0)) == Words{"grant 10 on a"});
}

TEST_CASE("a node is kept for a trial that waits for a declared resource", "[placement]") {
  PlacementCore core({node("a", {}, {{"rdma/hca", 2}})});
  core.on_request(asks("small", 0, {.others = {{"rdma/hca", 1}}}));
  core.on_request(asks("big", 0, {.others = {{"rdma/hca", 2}}}));
  for (Sequence i = 1; i <= PlacementCore::overtaken_max; ++i) {
    core.on_request(asks("small", i, {.others = {{"rdma/hca", 1}}}));
    core.on_release("small", i);
  }
  CHECK(words(core.on_request(asks("other", 0, {.others = {{"rdma/hca", 1}}}))) ==
        Words{"0 waits: node a is kept for big, which has waited longer"});
  CHECK(words(core.on_request(asks("cores", 0, {.cpu = 1}))) == Words{"grant 0 on a"});
  CHECK(words(core.on_release("small", 0)) == Words{"grant 0 on a"});  // big's
}

TEST_CASE("a trial with a claim goes to nodes that hold it", "[placement]") {
  PlacementCore core({node("a", {}), node("b", {}, {}, {"data", "models"})});
  CHECK(words(core.on_request(asks("e", 0, {.claims = {"data"}}))) == Words{"grant 0 on b"});
  CHECK(words(core.on_request(asks("e", 1, {.cpu = 4, .claims = {"data", "models"}}))) ==
        Words{"grant 1 on b"});
  CHECK(words(core.on_request(asks("e", 2, {.cpu = 4, .claims = {"data"}}))) ==
        Words{"2 waits: needs 4 cores; node b has 0 free; only nodes with the claim data count"});
  CHECK(words(core.on_request(asks("f", 0, {.claims = {"home"}}))) ==
        Words{"0 waits: needs the claim home, which no node holds; give an agent --volume "
              "home=DIR"});
  CHECK(words(core.on_node(node("c", {}, {}, {"home"}))) == Words{"grant 0 on c"});
}

TEST_CASE("on the machine of run nothing of this holds a trial back", "[placement]") {
  auto here = node("here", {});
  here.alone = true;
  PlacementCore core({here});
  PlacementNeeds needs{.labels = {{"disk", "ssd"}}, .others = {{"rdma/hca", 1}}, .claims = {"x"}};
  CHECK(words(core.on_request(asks("e", 0, needs))) == Words{"grant 0 on here"});
  CHECK(words(core.on_request(asks("e", 1, needs))) == Words{"grant 1 on here"});
  CHECK_FALSE(core.impossible(needs));
}

TEST_CASE("what a trial needs is the sum of its replicas and all that its tasks name",
          "[placement]") {
  pb::ExperimentSpec spec;
  auto* task = spec.mutable_training_config()->add_tasks();
  task->set_replicas(2);
  (*task->mutable_node_selector())["disk"] = "ssd";
  (*task->mutable_container()->mutable_requests()->mutable_others())["rdma/hca"] = 1;
  task->add_volumes()->set_claim_name("data");
  task->add_volumes()->set_claim_name("given");
  task->add_volumes()->set_empty_dir(true);
  auto* second = spec.mutable_training_config()->add_tasks();
  second->set_replicas(1);
  (*second->mutable_node_selector())["zone"] = "1";
  (*second->mutable_container()->mutable_requests()->mutable_others())["rdma/hca"] = 2;
  pb::RunOptions options;
  (*options.mutable_volumes())["given"] = "/srv/given";
  auto needs = needs_of(spec, options, false);
  CHECK(needs.labels ==
        std::set<std::pair<std::string, std::string>>{{"disk", "ssd"}, {"zone", "1"}});
  CHECK(needs.others == std::map<std::string, double>{{"rdma/hca", 4}});
  CHECK(needs.claims == std::set<std::string>{"data"});
  spec.mutable_launcher()->set_kind("simulated");  // which mounts nothing
  CHECK(needs_of(spec, options, false).claims.empty());
  CHECK(needs_of(spec, options, false).labels.size() == 2);
  spec.mutable_launcher()->set_kind("kubernetes");  // which has a scheduler of its own
  needs = needs_of(spec, options, false);
  CHECK((needs.labels.empty() && needs.others.empty() && needs.claims.empty()));
}

}  // namespace autotune::test
