// Measures `autotune run` as a user runs it, beside baselines taken in the same run. Prints a Markdown table.
//   run_bench [noop|turnaround|reports|core|scale|validate ...]   (all by default)
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <linux/fs.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Asks ext4 to put each run's folder into a region of its own (`chattr +T`): where the files of a run before were
/// deleted, new ones take several times as long for minutes. Other file systems say no, which is fine.
void spread_folders(const fs::path& path) {
  int folder = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int flags = 0;
  if (::ioctl(folder, FS_IOC_GETFLAGS, &flags) == 0) {
    flags |= FS_TOPDIR_FL;
    ::ioctl(folder, FS_IOC_SETFLAGS, &flags);
  }
  ::close(folder);
}

struct Finished {
  double seconds = 0;
  int status = 0;
  long rss_kib_max = 0;
  std::string output;
};

/// Runs a program to its end; its stdout is kept.
Finished run(const std::vector<std::string>& words,
             const std::vector<std::string>& more_environment = {}) {
  auto start = Clock::now();
  int out[2];
  if (::pipe2(out, O_CLOEXEC) != 0)
    std::abort();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
  std::vector<char*> argv;
  for (const auto& word : words)
    argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  std::vector<char*> environment;
  for (char** entry = environ; *entry != nullptr; ++entry)
    environment.push_back(*entry);
  for (const auto& entry : more_environment)
    environment.push_back(const_cast<char*>(entry.c_str()));
  environment.push_back(nullptr);
  pid_t pid = 0;
  if (posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), environment.data()) != 0) {
    std::cerr << "cannot run " << words[0] << "\n";
    std::exit(1);
  }
  posix_spawn_file_actions_destroy(&actions);
  ::close(out[1]);
  Finished finished;
  char buffer[65536];
  for (ssize_t n; (n = ::read(out[0], buffer, sizeof buffer)) > 0;)
    finished.output.append(buffer, static_cast<std::size_t>(n));
  ::close(out[0]);
  rusage usage{};
  ::wait4(pid, &finished.status, 0, &usage);
  finished.seconds = seconds_since(start);
  finished.rss_kib_max = usage.ru_maxrss;
  return finished;
}

/// Trials a second when the command is spawned and waited for by posix_spawn alone, on all cores, 64 at a time.
double raw_spawn_rate(const fs::path& folder, int count) {
  fs::create_directories(folder);
  auto threads = std::max(1u, std::thread::hardware_concurrency());
  auto start = Clock::now();
  std::vector<std::thread> workers;
  for (unsigned t = 0; t < threads; ++t) {
    workers.emplace_back([&, t] {
      const char* argv[] = {"sh", "-c",
                            "echo '{\"type\":\"final\",\"value\":0.5}' >> \"$AUTOTUNE_REPORTS\"",
                            nullptr};
      std::set<pid_t> alive;
      auto reap = [&] {
        // Any of our own: other threads' children are theirs.
        for (auto it = alive.begin(); it != alive.end();) {
          int status = 0;
          if (::waitpid(*it, &status, WNOHANG) == *it)
            it = alive.erase(it);
          else
            ++it;
        }
      };
      for (int i = static_cast<int>(t); i < count; i += static_cast<int>(threads)) {
        while (alive.size() >= 64 / threads) {
          int status = 0;
          ::waitpid(*alive.begin(), &status, 0);
          alive.erase(alive.begin());
          reap();
        }
        std::string file = "AUTOTUNE_REPORTS=" + (folder / std::to_string(i)).string();
        std::vector<char*> environment{file.data(), const_cast<char*>("PATH=/usr/bin:/bin"),
                                       nullptr};
        pid_t pid = 0;
        if (posix_spawn(&pid, "/bin/sh", nullptr, nullptr, const_cast<char**>(argv),
                        environment.data()) == 0)
          alive.insert(pid);
      }
      while (!alive.empty()) {
        int status = 0;
        ::waitpid(*alive.begin(), &status, 0);
        alive.erase(alive.begin());
      }
    });
  }
  for (auto& worker : workers)
    worker.join();
  return count / seconds_since(start);
}

double median(std::vector<double> xs) {
  std::sort(xs.begin(), xs.end());
  return xs.empty() ? 0 : xs[xs.size() / 2];
}

double percentile(std::vector<double> xs, double p) {
  std::sort(xs.begin(), xs.end());
  return xs.empty() ? 0
                    : xs[std::min(xs.size() - 1,
                                  static_cast<std::size_t>(p * static_cast<double>(xs.size())))];
}

