// The launcher `process`: replicas are processes of this machine, held by the keeper of the home.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "launchers/launcher.hpp"

namespace autotune {

struct ProcessLauncherOptions {
  /// Where job folders, the keeper's socket and its lock are; must exist (0700).
  std::string home;
  /// Started as `BINARY keeper --home HOME`; empty: this program's own file.
  std::string keeper_binary;
  /// What replicas inherit, NAME=VALUE: `run` passes its own environment, an agent PATH, HOME, LANG and what its
  /// configuration names.
  std::vector<std::string> base_environment;
  /// Folder of the Python package t9k; empty: found beside the binary (find_sdk).
  std::string sdk_path;
  /// Between TERM and KILL when a deadline or a lease passes, where the file does not say.
  std::chrono::milliseconds grace{5000};
  /// A cgroup for each replica, also where nothing is limited: ends trees with one write, at 0.1 ms a trial.
  bool cgroup_per_trial = false;
  /// Processes and threads that one replica may have; 0: no limit.
  std::int64_t processes_max = 0;
  /// Of stdout and of stderr of each replica, where the plan does not say.
  std::int64_t log_bytes_max = 64 << 20;
  /// Leases run on CLOCK_BOOTTIME (between machines) instead of CLOCK_MONOTONIC (`run`: a suspended laptop keeps its
  /// trials).
  bool lease_on_boottime = false;
  /// How long a keeper without replicas and agents stays; 0: its default.
  std::chrono::milliseconds keeper_idle{0};
};

/// This process' own environment, as `run` passes it on.
std::vector<std::string> own_environment();

/// Only these variables of this process' environment, as agents pass them on.
std::vector<std::string> environment_of(const std::vector<std::string>& names);

/// Connects to the home's keeper at first need. Adopted replicas run on when the launcher goes.
std::unique_ptr<Launcher> make_process_launcher(ProcessLauncherOptions options);

}  // namespace autotune
