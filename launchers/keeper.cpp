// The keeper's loop, its agent, and how replicas begin.
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>

#include "launchers/job_folder.hpp"
#include "launchers/keeper_state.hpp"
#include "launchers/mount_namespace.hpp"
#include "launchers/process_tree.hpp"

namespace autotune {

namespace {

constexpr int requests_at_once = 64;  // then exits are looked at again

// What epoll hands back: these for our own descriptors, larger numbers for processes that are not our children.
enum : std::uint64_t {
  from_listener = 1,
  from_signals,
  from_agent,
  from_lease_timer,
  from_spawner
};

bool watch(int epoll, int fd, std::uint32_t events, std::uint64_t id) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = id;
  return ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

}  // namespace

std::string name_of(const pb::ReplicaKey& key) {
  return key.experiment_id() + "/" + std::to_string(key.sequence()) + "/" +
         std::to_string(key.attempt()) + "/" + key.replica() + "/" + std::to_string(key.restart());
}

Keeper::Keeper(KeeperConfig config, FileDescriptor listener)
    : config_(std::move(config)), listener_(std::move(listener)) {}

bool Keeper::open_descriptors() {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  for (int signal = 1; signal < NSIG; ++signal)
    ::signal(signal,
             SIG_DFL);  // whoever started us may ignore some; replicas are not to inherit that
  sigset_t ours;
  ::sigemptyset(&ours);
  for (int signal : {SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGPIPE})
    ::sigaddset(&ours, signal);
  ::sigprocmask(SIG_SETMASK, &ours, nullptr);
  signals_ = FileDescriptor(::signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK));
  children_ = own_children();
  epoll_ = FileDescriptor(::epoll_create1(EPOLL_CLOEXEC));
  return signals_ && epoll_ && watch(epoll_.value(), listener_.value(), EPOLLIN, from_listener) &&
         watch(epoll_.value(), signals_.value(), EPOLLIN, from_signals);
}

int Keeper::run() {
  if (!open_descriptors())
    return 1;
  can_mount_ = can_mount_privately();
  char marker[32];
  std::snprintf(marker, sizeof marker, "autotune-%016zx", std::hash<std::string>{}(config_.home));
  cgroups_.probe(marker);
  if (!spawner_.open() || !watch(epoll_.value(), spawner_.event_fd(), EPOLLIN, from_spawner))
    return 1;
  idle_since_ = monotonic_ms();
  due(idle_since_ + config_.idle_ms);
  epoll_event events[64];
  while (!done()) {
    int n = ::epoll_wait(epoll_.value(), events, 64,
                         static_cast<int>(std::min(wait_ms(), std::int64_t{60000})));
    for (int i = 0; i < n; ++i) {
      auto id = events[i].data.u64;
      if (id == from_listener)
        accept_agent();
      else if (id == from_signals)
        on_signal();
      else if (id == from_agent)
        read_agent();
      else if (id == from_lease_timer)
        check_lease();
      else if (id == from_spawner)
        take_spawned();
      else if (auto found = foreign_.find(id); found != foreign_.end())
        on_foreign_activity(*found->second);
    }
    if (monotonic_ms() >= due_at_)
      on_timer();
  }
  ::unlink(keeper_socket_path(config_.home).c_str());
  return 0;
}

bool Keeper::done() const {
  if (!replicas_.empty())
    return false;
  if (quitting_)
    return true;
  return !agent_ && monotonic_ms() - idle_since_ >= config_.idle_ms;
}

void Keeper::due(std::int64_t at) {
  if (due_at_ == 0 || at < due_at_)
    due_at_ = at;
}

std::int64_t Keeper::wait_ms() const { return std::max<std::int64_t>(0, due_at_ - monotonic_ms()); }

// --- the agent ---------------------------------------------------------------------------------------------------