/// How long the disk takes to make 4 KiB durable.
double fdatasync_ms(const fs::path& folder) {
  auto path = folder / "fdatasync";
  int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  std::vector<double> times;
  std::string block(4096, 'x');
  for (int i = 0; i < 200; ++i) {
    auto start = Clock::now();
    if (::pwrite(fd, block.data(), block.size(), 4096L * i) < 0 || ::fdatasync(fd) != 0)
      break;
    times.push_back(seconds_since(start) * 1000);
  }
  ::close(fd);
  return median(times);
}

struct Bench {
  std::string autotune;
  std::string trial;
  fs::path folder;

  fs::path home(const std::string& name) const { return folder / ("home-" + name); }

  fs::path write_yaml(const std::string& name, int trials, int concurrency,
                      const std::string& command, const std::string& launcher = "") const {
    auto path = folder / (name + ".yaml");
    std::ofstream out(path);
    out << "apiVersion: tensorstack.dev/v1beta1\nkind: AutoTuneExperiment\nmetadata: {name: "
        << name << "}\nspec:\n  seed: 1\n  maxTrialNum: " << trials
        << "\n  trialConcurrency: " << concurrency
        << "\n  searchSpace: {x: {_type: uniform, _value: [0, 1]}, y: {_type: loguniform, _value: "
           "[0.001, 1]}}\n"
        << "  tuner: {builtinTunerName: Random}\n";
    if (!launcher.empty())
      out << "  launcher: " << launcher << "\n";
    out << "  trainingConfig:\n    type: generic\n    tasks:\n    - type: worker\n      replicas: "
           "1\n"
        << "      template: {spec: {containers: [{name: t, command: " << command << "}]}}\n";
    return path;
  }

  Finished run_experiment(const std::string& name, const fs::path& yaml,
                          const std::vector<std::string>& environment = {}) const {
    auto finished =
        run({autotune, "run", yaml.string(), "--home", home(name).string(), "--no-progress"},
            environment);
    if (finished.status != 0)
      std::cerr << "warning: " << name << " ended with status " << finished.status << "\n";
    return finished;
  }
};

void row(const std::string& what, const std::string& ours, const std::string& baseline,
         const std::string& ratio) {
  std::cout << "| " << what << " | " << ours << " | " << baseline << " | " << ratio << " |\n"
            << std::flush;
}

std::string text(const char* format, double x) {
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, format, x);
  return buffer;
}

void bench_noop(const Bench& bench) {
  constexpr int trials = 10000;  // start and end of a run take a tenth of a second
  const std::string command =
      "[sh, -c, 'echo ''{\"type\":\"final\",\"value\":0.5}'' >> \"$AUTOTUNE_REPORTS\"']";
  struct Variant {
    const char* name;
    const char* what;
    std::vector<std::string> environment;
  };
  for (const auto& variant :
       {Variant{"noop", "no-op trials, 64 at a time", {}},
        Variant{"noop-cgroup", "the same, a cgroup each", {"AUTOTUNE_CGROUP_PER_TRIAL=1"}},
        Variant{"noop-normal", "the same, synchronous=NORMAL", {"AUTOTUNE_SYNCHRONOUS=normal"}}}) {
    // The baseline before and after, so that what else the machine does falls on both.
    double before =
        raw_spawn_rate(bench.folder / (std::string("raw-before-") + variant.name), trials);
    auto yaml = bench.write_yaml(variant.name, trials, 64, command);
    auto finished = bench.run_experiment(variant.name, yaml, variant.environment);
    double after =
        raw_spawn_rate(bench.folder / (std::string("raw-after-") + variant.name), trials);
    double ours = trials / finished.seconds;
    double raw = (before + after) / 2;
    row(variant.what, text("%.0f/s", ours), text("raw posix_spawn %.0f/s", raw),
        text("%.2f", ours / raw));
  }
}

void bench_turnaround(const Bench& bench) {
  for (const char* synchronous : {"full", "normal"}) {
    std::string name = std::string("turnaround-") + synchronous;
    auto times = bench.folder / (name + ".times");
    auto yaml = bench.write_yaml(name, 400, 1,
                                 "[" + bench.trial + ", times, " + times.string() + ", '10000']");
    bench.run_experiment(name, yaml, {std::string("AUTOTUNE_SYNCHRONOUS=") + synchronous});
    std::ifstream in(times);
    std::vector<double> waits;
    long long start = 0;
    long long end = 0;
    long long last = 0;
    while (in >> start >> end) {
      if (last > 0)
        waits.push_back(static_cast<double>(start - last) / 1e6);
      last = end;
    }
    double sync = fdatasync_ms(bench.folder);
    row(std::string("slot turn-around, synchronous=") + synchronous,
        text("p50 %.2f ms", median(waits)) + text(", p99 %.2f ms", percentile(waits, 0.99)),
        text("fdatasync %.2f ms", sync), text("%.1f", median(waits) / std::max(sync, 1e-6)));
  }
}

