#include "support.hpp"

#include <catch2/catch.hpp>

#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <sstream>

#include "launchers/job_folder.hpp"
#include "launchers/keeper_protocol.hpp"
#include "launchers/process_tree.hpp"

namespace autotune::test {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

namespace {

constexpr std::chrono::seconds patience{20};

}  // namespace

Home::Home() {
  char name[] = "/tmp/autotune-test-XXXXXX";
  path_ = ::mkdtemp(name);
}

Home::~Home() {
  if (auto pid = keeper_pid(); pid > 0) {
    ::kill(pid, SIGTERM);  // ends what it keeps, then itself
    eventually([&] { return !alive(pid); });
  }
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

int Home::keeper_pid() const {
  auto socket = connect_to_keeper(path_);
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (!socket || ::getsockopt(socket->value(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0)
    return 0;
  return credentials.pid;
}

pb::AttemptPlan shell_plan(const std::string& script, std::int64_t sequence) {
  pb::AttemptPlan plan;
  plan.set_experiment_id("test-abcde");
  plan.set_experiment_name("test");
  plan.set_sequence(sequence);
  plan.set_trial_id("p4iyq");
  plan.set_attempt(1);
  plan.set_parameters_json(R"({"x":16,"rate":0.1})");
  auto& training = *plan.mutable_training_config();
  training.set_type("generic");
  auto& task = *training.add_tasks();
  task.set_role("worker");
  task.set_replicas(1);
  for (const char* word : {"sh", "-c"})
    task.mutable_container()->add_command(word);
  task.mutable_container()->add_command(script);
  return plan;
}

pb::ReplicaKey key_of(const pb::AttemptPlan& plan, const std::string& replica, int restart) {
  pb::ReplicaKey key;
  key.set_experiment_id(plan.experiment_id());
  key.set_sequence(plan.sequence());
  key.set_attempt(plan.attempt());
  key.set_replica(replica);
  key.set_restart(restart);
  return key;
}

ProcessLauncherOptions options_for(const Home& home) {
  ProcessLauncherOptions options;
  options.home = home.path();
  options.keeper_binary = KEEPER_BINARY;
  options.base_environment = own_environment();
  return options;
}

struct Watched::Wakes {
  std::mutex mutex;
  std::condition_variable changed;
  bool woken = false;
};

Watched::Watched(std::unique_ptr<Launcher> launcher)
    : wakes_(std::make_shared<Wakes>()), launcher_(std::move(launcher)) {
  launcher_->on_activity([wakes = wakes_] {
    std::lock_guard lock(wakes->mutex);
    wakes->woken = true;
    wakes->changed.notify_all();
  });
}

Watched::~Watched() = default;

void Watched::drop() { launcher_.reset(); }

bool Watched::wait_for(const std::function<bool()>& done) {
  auto until = Clock::now() + patience;
  for (;;) {
    for (auto& event : launcher_->poll(Clock::now())) {
      if (auto* one = std::get_if<ReplicaStarted>(&event))
        started.push_back(*one);
      else if (auto* two = std::get_if<ReplicaExit>(&event))
        exits.push_back(*two);
      else
        notices.push_back(std::get<LauncherNotice>(event));
    }
    if (done())
      return true;
    std::unique_lock lock(wakes_->mutex);
    // The wake call is what is waited for; the short time lets conditions on files be seen too.
    wakes_->changed.wait_for(lock, std::chrono::milliseconds(20), [&] { return wakes_->woken; });
    wakes_->woken = false;
    if (Clock::now() > until)
      return false;
  }
}

ReplicaExit Watched::wait_for_exit(const pb::ReplicaKey& key) {
  ReplicaExit found;
  wait_for([&] {
    for (const auto& exit : exits)
      if (exit.key().SerializeAsString() == key.SerializeAsString()) {
        found = exit;
        return true;
      }
    return false;
  });
  return found;
}

bool Watched::wait_for_start(const pb::ReplicaKey& key) {
  return wait_for([&] {
    for (const auto& one : started)
      if (one.key().SerializeAsString() == key.SerializeAsString())
        return true;
    return false;
  });
}

ReplicaExit Watched::run(const pb::AttemptPlan& plan) {
  auto prepared = launcher_->prepare(plan);
  if (!prepared) {
    ReplicaExit refused;
    refused.set_detail(prepared.error().message);
    return refused;
  }
  launcher_->start(key_of(plan), std::nullopt);
  return wait_for_exit(key_of(plan));
}

bool eventually(const std::function<bool()>& holds) {
  auto until = Clock::now() + patience;
  while (!holds()) {
    if (Clock::now() > until)
      return false;
    ::poll(nullptr, 0, 5);
  }
  return true;
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void write_file(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

bool alive(int pid) {
  auto stat = stat_of(pid);
  return stat && stat->state != 'Z' && stat->state != 'X';
}

std::vector<int> numbers_in(const std::string& path) {
  std::istringstream words(read_file(path));
  std::vector<int> found;
  for (int number = 0; words >> number;)
    found.push_back(number);
  return found;
}

std::string folder_of(const Home& home, const pb::AttemptPlan& plan, const std::string& replica) {
  return JobFolder::of(home.path(), plan)->replica(replica);
}

std::string trial_file(const Home& home, const pb::AttemptPlan& plan, const std::string& name) {
  return JobFolder::of(home.path(), plan)->trial() + "/" + name;
}

pb::AttemptPlan waiting_plan(const std::string& then, std::int64_t sequence) {
  return shell_plan("while [ ! -e $AUTOTUNE_TRIAL_DIR/go ]; do sleep 0.01; done; " + then,
                    sequence);
}

void kill_keeper(const Home& home) {
  auto pid = home.keeper_pid();
  REQUIRE(pid > 0);
  ::kill(pid, SIGKILL);
  REQUIRE(eventually([&] { return !alive(pid); }));
}

}  // namespace autotune::test
