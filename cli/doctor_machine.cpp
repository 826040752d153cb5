// What `doctor` says of the machine.
#include "cli/doctor.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <thread>

#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/program.hpp"
#include "launchers/cgroup.hpp"
#include "launchers/file_descriptor.hpp"
#include "launchers/gpus.hpp"
#include "launchers/mount_namespace.hpp"
#include "launchers/ports.hpp"
#include "launchers/replica_environment.hpp"

namespace autotune::cli {

namespace {

namespace fs = std::filesystem;
using std::chrono::seconds;

constexpr auto program_time = seconds(20);  // importing from a slow network disk takes a while

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

Check check_processes() {
  auto shell = run_program({"/bin/sh", "-c", "exit 7"}, {}, program_time);
  if (!shell || shell->exit_code != 7)
    return {
        "launchers", CheckLevel::problem,
        "no process can be started: " + (shell ? "/bin/sh does not work" : shell.error().message),
        "see the limits of processes and memory below"};
  std::error_code code;
  if (!fs::exists("/proc/self/stat", code))
    return {"launchers", CheckLevel::problem, "/proc is not mounted: trials cannot be told apart",
            "mount -t proc proc /proc"};
  return {"launchers", CheckLevel::fine, "process, simulated", ""};
}

Check check_others() {
  std::string found;
  for (const char* program : {"sbatch", "kubectl", "docker", "podman"})
    if (!find_program(program).empty())
      found += (found.empty() ? "" : ", ") + std::string(program);
  return {"other engines", CheckLevel::information,
          found.empty() ? "neither Slurm nor kubectl nor a container engine on the PATH"
                        : found + " found",
          ""};
}

/// A cgroup is made with real limits and goes again.
Check check_limits() {
  CgroupHost host;
  host.probe("autotune-doctor-" + std::to_string(::getpid()));
  pb::KeeperLimits limits;
  limits.set_memory_bytes(256 << 20);
  limits.set_cpu(1);
  auto made = host.make(limits, 1);
  std::string where = "none";
  if (made && *made) {
    where = made->v2 ? "version 2" : "version 1";
    host.remove(*made);
    for (const auto& folder : made->folders)
      ::rmdir(fs::path(folder).parent_path().c_str());
  }
  bool memory = host.can_limit_memory();
  bool cpu = host.can_limit_cpu();
  if (made && memory && cpu)
    return {"limits", CheckLevel::fine,
            "cgroups " + where + " hold memory and cpu of replicas to limits", ""};
  std::string what =
      memory ? "limits.cpu is not enforced"
      : cpu  ? "limits.memory is looked after once a second only"
             : "limits.memory is looked after once a second only, limits.cpu is not enforced";
  std::string advice =
      "as an ordinary user: loginctl enable-linger, then start autotune by `systemd-run --user "
      "--scope -p Delegate=yes`; in a container: give it a writable cgroup";
  return {"limits", CheckLevel::warning, "cgroups: " + where + " that we may use fully; " + what,
          advice};
}

Check check_volumes() {
  if (can_mount_privately())
    return {"volumes", CheckLevel::fine,
            "claims are mounted at their mountPath in a namespace of the replica", ""};
  return {"volumes", CheckLevel::warning,
          "no mount namespace is allowed here: paths in command, args and workingDir are mapped "
          "instead, those in "
          "a script are not",
          "sysctl -w kernel.unprivileged_userns_clone=1 (or user.max_user_namespaces), or use the "
          "folders' own paths "
          "in the script"};
}

/// What trials get is what visible_gpus() says; nvidia-smi tells whether the driver agrees.
Check check_gpus() {
  auto visible = visible_gpus();
  std::string given;
  for (const char* name : {"AUTOTUNE_GPUS", "CUDA_VISIBLE_DEVICES"})
    if (given.empty() && std::getenv(name) != nullptr)
      given = std::string(", as ") + name + " says";
  auto tool = find_program("nvidia-smi");
  if (visible.empty() && tool.empty())
    return {"gpus", CheckLevel::information, "none" + given, ""};
  if (tool.empty())
    return {"gpus", CheckLevel::warning,
            std::to_string(visible.size()) + given + ", but nvidia-smi is not on the PATH",
            "check that the driver is installed"};
  auto list = run_program({tool, "-L"}, {}, program_time);
  if (!list || list->exit_code != 0)
    return {"gpus", CheckLevel::warning,
            std::to_string(visible.size()) + given + ", but " +
                (list ? "nvidia-smi -L ends with " + std::to_string(list->exit_code)
                      : list.error().message),
            "check the driver; trials that use a GPU will fail"};
  auto there = std::count(list->text.begin(), list->text.end(), '\n');
  return {"gpus", CheckLevel::fine,
          std::to_string(visible.size()) + " for trials" + given + ", " + std::to_string(there) +
              " by nvidia-smi",
          ""};
}

Check check_python() {
  auto python = find_program("python3");
  if (python.empty())
    return {"python", CheckLevel::warning,
            "no python3 on the PATH: trials that are Python scripts fail",
            "apt install python3, or use a trial in another language"};
  auto sdk = find_sdk();
  std::vector<std::string> environment_of_trial;
  if (!sdk.empty()) {
    auto already = environment("PYTHONPATH");
    environment_of_trial.push_back("PYTHONPATH=" + (already.empty() ? sdk : already + ":" + sdk));
  }
  auto script = "import sys\nprint('%d.%d.%d' % sys.version_info[:3])\nimport t9k.tuner";
  auto run = run_program({python, "-c", script}, environment_of_trial, program_time);
  if (!run)
    return {"python", CheckLevel::warning, python + ": " + run.error().message, ""};
  auto version = run->text.substr(0, run->text.find('\n'));
  if (run->exit_code != 0)
    return {"python", CheckLevel::warning, python + " (" + version + ") cannot import t9k.tuner",
            sdk.empty()
                ? "set AUTOTUNE_SDK_PATH to the folder sdk/python of AutoTune, or pip install it"
                : "python3 -c 'import t9k.tuner' with PYTHONPATH=" + sdk + " says why"};
  return {"python", CheckLevel::fine,
          python + " (" + version + ") imports t9k.tuner" + (sdk.empty() ? "" : " from " + sdk),
          ""};
}

Check check_ports() {
  FileDescriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (!socket || ::bind(socket.value(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    return {"ports", CheckLevel::problem,
            std::string("127.0.0.1 cannot be listened on: ") + std::strerror(errno),
            "ip link set lo up"};
  auto reserved = PortReservation::take(1);
  if (!reserved)
    return {"ports", CheckLevel::problem,
            "no port is free for replicas: " + reserved.error().message,
            "narrow net.ipv4.ip_local_port_range, or end what listens"};
  return {"ports", CheckLevel::fine, "127.0.0.1 can be listened on", ""};
}

double seconds_of(clockid_t clock) {
  timespec now{};
  if (::clock_gettime(clock, &now) != 0)
    return -1;
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

Check check_clocks() {
  constexpr double year_2025 = 1735689600;  // this program is younger
  auto boot = seconds_of(CLOCK_BOOTTIME);
  auto monotonic = seconds_of(CLOCK_MONOTONIC);
  auto wall = seconds_of(CLOCK_REALTIME);
  if (boot < 0 || monotonic < 0)
    return {"clock", CheckLevel::problem, "CLOCK_BOOTTIME or CLOCK_MONOTONIC cannot be read",
            "limits and leases need them: use a newer kernel, or another sandbox"};
  if (boot + 0.001 < monotonic)
    return {"clock", CheckLevel::problem, "CLOCK_BOOTTIME is behind CLOCK_MONOTONIC",
            "leases cannot be relied upon in this sandbox"};
  if (wall < year_2025)
    return {"clock", CheckLevel::warning,
            "the wall clock is in the past: stamps of results will be wrong",
            "timedatectl set-ntp true"};
  auto slept = static_cast<long>(boot - monotonic);
  return {"clock", CheckLevel::fine,
          "boot time, monotonic and wall clock go" +
              (slept > 0 ? ", " + std::to_string(slept) + " s asleep since boot" : std::string()),
          ""};
}

std::string shown(rlim_t limit) {
  return limit == RLIM_INFINITY ? "no limit" : std::to_string(limit);
}

Check check_open_files() {
  constexpr rlim_t files_min = 1024;  // about 8 for each replica that runs, and the libraries' own
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  auto found = shown(limit.rlim_cur) + " (at most " + shown(limit.rlim_max) + ")";
  if (limit.rlim_cur < files_min)
    return {"open files", CheckLevel::warning, found + ": few for many trials at a time",
            "ulimit -n 4096"};
  return {"open files", CheckLevel::fine, found, ""};
}

Check check_process_limit() {
  constexpr rlim_t processes_min = 512;
  rlimit limit{};
  ::getrlimit(RLIMIT_NPROC, &limit);
  auto found = shown(limit.rlim_cur);
  if (::geteuid() != 0 && limit.rlim_cur < processes_min)
    return {"processes", CheckLevel::warning,
            found + " for all of yours together: few for many trials at a time", "ulimit -u 4096"};
  return {"processes", CheckLevel::fine, found, ""};
}

Check check_size() {
  auto pages = static_cast<std::int64_t>(::sysconf(_SC_PHYS_PAGES)) * ::sysconf(_SC_PAGESIZE);
  return {"machine", CheckLevel::information,
          std::to_string(std::max(1u, std::thread::hardware_concurrency())) + " cores, " +
              std::to_string(pages >> 20) + " MiB of memory",
          ""};
}

}  // namespace

Checks check_machine() {
  return {check_size(),    check_processes(),  check_others(),       check_limits(),
          check_volumes(), check_gpus(),       check_python(),       check_ports(),
          check_clocks(),  check_open_files(), check_process_limit()};
}

}  // namespace autotune::cli