void bench_reports(const Bench& bench) {
  constexpr int each = 200000;
  auto yaml = bench.write_yaml("reports", 8, 8,
                               "[" + bench.trial + ", reports, '" + std::to_string(each) + "']");
  auto finished = bench.run_experiment("reports", yaml);
  auto start = Clock::now();
  for (int i = 0; i < 8; ++i)
    run({bench.trial, "reports", std::to_string(each)},
        {"AUTOTUNE_REPORTS=" + (bench.folder / ("reports-raw-" + std::to_string(i))).string()});
  double raw = 8.0 * each / seconds_since(start);
  double ours = 8.0 * each / finished.seconds;
  row("reports from 8 trials, durable", text("%.0f/s", ours),
      text("writing the files alone %.0f/s", raw), text("%.2f", ours / raw));
}

void bench_core(const Bench& bench) {
  constexpr int trials = 20000;
  auto yaml =
      bench.write_yaml("core", trials, 64, "[none]", "{kind: simulated, durationSeconds: 0}");
  auto finished = bench.run_experiment("core", yaml);
  row("actor core (simulated launcher, SQLite FULL)",
      text("%.0f trials/s", trials / finished.seconds), "goal 5000/s",
      text("%.2f", trials / finished.seconds / 5000));
}

void bench_scale(const Bench& bench) {
  constexpr int trials = 100000;
  auto yaml = bench.write_yaml("scale", trials, 64, "[none]",
                               "{kind: simulated, durationSeconds: 0, reports: 10}");
  auto finished = bench.run_experiment("scale", yaml);
  row("100,000 trials with 10 reports each", text("%.1f s", finished.seconds), "", "");
  row("memory of the server after them",
      text("%.0f MB", static_cast<double>(finished.rss_kib_max) / 1024), "goal 500 MB",
      text("%.2f", static_cast<double>(finished.rss_kib_max) / 1024 / 500));
  run({bench.autotune, "edit", "scale", "--set", "spec.maxTrialNum=" + std::to_string(trials + 1),
       "--home", bench.home("scale").string()});
  auto resumed = run(
      {bench.autotune, "resume", "scale", "--home", bench.home("scale").string(), "--no-progress"});
  row("resume with 100,000 finished trials, one more trial, end", text("%.2f s", resumed.seconds),
      "goal 1 s", text("%.2f", resumed.seconds));
}

void bench_validate(const Bench& bench, const std::string& example) {
  std::vector<double> times;
  std::vector<double> raw;
  for (int i = 0; i < 21; ++i) {
    times.push_back(run({bench.autotune, "validate", example}).seconds * 1000);
    raw.push_back(run({"/bin/true"}).seconds * 1000);
  }
  row("autotune validate", text("%.1f ms", median(times)), text("/bin/true %.1f ms", median(raw)),
      text("%.1f", median(times) / median(raw)));
}

}  // namespace

int main(int argc, char** argv) {
  Bench bench;
  bench.autotune = AUTOTUNE_BINARY;
  bench.trial = BENCH_TRIAL;
  // Not below /tmp, which may be in memory: the disk is part of what is measured.
  bench.folder = fs::path(BENCH_FOLDER) / ("run-" + std::to_string(::getpid()));
  fs::create_directories(BENCH_FOLDER);
  spread_folders(BENCH_FOLDER);
  fs::create_directories(bench.folder);
  std::set<std::string> wanted(argv + 1, argv + argc);
  auto want = [&](const char* name) { return wanted.empty() || wanted.count(name) > 0; };
  std::cout
      << "| what | AutoTune | baseline of the same run | ratio |\n| --- | --- | --- | --- |\n";
  if (want("noop"))
    bench_noop(bench);
  if (want("turnaround"))
    bench_turnaround(bench);
  if (want("reports"))
    bench_reports(bench);
  if (want("core"))
    bench_core(bench);
  if (want("scale"))
    bench_scale(bench);
  if (want("validate"))
    bench_validate(bench,
                   std::string(AUTOTUNE_SOURCE_DIR) + "/examples/quickstart/experiment.yaml");
  // Removed only now: after a bulk deletion ext4 creates files slowly for minutes.
  std::error_code code;
  fs::remove_all(bench.folder, code);
  return 0;
}
