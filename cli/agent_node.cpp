#include "cli/agent_node.hpp"

#include <ctime>
#include <fstream>
#include <thread>

#include <spdlog/spdlog.h>
#include <caf/all.hpp>

#include "actors/head.hpp"
#include "actors/machine.hpp"
#include "actors/transport.hpp"
#include "actors/uplink.hpp"
#include "cli/identity.hpp"
#include "cli/machine.hpp"
#include "store/home_lock.hpp"

namespace autotune::cli {

namespace {

std::int64_t boottime_ms() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1000000;
}

/// Counts the starts of this node's agent: the head tells an old one from a new one by it.
Result<std::uint64_t> next_incarnation(const std::filesystem::path& folder) {
  auto path = folder / "incarnation";
  std::uint64_t number = 0;
  std::ifstream(path) >> number;
  // The clock too, should the folder have been lost meanwhile.
  number = std::max(number + 1, static_cast<std::uint64_t>(std::time(nullptr)));
  auto draft = path;
  draft += ".new";
  std::ofstream file(draft, std::ios::trunc);
  file << number << "\n";
  file.close();
  std::error_code failed;
  if (file)
    std::filesystem::rename(draft, path, failed);
  if (!file || failed)
    return fail(ErrorCode::resource_exhausted, "cannot write " + path.string());
  return number;
}

/// Where heads give certificates unless they were told another place: two ports above their control.
std::vector<std::string> doors_of(const std::vector<HostPort>& heads) {
  constexpr int enrolment_offset = 2;
  std::vector<std::string> doors;
  for (const auto& head : heads) {
    bool bare_v6 = head.host.find(':') != std::string::npos;
    doors.push_back((bare_v6 ? "[" + head.host + "]" : head.host) + ":" +
                    std::to_string(head.port + enrolment_offset));
  }
  return doors;
}

}  // namespace

struct AgentNode::Impl {
  explicit Impl(HomeLock node_lock) : lock(std::move(node_lock)) {}

  HomeLock lock;
  caf::actor_system_config config;
  std::unique_ptr<caf::actor_system> system;
  UplinkActor uplink;
  NodeAgentActor agent;
  std::unique_ptr<Renewal> renewal;
};

Result<std::unique_ptr<AgentNode>> AgentNode::start(AgentOptions options) {
  auto folder = options.home / "nodes" / options.node.name();
  auto lock = lock_home(folder);
  if (!lock)
    return tl::unexpected(lock.error());
  if (auto opened = open_log(folder, options.log_level); !opened)
    return tl::unexpected(opened.error());
  auto identity = agent_identity(options.home, folder, options.node.name(), options.token);
  if (!identity)
    return tl::unexpected(identity.error());
  auto incarnation = next_incarnation(folder);
  if (!incarnation)
    return tl::unexpected(incarnation.error());

  configure_types();
  auto impl = std::make_unique<Impl>(std::move(*lock));
  impl->config.set("caf.scheduler.policy", std::string("sharing"));
  impl->config.set("caf.scheduler.max-threads", std::size_t{2});
  configure_transport(impl->config, *identity);
  impl->system = std::make_unique<caf::actor_system>(impl->config);
  UplinkContext uplink;
  uplink.node = options.node;
  uplink.incarnation = *incarnation;
  uplink.volumes = std::move(options.volumes);
  for (const auto& head : options.heads)
    uplink.connect.emplace_back([system = impl->system.get(), head] {
      return connect_control(*system, head.host, head.port);
    });
  uplink.lease_ms = boottime_ms;
  uplink.remove_folders = [folder](const std::string& id) {
    if (id.empty() || id.front() == '.' || id.find('/') != std::string::npos)
      return;  // no ID that a head gives
    std::error_code code;
    auto left = folder / "trials" / id;
    if (!std::filesystem::exists(left, code))
      return;  // each new session names all that were deleted
    std::thread([left] {
      std::error_code removing;
      std::filesystem::remove_all(left, removing);
      if (removing)
        spdlog::warn("folders-not-removed: folder={} error={}", left.string(), removing.message());
    }).detach();
  };
  uplink.say = std::move(options.say);
  impl->uplink =
      compat::spawn_state<UplinkActor, UplinkState>(*impl->system, false, std::move(uplink));
  NodeAgentLimits limits;
  limits.lease = std::chrono::milliseconds(0);  // the head's
  impl->agent = compat::spawn_state<NodeAgentActor, NodeAgentState>(
      *impl->system, true, make_launchers(process_options(folder, LeaseClockKind::boottime)),
      ReportsActor(impl->uplink), limits);
  compat::anon_send(impl->uplink, ServeNode{caf::actor_cast<caf::strong_actor_ptr>(impl->agent)});
  bool enrolled = std::filesystem::exists(folder / "tls" / "enrolled-at");
  impl->renewal = std::make_unique<Renewal>(
      identity->certificate,
      [enrolled, doors = doors_of(options.heads), home = options.home, folder,
       name = options.node.name()]() -> Result<void> {
        if (enrolled)
          return renew_identity(folder / "tls", doors);
        auto signed_anew = agent_identity(home, folder, name, "");
        return signed_anew ? Result<void>() : tl::unexpected(signed_anew.error());
      });
  return std::unique_ptr<AgentNode>(new AgentNode(std::move(impl)));
}

AgentNode::AgentNode(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

AgentNode::~AgentNode() {
  impl_->renewal.reset();
  {
    caf::scoped_actor self{*impl_->system};
    for (const auto& actor :
         {caf::actor_cast<caf::actor>(impl_->uplink), caf::actor_cast<caf::actor>(impl_->agent)}) {
      self->send_exit(actor, caf::exit_reason::user_shutdown);
      self->wait_for(actor);
    }
  }
  impl_->uplink = nullptr;
  impl_->agent = nullptr;
  impl_->system.reset();
  spdlog::shutdown();
}

}  // namespace autotune::cli
