// What tests of launchers share: a home that cleans up after itself, plans, and waiting for what should happen.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "launchers/process.hpp"

namespace autotune::test {

/// A folder for one test. Its keeper is told to end, and the folder removed, when the test is over.
class Home {
 public:
  Home();
  ~Home();
  Home(const Home&) = delete;
  Home& operator=(const Home&) = delete;

  const std::string& path() const { return path_; }
  /// The pid of the keeper that holds this home; 0: none.
  int keeper_pid() const;

 private:
  std::string path_;
};

/// A plan of one worker that runs `sh -c script`.
pb::AttemptPlan shell_plan(const std::string& script, std::int64_t sequence = 0);
pb::ReplicaKey key_of(const pb::AttemptPlan& plan, const std::string& replica = "worker-0",
                      int restart = 0);

ProcessLauncherOptions options_for(const Home& home);

/// A launcher and all that it said. Waits on its wake call, with a deadline.
class Watched {
 public:
  explicit Watched(std::unique_ptr<Launcher> launcher);
  ~Watched();

  Launcher* operator->() { return launcher_.get(); }
  /// Destroys the launcher, as the end of an agent does.
  void drop();

  /// Polls until `done` holds. False when 20 seconds passed.
  bool wait_for(const std::function<bool()>& done);
  /// Waits for a replica's end. A cause of UNSPECIFIED: it did not come.
  ReplicaExit wait_for_exit(const pb::ReplicaKey& key);
  bool wait_for_start(const pb::ReplicaKey& key);
  /// Prepares and starts a plan's first replica and waits for its end.
  ReplicaExit run(const pb::AttemptPlan& plan);

  std::vector<ReplicaStarted> started;
  std::vector<ReplicaExit> exits;
  std::vector<LauncherNotice> notices;

 private:
  struct Wakes;
  std::shared_ptr<Wakes> wakes_;
  std::unique_ptr<Launcher> launcher_;
};

/// Waits until a condition on files or processes holds, looking again every few milliseconds. False after 20 seconds.
bool eventually(const std::function<bool()>& holds);

std::string read_file(const std::string& path);
void write_file(const std::string& path, const std::string& text);
bool alive(int pid);
/// The numbers that a file holds, one a line (pids written by a script).
std::vector<int> numbers_in(const std::string& path);

/// The replica's folder.
std::string folder_of(const Home& home, const pb::AttemptPlan& plan,
                      const std::string& replica = "worker-0");
/// A file in the trial's folder.
std::string trial_file(const Home& home, const pb::AttemptPlan& plan, const std::string& name);
/// A trial that waits for the file "go" in its folder, then does `then`.
pb::AttemptPlan waiting_plan(const std::string& then, std::int64_t sequence = 0);
/// Kills the home's keeper, and waits until it is gone.
void kill_keeper(const Home& home);

}  // namespace autotune::test
