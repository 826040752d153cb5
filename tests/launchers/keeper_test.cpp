// What the keeper promises: leases, limits, logs, the exits it keeps, the versions it speaks.
#include <catch2/catch.hpp>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include "launchers/cgroup.hpp"
#include "launchers/job_folder.hpp"
#include "launchers/keeper_client.hpp"
#include "launchers/keeper_protocol.hpp"
#include "launchers/log_limit.hpp"
#include "launchers/process_tree.hpp"
#include "support.hpp"

using namespace autotune;
using namespace autotune::test;
using std::chrono::milliseconds;

TEST_CASE("a lease that is not renewed ends the trial inside the lease", "[process][keeper]") {
  Home home;
  auto options = options_for(home);
  options.lease_on_boottime = GENERATE(false, true);
  bool deaf = GENERATE(false, true);
  CAPTURE(options.lease_on_boottime, deaf);
  auto plan = shell_plan(std::string(deaf ? "trap '' TERM; " : "") +
                         "echo > $AUTOTUNE_TRIAL_DIR/ready; while :; do sleep 0.01; done");
  Watched launcher(make_process_launcher(options));
  REQUIRE(launcher->prepare(plan));
  auto begin = std::chrono::steady_clock::now();
  launcher->renew_lease(milliseconds(2000));
  launcher->start(key_of(plan), std::nullopt);
  REQUIRE(eventually([&] { return !read_file(trial_file(home, plan, "ready")).empty(); }));
  auto exit = launcher.wait_for_exit(key_of(plan));
  auto took = std::chrono::steady_clock::now() - begin;
  CHECK(exit.cause() == pb::EXIT_CAUSE_LEASE);
  CHECK(exit.signal() == (deaf ? SIGKILL : SIGTERM));
  // TERM at lease - min(grace, lease / 4), KILL at the lease.
  CHECK(took >= milliseconds(deaf ? 1950 : 1450));
  CHECK(took < milliseconds(deaf ? 2300 : 1900));
}

TEST_CASE("a lease that is renewed ends nothing, also with the agent gone for a while",
          "[process][keeper]") {
  Home home;
  auto plan = waiting_plan("exit 0");
  {
    Watched first(make_process_launcher(options_for(home)));
    first->renew_lease(milliseconds(600));
    REQUIRE(first->prepare(plan));
    first->start(key_of(plan), std::nullopt);
    REQUIRE(first.wait_for_start(key_of(plan)));
    for (int i = 0; i < 3; ++i)
      first->renew_lease(milliseconds(60000));
  }
  Watched second(make_process_launcher(options_for(home)));
  REQUIRE(second->adopt(plan)->size() == 1);
  auto until = std::chrono::steady_clock::now() + milliseconds(900);
  second.wait_for([&] { return std::chrono::steady_clock::now() > until; });
  CHECK(second.exits.empty());
  write_file(trial_file(home, plan, "go"), "");
  CHECK(second.wait_for_exit(key_of(plan)).cause() == pb::EXIT_CAUSE_EXITED);
}

TEST_CASE("a trial that takes more memory than its limit is ended, and says so",
          "[process][keeper]") {
  Home home;
  Watched launcher(make_process_launcher(options_for(home)));
  auto plan = shell_plan("");
  plan.mutable_training_config()
      ->mutable_tasks(0)
      ->mutable_container()
      ->mutable_limits()
      ->set_memory_bytes(16 << 20);
  auto& container = *plan.mutable_training_config()->mutable_tasks(0)->mutable_container();
  container.set_command(2, "x=$(head -c 300000000 /dev/zero | tr '\\0' 'x'); exit 0");
  auto exit = launcher.run(plan);
  CHECK(exit.cause() == pb::EXIT_CAUSE_OUT_OF_MEMORY);
  CHECK_THAT(exit.detail(), Catch::Contains("16777216"));
}

TEST_CASE("limits within reason harm nobody, and no cgroup stays behind", "[process][keeper]") {
  Home home;
  auto options = options_for(home);
  options.processes_max = 100;
  options.cgroup_per_trial = true;
  Watched launcher(make_process_launcher(options));
  auto plan = shell_plan("cat /proc/self/cgroup > $AUTOTUNE_TRIAL_DIR/cgroup; exit 0");
  auto& limits =
      *plan.mutable_training_config()->mutable_tasks(0)->mutable_container()->mutable_limits();
  limits.set_memory_bytes(256 << 20);
  limits.set_cpu(1.5);
  CHECK(launcher.run(plan).exit_code() == 0);
  auto text = read_file(trial_file(home, plan, "cgroup"));
  auto at = text.find("/autotune-");
  if (at == std::string::npos) {
    WARN("no cgroup may be made here: skipped");
    return;
  }
  auto end = text.find('\n', at);
  auto name = text.substr(at, end - at);
  for (const char* root : {"/sys/fs/cgroup/memory", "/sys/fs/cgroup/pids", "/sys/fs/cgroup/cpu",
                           "/sys/fs/cgroup", "/sys/fs/cgroup/unified"}) {
    CAPTURE(root, name);
    CHECK(eventually([&] { return !std::filesystem::exists(root + name); }));
  }
}