void Keeper::accept_agent() {
  FileDescriptor other(
      ::accept4(listener_.value(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!other || !same_user(other.value()))
    return;
  // The newest agent counts: the one before is dead. What it had asked for was decided and written down: it is done.
  while (read_agent()) {
  }
  drop_agent();
  agent_ = std::move(other);
  watch(epoll_.value(), agent_.value(), EPOLLIN, from_agent);
}

void Keeper::drop_agent() {
  if (!agent_)
    return;
  ::epoll_ctl(epoll_.value(), EPOLL_CTL_DEL, agent_.value(), nullptr);
  agent_.reset();
  agent_greeted_ = false;
  queue_.clear();  // what was not told stands in exit files and in kept_exits_
  idle_since_ = monotonic_ms();
  due(idle_since_ + config_.idle_ms);
}

/// True where there may be more to read.
bool Keeper::read_agent() {
  flush();
  pb::KeeperRequest request;
  for (int i = 0; i < requests_at_once && agent_; ++i) {
    FileDescriptor passed;
    switch (reader_.receive(agent_.value(), request, &passed)) {
      case Received::message: on_request(request, std::move(passed)); break;
      case Received::nothing: return false;
      case Received::closed: drop_agent(); return false;
    }
  }
  return static_cast<bool>(agent_);
}

void Keeper::on_request(pb::KeeperRequest& request, FileDescriptor passed) {
  if (request.has_hello())
    return on_hello(request.hello());
  if (!agent_greeted_)
    return drop_agent();
  switch (request.what_case()) {
    case pb::KeeperRequest::kStart: on_start(std::move(*request.mutable_start())); break;
    case pb::KeeperRequest::kStop: {
      auto found = replicas_.find(name_of(request.stop().key()));
      if (found != replicas_.end())
        begin_ending(*found->second, pb::EXIT_CAUSE_STOPPED, request.stop().grace_ms());
      break;
    }
    case pb::KeeperRequest::kAdopt: on_adopt(request.adopt(), std::move(passed)); break;
    case pb::KeeperRequest::kRelease: on_release(request.release()); break;
    case pb::KeeperRequest::kLease: on_lease(request.lease()); break;
    default: break;  // of a newer agent; Hello told it what we know
  }
}

void Keeper::on_hello(const pb::KeeperHello& hello) {
  pb::KeeperEvent event;
  if (hello.version() == 0) {
    event.set_refused("an agent without a version");
    tell(std::move(event));
    return drop_agent();
  }
  agent_greeted_ = true;
  if (lease_until_ != 0 && lease_now() >= lease_until_)
    lease_until_ = 0;  // what it had lost is ended; a new agent begins anew
  auto& welcome = *event.mutable_welcome();
  welcome.set_version(std::min(hello.version(), keeper_protocol_version));
  welcome.set_pid(::getpid());
  welcome.set_can_mount(can_mount_);
  welcome.set_can_limit_memory(cgroups_.can_limit_memory());
  welcome.set_can_limit_cpu(cgroups_.can_limit_cpu());
  welcome.set_can_limit_pids(cgroups_.can_limit_pids());
  for (const auto& [name, replica] : replicas_) {
    auto& one = *welcome.add_running();
    *one.mutable_key() = replica->start.key();
    one.set_pid(replica->pid);
    one.set_pid_start_ticks(replica->start_ticks);
  }
  for (const auto& exit : kept_exits_)
    *welcome.add_exits() = exit;
  tell(std::move(event));
}

void Keeper::on_release(const pb::KeeperRelease& release) {
  std::erase_if(kept_exits_, [&](const pb::ReplicaExit& exit) {
    return exit.key().attempt() == release.attempt() &&
           exit.key().sequence() == release.sequence() &&
           exit.key().experiment_id() == release.experiment_id();
  });
}

void Keeper::tell(pb::KeeperEvent event, int fd) {
  bool greeting = event.has_welcome() || !event.refused().empty();
  if (!agent_ || (!agent_greeted_ && !greeting))
    return;  // an agent that has not greeted yet learns from its welcome and the exit files
  if (queue_.empty()) {
    auto sent = send_packet(agent_.value(), event, fd);
    if (!sent)
      return;  // it is dead; read_agent still takes what it had asked for, and then drops it
    if (*sent)
      return;
    epoll_event wanted{};
    wanted.events = EPOLLIN | EPOLLOUT;
    wanted.data.u64 = from_agent;
    ::epoll_ctl(epoll_.value(), EPOLL_CTL_MOD, agent_.value(), &wanted);
  }
  if (queue_.size() >= config_.queued_events_max)
    return drop_agent();  // it does not read; it may come again and ask what it missed
  FileDescriptor copy(fd >= 0 ? ::fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1);
  queue_.emplace_back(std::move(event), std::move(copy));
}

void Keeper::flush() {
  if (queue_.empty() || !agent_)
    return;
  while (!queue_.empty()) {
    auto sent = send_packet(agent_.value(), queue_.front().first, queue_.front().second.value());
    if (!sent)
      return queue_.clear();  // as in tell()
    if (!*sent)
      return;
    queue_.pop_front();
  }
  epoll_event wanted{};
  wanted.events = EPOLLIN;
  wanted.data.u64 = from_agent;
  ::epoll_ctl(epoll_.value(), EPOLL_CTL_MOD, agent_.value(), &wanted);
}

void Keeper::notice(const pb::ReplicaKey& key, const std::string& text) {
  pb::KeeperEvent event;
  *event.mutable_notice()->mutable_key() = key;
  event.mutable_notice()->set_text(text);
  tell(std::move(event));
}

// --- starting ----------------------------------------------------------------------------------------------------

void Keeper::on_start(pb::KeeperStart&& start) {
  auto name = name_of(start.key());
  if (replicas_.contains(name))
    return;  // asked twice: it runs
  auto replica = std::make_unique<KeptReplica>();
  replica->name = name;
  replica->started_at_ms = wall_clock_ms();
  const auto limits = start.limits();
  std::string refusal;
  if (lease_until_ != 0 && lease_now() >= lease_until_)
    refusal = "the node's lease ran out";
  auto job = std::make_unique<SpawnJob>();
  job->name = name;
  bool wants_cgroup =
      limits.memory_bytes() > 0 || limits.cpu() > 0 || limits.pids_max() > 0 || limits.own_cgroup();
  if (refusal.empty() && wants_cgroup) {
    auto made = cgroups_.make(limits, start.marker());
    if (made)
      replica->cgroup = *made;
    else
      notice(start.key(), "its limits are not enforced by a cgroup: " + made.error().message);
    if (replica->cgroup.v2)
      job->cgroup = open_to_begin_in(replica->cgroup);
    else
      job->cgroups = open_to_enter(replica->cgroup);
  }
  job->start = std::move(start);
  auto& kept = replica->start;  // all but the command
  const auto& given = job->start;
  *kept.mutable_key() = given.key();
  *kept.mutable_limits() = limits;
  kept.set_folder(given.folder());
  kept.set_deadline_at_ms(given.deadline_at_ms());
  kept.set_grace_ms(given.grace_ms());
  kept.set_marker(given.marker());
  replica->log = {given.folder(), limits.log_bytes(), limits.keep_log_offsets(), {0, 0}};
  if (given.deadline_at_ms() > 0)
    due(given.deadline_at_ms());
  due(monotonic_ms() + config_.log_check_ms);
  replicas_.emplace(name, std::move(replica));
  if (refusal.empty())
    return spawner_.submit(std::move(job));
  job->error = refusal;
  on_spawned(*job);
}

void Keeper::take_spawned() {
  for (auto& job : spawner_.take())
    on_spawned(*job);
}

/// A replica's program runs, or could not be started.
void Keeper::on_spawned(SpawnJob& job) {
  auto found = replicas_.find(job.name);
  if (found == replicas_.end())
    return;
  auto& replica = *found->second;
  auto status = job.pid != 0 ? spawner_.take_status(job.pid) : std::nullopt;
  if (!job.error.empty()) {
    cgroups_.remove(replica.cgroup);
    pb::ReplicaExit exit;
    *exit.mutable_key() = replica.start.key();
    exit.set_cause(pb::EXIT_CAUSE_SPAWN_FAILED);
    exit.set_detail(job.error);
    exit.set_started_at_ms(replica.started_at_ms);
    exit.set_ended_at_ms(wall_clock_ms());
    auto folder = replica.start.folder();
    replicas_.erase(found);
    if (replicas_.empty())
      idle_since_ = monotonic_ms();
    return record(std::move(exit), folder);
  }
  replica.pid = job.pid;
  replica.start_ticks = job.start_ticks;
  pb::KeeperEvent event;
  auto& started = *event.mutable_started();
  *started.mutable_key() = replica.start.key();
  started.set_pid(replica.pid);
  started.set_pid_start_ticks(replica.start_ticks);
  tell(std::move(event), job.pidfd.value());
  if (status)
    return on_main_gone(replica, *status, true);
  mains_[replica.pid] = &replica;
  if (replica.kill_at != 0)  // told to end before it had begun
    signal_tree(replica, monotonic_ms() >= replica.kill_at ? SIGKILL : SIGTERM);
}

void Keeper::on_adopt(const pb::KeeperAdopt& adopt, FileDescriptor pidfd) {
  auto name = name_of(adopt.start().key());
  if (replicas_.contains(name))
    return;
  auto replica = std::make_unique<KeptReplica>();
  const auto& limits = adopt.start().limits();
  replica->name = name;
  replica->start = adopt.start();
  replica->foreign = true;
  replica->pid = adopt.pid();
  replica->start_ticks = adopt.pid_start_ticks();
  replica->started_at_ms = adopt.started_at_ms();
  replica->log = {adopt.start().folder(), limits.log_bytes(), limits.keep_log_offsets(), {0, 0}};
  replica->cgroup = cgroups_.find(limits, adopt.start().marker());
  replica->pidfd = pidfd ? std::move(pidfd) : open_process(adopt.pid(), adopt.pid_start_ticks());
  if (adopt.start().deadline_at_ms() > 0)
    due(adopt.start().deadline_at_ms());
  due(monotonic_ms() + config_.log_check_ms);
  auto& placed = *replicas_.emplace(name, std::move(replica)).first->second;
  if (!placed.pidfd) {
    on_main_gone(placed, 0, false);
    return;
  }
  placed.watch_id = next_watch_id_++;
  foreign_[placed.watch_id] = &placed;
  watch(epoll_.value(), placed.pidfd.value(), EPOLLIN | EPOLLET, placed.watch_id);
  on_foreign_activity(placed);  // it may have ended already
}

// --- time --------------------------------------------------------------------------------------------------------

void Keeper::on_timer() {
  auto now = monotonic_ms();
  due_at_ = 0;
  due(now + 60000);
  check_limits(now);
  cgroups_.tidy();
  if (!cgroups_.is_tidy())
    due(now + config_.log_check_ms);
  if (replicas_.empty() && !agent_)
    due(idle_since_ + config_.idle_ms);
}

void Keeper::on_signal() {
  signalfd_siginfo info{};
  bool end = false;
  while (::read(signals_.value(), &info, sizeof info) == sizeof info)
    end = end || info.ssi_signo == SIGTERM;
  if (end && !quitting_) {  // someone wants this machine to come to rest
    quitting_ = true;
    std::vector<KeptReplica*> all;
    for (auto& [name, replica] : replicas_)
      all.push_back(replica.get());
    for (auto* replica : all)
      begin_ending(*replica, pb::EXIT_CAUSE_LOST, replica->start.grace_ms(),
                   "its keeper was told to end");
  }
  reap();
}

void Keeper::on_lease(const pb::KeeperLease& lease) {
  if (!lease_timer_ || lease_boottime_ != lease.boottime()) {
    lease_timer_ = FileDescriptor(::timerfd_create(
        lease.boottime() ? CLOCK_BOOTTIME : CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
    watch(epoll_.value(), lease_timer_.value(), EPOLLIN, from_lease_timer);
    lease_boottime_ = lease.boottime();
  }
  lease_ms_ = lease.lease_ms();
  lease_until_ = lease.sent_at_ms() + lease.lease_ms();
  check_lease();
}

}  // namespace autotune
