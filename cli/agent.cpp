// agent: a worker node of a server elsewhere.
#include <iostream>
#include <mutex>
#include <thread>

#include "actors/machine.hpp"
#include "actors/nodes_core.hpp"
#include "cli/agent_node.hpp"
#include "cli/cli.hpp"
#include "cli/follow.hpp"
#include "cli/machine.hpp"
#include "store/certificates.hpp"

namespace autotune::cli {

namespace {

struct AgentWords {
  std::vector<std::string> join;
  std::string name;
  std::string token;
  std::vector<std::string> labels;
  std::vector<std::string> resources;
  std::vector<std::string> volumes;
};

/// NAME=VALUE. invalid_argument otherwise.
Result<std::pair<std::string, std::string>> pair_of(const std::string& option,
                                                    const std::string& text) {
  auto equals = text.find('=');
  if (equals == std::string::npos || equals == 0)
    return fail(ErrorCode::invalid_argument, option + " wants NAME=VALUE, not '" + text + "'");
  return std::pair{text.substr(0, equals), text.substr(equals + 1)};
}

/// What this machine offers, as far as it was not told otherwise.
Result<pb::NodeDescription> describe_node(const AgentWords& words) {
  auto machine = this_machine();
  pb::NodeDescription node;
  node.set_name(words.name.empty() ? machine.name : words.name);
  if (auto fine = check_node_name(node.name()); !fine)
    return tl::unexpected(fine.error());
  node.set_cpu(machine.cpu);
  node.set_memory_bytes(machine.memory_bytes);
  *node.mutable_gpus() = {machine.gpus.begin(), machine.gpus.end()};
  node.set_version(AUTOTUNE_VERSION);
  node.set_protocol(cluster_protocol);
  for (const auto& text : words.labels) {
    auto label = pair_of("--label", text);
    if (!label)
      return tl::unexpected(label.error());
    (*node.mutable_labels())[label->first] = label->second;
  }
  for (const auto& text : words.resources) {
    auto resource = pair_of("--resource", text);
    if (!resource)
      return tl::unexpected(resource.error());
    char* end = nullptr;
    double amount = std::strtod(resource->second.c_str(), &end);
    if (resource->second.empty() || *end != '\0' || !(amount >= 0))
      return fail(ErrorCode::invalid_argument,
                  "--resource " + text + ": the amount is a number from 0 on");
    if (resource->first == "cpu")
      node.set_cpu(amount);
    else if (resource->first == "memory")
      node.set_memory_bytes(static_cast<std::int64_t>(amount));
    else
      (*node.mutable_others())[resource->first] = amount;
  }
  return node;
}

/// --join: where a head may be.
Result<std::vector<HostPort>> heads_of(AgentWords& words) {
  if (words.join.empty())
    words.join = {"127.0.0.1:7420"};
  std::vector<HostPort> heads;
  for (const auto& text : words.join) {
    auto head = parse_host_port(text);
    if (!head)
      return fail(head.error().code, "--join: " + head.error().message);
    heads.push_back(*head);
  }
  return heads;
}

/// --volume CLAIM=DIR: what this node holds. invalid_argument: there is no such folder.
Result<std::map<std::string, std::string>> volumes_of(const AgentWords& words) {
  std::map<std::string, std::string> volumes;
  for (const auto& text : words.volumes) {
    auto volume = pair_of("--volume", text);
    if (!volume)
      return tl::unexpected(volume.error());
    auto folder = std::filesystem::absolute(volume->second).lexically_normal();
    if (!std::filesystem::is_directory(folder))
      return fail(ErrorCode::invalid_argument,
                  "--volume " + text + ": there is no folder " + folder.string());
    volumes[volume->first] = folder.string();
  }
  return volumes;
}

int serve(const Common& common, AgentWords& words) {
  catch_signals();
  auto node = describe_node(words);
  if (!node)
    return report(node.error());
  auto heads = heads_of(words);
  if (!heads)
    return report(heads.error());
  const auto where = CLI::detail::join(words.join, ",");
  auto volumes = volumes_of(words);
  if (!volumes)
    return report(volumes.error());
  for (const auto& [claim, folder] : *volumes)
    node->add_claims(claim);
  AgentOptions options{home_folder(common), *heads,           *node, words.token,
                       *std::move(volumes), common.log_level, {}};
  auto mutex = std::make_shared<std::mutex>();
  options.say = [mutex, where](const std::string& what) {
    std::lock_guard guard(*mutex);
    std::cout << where << ": " << what << "\n" << std::flush;
  };
  auto agent = AgentNode::start(std::move(options));
  if (!agent)
    return report(agent.error());
  std::cout << "node " << node->name() << " joins " << where << "\n" << std::flush;
  constexpr std::chrono::milliseconds look{100};
  while (signals_caught() == 0)
    std::this_thread::sleep_for(look);
  agent->reset();
  std::cout << "ended; what runs here waits for the next agent of node " << node->name()
            << " until its lease is over\n";
  return exit_fine;
}

}  // namespace

void add_agent(CLI::App& app, Common& common, int& exit_code) {
  auto words = std::make_shared<AgentWords>();
  auto* verb = add_verb(app, common, "agent", "Run trials of a server elsewhere on this machine");
  refuse_server(*verb, "give --join HOST:PORT");
  verb->add_option("--join", words->join,
                   "The server's address (default: 127.0.0.1:7420); with a second head both, "
                   "HOST:PORT,HOST:PORT")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("HOST:PORT");
  verb->add_option("--token", words->token,
                   "From `autotune token create`, when this machine joins for the first time")
      ->type_name("TOKEN");
  verb->add_option("--name", words->name, "Of this node (default: the machine's name)")
      ->type_name("NODE");
  verb->add_option("--label", words->labels, "NAME=VALUE, which trials may ask for; repeatable")
      ->allow_extra_args(false);
  verb->add_option("--resource", words->resources,
                   "NAME=AMOUNT: cpu (cores), memory (bytes), or one of your own; repeatable")
      ->allow_extra_args(false);
  verb->add_option("--volume", words->volumes,
                   "CLAIM=DIR: trials that mount this claim come here; repeatable")
      ->allow_extra_args(false);
  verb->callback([&common, &exit_code, words] { exit_code = serve(common, *words); });
}

}  // namespace autotune::cli