TEST_CASE("a flood on stdout fills no disk and loses no result", "[process][keeper]") {
  Home home;
  auto options = options_for(home);
  options.log_bytes_max = 8 << 20;
  Watched launcher(make_process_launcher(options));
  auto plan =
      shell_plan(R"(echo begin; head -c 100000000 /dev/zero | tr '\0' 'x'; echo; echo the end
                            echo '{"type":"final","value":1}' >> $AUTOTUNE_REPORTS)");
  auto exit = launcher.run(plan);
  CHECK(exit.exit_code() == 0);
  auto text = read_file(folder_of(home, plan) + "/stdout");
  CHECK(text.size() <= (8U << 20) + 1000);
  CHECK(text.starts_with("begin\n"));
  CHECK(text.ends_with("the end\n"));
  // Behind the first half, and what was written while it was being cut.
  CHECK(text.find("bytes are left out here", 4 << 20) != std::string::npos);
  REQUIRE(launcher.notices.size() == 1);
  CHECK_THAT(launcher.notices[0].text, Catch::Contains("stdout grew beyond its limit"));
  CHECK(launcher->read_reports(key_of(plan), 0, 10, true)->reports.size() == 1);
}

TEST_CASE("a log that something reads keeps its offsets when it is cut", "[log_limit]") {
  Home home;
  auto path = home.path() + "/stdout";
  std::string text(1 << 20, 'a');
  text += "the end\n";
  write_file(path, text);
  LogLimit log{home.path(), 64 << 10, true, {0, 0}};
  CHECK_FALSE(log.check().empty());
  auto cut = read_file(path);
  CHECK(cut.size() == text.size());
  CHECK(cut.ends_with("the end\n"));
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK(status.st_blocks * 512 <= (64 << 10) + 8192);
  CHECK(log.check().empty());  // told once, and cut already
}

TEST_CASE("a trial that removes its folder ends like any other", "[process][keeper]") {
  Home home;
  auto plan = shell_plan(R"(rm -rf "$AUTOTUNE_TRIAL_DIR"; exit 3)");
  {
    Watched launcher(make_process_launcher(options_for(home)));
    auto exit = launcher.run(plan);
    CHECK(exit.cause() == pb::EXIT_CAUSE_EXITED);
    CHECK(exit.exit_code() == 3);
    auto batch = launcher->read_reports(key_of(plan), 0, 10, true);
    REQUIRE(batch);
    CHECK(batch->reports.empty());
    // The next start makes the folder anew.
    launcher->start(key_of(plan, "worker-0", 1), std::nullopt);
    CHECK(launcher.wait_for_exit(key_of(plan, "worker-0", 1)).exit_code() == 3);
  }
}

TEST_CASE("an exit without a place for its file is kept for the next agent", "[process][keeper]") {
  Home home;
  auto plan = waiting_plan("exit 3");
  {
    Watched first(make_process_launcher(options_for(home)));
    REQUIRE(first->prepare(plan));
    first->start(key_of(plan), std::nullopt);
    REQUIRE(first.wait_for_start(key_of(plan)));
    auto trial = JobFolder::of(home.path(), plan)->trial();
    first.drop();
    auto pid = first.started[0].pid();
    // The script's next look finds "go" in a new folder that holds nothing else.
    std::filesystem::remove_all(trial);
    std::filesystem::create_directory(trial);
    write_file(trial + "/go", "");
    REQUIRE(eventually([&] { return !stat_of(pid); }));
  }
  {
    Watched second(make_process_launcher(options_for(home)));
    auto found = second->adopt(plan);
    REQUIRE(found);
    REQUIRE(found->size() == 1);
    REQUIRE(found->front().exit);
    CHECK(found->front().exit->exit_code() == 3);
    second->release({plan.experiment_id(), plan.sequence(), plan.attempt()});
  }
  Watched third(make_process_launcher(options_for(home)));
  CHECK(third->adopt(plan)->empty());  // it was told to forget, and nothing is in the folder
}

