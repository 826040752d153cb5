// What `get nodes` prints.
#include <sstream>

#include <catch2/catch.hpp>

#include "cli/node_table.hpp"

namespace autotune::cli {

namespace {

std::vector<pb::NodeSummary> two_nodes() {
  pb::NodeSummary far;
  auto* node = far.mutable_node();
  node->set_name("far");
  node->set_cpu(8);
  node->set_memory_bytes(std::int64_t{16} << 30);
  node->add_gpus("0");
  node->add_gpus("1");
  node->set_protocol(1);
  node->set_version("0.1.0");
  (*node->mutable_labels())["gpu"] = "a100";
  (*node->mutable_labels())["disk"] = "ssd, fast";
  (*node->mutable_others())["rdma/hca"] = 2;
  far.set_state("Unreachable");
  far.set_heard_ms_ago(4120);
  far.set_cpu_free(6.5);
  far.set_memory_free(std::int64_t{4} << 30);
  far.add_gpus_free("1");
  for (int i = 0; i < 5; ++i) {
    auto* running = far.add_running();
    running->set_experiment_id("digits-abcde");
    running->set_sequence(i);
  }
  pb::NodeSummary own;
  own.mutable_node()->set_name("desk");
  own.mutable_node()->set_cpu(2);
  own.set_cpu_free(2);
  own.set_state("Ready");
  return {far, own};
}

std::string text(Format format) {
  std::ostringstream out;
  write_nodes(two_nodes(), {format, 0}, out);
  return out.str();
}

}  // namespace

TEST_CASE("nodes stand in a table by name, and more than three trials are counted",
          "[cli][nodes]") {
  CHECK(text(Format::table) ==
        "NODE  STATE        CPU    MEMORY-GIB  GPUS  TRIALS  HEARD     RUNNING\n"
        "desk  Ready        2/2    0.0/0.0     0/0   0       -         -\n"
        "far   Unreachable  6.5/8  4.0/16.0    1/2   5       4.1s ago  "
        "digits-abcde/0 digits-abcde/1 digits-abcde/2 +2\n");
  auto wide = text(Format::wide);
  CHECK_THAT(wide, Catch::Contains("disk=ssd, fast,gpu=a100"));
  CHECK_THAT(wide, Catch::Contains("rdma/hca=2"));
  CHECK_THAT(wide, Catch::Contains("digits-abcde/4"));
}

TEST_CASE("nodes as CSV and JSON say the same", "[cli][nodes]") {
  CHECK(text(Format::csv) ==
        "name,state,cpu,cpuFree,memoryBytes,memoryFree,gpus,gpusFree,running,labels\r\n"
        "desk,Ready,2,2,0,0,0,0,0,\r\n"
        "far,Unreachable,8,6.5,17179869184,4294967296,2,1,5,\"disk=ssd, fast,gpu=a100\"\r\n");
  auto all = parse_json(text(Format::json));
  REQUIRE(all);
  REQUIRE(all->as_array()->size() == 2);
  const auto& far = (*all->as_array())[1];
  CHECK(to_json(*far.find("labels")) == R"({"disk":"ssd, fast","gpu":"a100"})");
  CHECK(to_json(*far.find("gpusFree")) == R"(["1"])");
  CHECK(to_json(*far.find("cpuFree")) == "6.5");
  CHECK(far.find("running")->as_array()->size() == 5);
}

}  // namespace autotune::cli