TEST_CASE("a keeper with nothing to do ends by itself", "[process][keeper]") {
  Home home;
  auto options = options_for(home);
  options.keeper_idle = milliseconds(100);
  int keeper = 0;
  {
    Watched launcher(make_process_launcher(options));
    CHECK(launcher.run(shell_plan("exit 0")).exit_code() == 0);
    keeper = home.keeper_pid();
  }
  CHECK(eventually([&] { return !alive(keeper); }));
  Watched launcher(make_process_launcher(options));
  CHECK(launcher.run(shell_plan("exit 7", 1)).exit_code() == 7);
}

TEST_CASE("a home with a long path has a keeper too", "[process][keeper]") {
  Home home;
  auto deep = home.path();
  for (int i = 0; i < 6; ++i)
    deep += "/a-folder-with-quite-a-long-name";
  std::filesystem::create_directories(deep);
  auto options = options_for(home);
  options.home = deep;
  options.keeper_idle = milliseconds(50);
  Watched launcher(make_process_launcher(options));
  CHECK(launcher.run(shell_plan("exit 7")).exit_code() == 7);
}

TEST_CASE("a keeper that cannot be started is an error that names it", "[process][keeper]") {
  Home home;
  auto options = options_for(home);
  options.keeper_binary = "/no/such/keeper";
  Watched launcher(make_process_launcher(options));
  auto exit = launcher.run(shell_plan("exit 0"));
  CHECK(exit.cause() == pb::EXIT_CAUSE_LOST);  // no fault of the trial's: it costs no retry
  CHECK_THAT(exit.detail(), Catch::Contains("/no/such/keeper"));
}

TEST_CASE("a trial does not run on when no keeper can be had for it", "[process][keeper]") {
  Home home;
  auto options = options_for(home);
  auto binary = home.path() + "/keeper";
  std::filesystem::copy_file(options.keeper_binary, binary);
  options.keeper_binary = binary;
  Watched launcher(make_process_launcher(options));
  auto plan = waiting_plan("exit 5");
  REQUIRE(launcher->prepare(plan));
  launcher->start(key_of(plan), std::nullopt);
  REQUIRE(launcher.wait_for_start(key_of(plan)));
  std::filesystem::remove(binary);
  kill_keeper(home);
  CHECK(launcher.wait_for_exit(key_of(plan)).cause() == pb::EXIT_CAUSE_LOST);
  CHECK(eventually([&] { return !alive(launcher.started[0].pid()); }));
}

TEST_CASE("an environment larger than a packet reaches the trial", "[process][keeper]") {
  Home home;
  auto options = options_for(home);
  options.base_environment.push_back("LARGE=" + std::string(100000, 'x'));
  options.base_environment.push_back("LARGER=" + std::string(100000, 'y'));
  Watched launcher(make_process_launcher(options));
  auto exit =
      launcher.run(shell_plan("[ $${#LARGE} = 100000 ] && [ $${#LARGER} = 100000 ] && exit 9"));
  CHECK(exit.exit_code() == 9);
}

TEST_CASE("an environment reaches keepers of both versions", "[process][keeper]") {
  const std::string block("NAME=one\nline\0EMPTY=\0PATH=/usr/bin:/bin\0", 40);
  pb::KeeperStart start;
  start.set_environment(block);
  auto older = as_of_version_1(start);
  CHECK(older.environment().empty());
  REQUIRE(older.env_size() == 3);
  CHECK(older.env(0) == "NAME=one\nline");
  CHECK(older.env(1) == "EMPTY=");
  // An agent of version 1 speaks to a keeper of today: by its socket, as such an agent would.
  Home home;
  Watched launcher(make_process_launcher(options_for(home)));
  launcher.run(shell_plan("true"));  // so that there is a keeper
  launcher.drop();
  auto plan = shell_plan("", 1);
  REQUIRE(JobFolder::of(home.path(), plan)->make(plan));
  auto socket = connect_to_keeper(home.path());
  REQUIRE(socket);
  pb::KeeperRequest request;
  request.mutable_hello()->set_version(1);
  REQUIRE(send_packet(socket->value(), request));
  *request.mutable_start() = older;
  *request.mutable_start()->mutable_key() = key_of(plan);
  for (const char* word : {"sh", "-c", "echo \"$NAME,$EMPTY.\""})
    request.mutable_start()->add_argv(word);
  request.mutable_start()->set_folder(folder_of(home, plan));
  REQUIRE(send_packet(socket->value(), request));
  CHECK(eventually([&] { return newest_exit(folder_of(home, plan)).has_value(); }));
  CHECK(read_file(folder_of(home, plan) + "/stdout") == "one\nline,.\n");
}

TEST_CASE("an agent speaks to a keeper of version 1 as that knows it", "[process][keeper]") {
  Home home;
  auto listener = listen_as_keeper(home.path());
  REQUIRE(listener);
  std::promise<pb::KeeperStart> received;
  std::thread keeper([&] {  // all that such a keeper does with a start, but for starting
    ::fcntl(listener->value(), F_SETFL, 0);
    FileDescriptor agent(::accept(listener->value(), nullptr, nullptr));
    PacketReader reader;
    pb::KeeperRequest request;
    pb::KeeperEvent welcome;
    reader.receive(agent.value(), request);
    welcome.mutable_welcome()->set_version(1);
    [[maybe_unused]] auto sent = send_packet(agent.value(), welcome);
    reader.receive(agent.value(), request);
    received.set_value(request.start());
  });
  KeeperClient client({home.path(), "/no/keeper/is/started"}, [] {});
  auto connected = client.connect();
  CHECK(connected);
  pb::KeeperRequest request;
  request.mutable_start()->set_cwd("/");
  request.mutable_start()->set_environment(std::string("NAME=value\0EMPTY=\0", 18));
  CHECK(client.send(request));
  keeper.join();
  auto start = received.get_future().get();
  CHECK(start.environment().empty());
  CHECK(start.cwd() == "/");
  REQUIRE(start.env_size() == 2);
  CHECK(start.env(0) == "NAME=value");
  CHECK(start.env(1) == "EMPTY=");
}

TEST_CASE("a command is looked for in PATH again when it is not where it was",
          "[process][keeper]") {
  Home home;
  Watched launcher(make_process_launcher(options_for(home)));
  auto first = home.path() + "/first";
  auto second = home.path() + "/second";
  for (const auto& folder : {first, second})
    std::filesystem::create_directories(folder);
  auto put = [](const std::string& path, const std::string& says) {
    write_file(path, "#!/bin/sh\necho " + says + "\n");
    ::chmod(path.c_str(), 0755);
  };
  std::int64_t sequence = 0;
  auto output = [&] {
    auto plan = shell_plan("", sequence++);
    auto* container = plan.mutable_training_config()->mutable_tasks(0)->mutable_container();
    container->clear_command();
    container->clear_args();
    container->add_command("a-tool");
    auto* path = container->add_env();
    path->set_name("PATH");
    path->set_value(first + ":" + second + ":/bin");
    auto exit = launcher.run(plan);
    return exit.exit_code() == 0 && exit.cause() == pb::EXIT_CAUSE_EXITED
               ? read_file(folder_of(home, plan) + "/stdout")
               : exit.detail();
  };
  CHECK_THAT(output(), Catch::Contains("cannot find in PATH the command a-tool"));
  put(second + "/a-tool", "second");
  CHECK(output() == "second\n");
  std::filesystem::remove(second + "/a-tool");
  put(first + "/a-tool", "first");
  CHECK(output() == "first\n");
  std::filesystem::remove(first + "/a-tool");
  std::filesystem::create_directory(first + "/a-tool");  // no program, though of its name
  put(second + "/a-tool", "second");
  CHECK(output() == "second\n");
}

TEST_CASE("the start that a keeper tells is the one in /proc", "[process][keeper]") {
  Home home;
  Watched launcher(make_process_launcher(options_for(home)));
  constexpr int trials = 40;
  for (int i = 0; i < trials; ++i) {
    auto plan = shell_plan("exec sleep 100", i);
    REQUIRE(launcher->prepare(plan));
    launcher->start(key_of(plan), std::nullopt);
  }
  REQUIRE(launcher.wait_for([&] { return launcher.started.size() == trials; }));
  for (const auto& started : launcher.started)
    CHECK(started.pid_start_ticks() == start_ticks_of(started.pid()));
  for (int i = 0; i < trials; ++i)
    launcher->stop(key_of(shell_plan("", i)), milliseconds(0));
  CHECK(launcher.wait_for([&] { return launcher.exits.size() == trials; }));
}

TEST_CASE("many trials at a time all come back", "[process][keeper]") {
  Home home;
  Watched launcher(make_process_launcher(options_for(home)));
  constexpr int count = 200;
  for (int i = 0; i < count; ++i) {
    auto plan = shell_plan("exit " + std::to_string(i % 7), i);
    REQUIRE(launcher->prepare(plan));
    launcher->start(key_of(plan), std::nullopt);
  }
  REQUIRE(launcher.wait_for([&] { return launcher.exits.size() >= count; }));
  for (const auto& exit : launcher.exits)
    CHECK(exit.exit_code() == exit.key().sequence() % 7);
  CHECK(launcher.started.size() == count);
}
