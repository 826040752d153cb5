// Volumes: mounted as root and as an ordinary user, mapped where neither is allowed.
#include <catch2/catch.hpp>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "launchers/volumes.hpp"
#include "setting.hpp"
#include "support.hpp"

using namespace autotune;
using namespace autotune::test;
namespace fs = std::filesystem;

namespace {

pb::Volume& add_volume(pb::AttemptPlan& plan, const std::string& name, const std::string& path) {
  auto& task = *plan.mutable_training_config()->mutable_tasks(0);
  auto* mount = task.mutable_container()->add_volume_mounts();
  mount->set_name(name);
  mount->set_mount_path(path);
  auto* volume = task.add_volumes();
  volume->set_name(name);
  return *volume;
}

/// The tutorial's shape: a claim at /mnt, where the program starts and writes.
pb::AttemptPlan claim_plan(const Home& home, const std::string& script) {
  fs::create_directories(home.path() + "/data");
  write_file(home.path() + "/data/main.sh", "echo done > /mnt/log; pwd > place; exit 9\n");
  fs::permissions(home.path() + "/data", fs::perms::all);
  auto plan = shell_plan(script);
  add_volume(plan, "data", "/mnt").set_claim_name("claim");
  container_of(plan).set_working_dir("/mnt/");
  (*plan.mutable_options()->mutable_volumes())["claim"] = home.path() + "/data";
  return plan;
}

}  // namespace

TEST_CASE("a claim is mounted at its path, seen by its replica alone", "[volumes][process]") {
  Home home;
  Watched launcher(make_process_launcher(options_for(home)));
  auto plan = claim_plan(home, "sh main.sh");
  auto exit = launcher.run(plan);
  CHECK(exit.exit_code() == 9);
  if (!launcher.notices.empty()) {
    WARN("no mounts are allowed here: skipped");
    return;
  }
  CHECK(read_file(home.path() + "/data/log") == "done\n");
  CHECK(read_file(home.path() + "/data/place") == "/mnt\n");
  CHECK_FALSE(fs::exists("/mnt/main.sh"));
}

TEST_CASE("an ordinary user's claim is mounted or mapped", "[volumes][process]") {
  if (::geteuid() != 0) {
    WARN("only root can become another user: skipped");
    return;
  }
  constexpr uid_t nobody = 65534;
  auto pid = ::fork();
  REQUIRE(pid >= 0);
  if (pid == 0) {
    if (::setresgid(nobody, nobody, nobody) != 0 || ::setresuid(nobody, nobody, nobody) != 0)
      ::_exit(77);
    if (::access(KEEPER_BINARY, X_OK) != 0)
      ::_exit(77);
    int code = 1;
    {
      Home home;
      Watched launcher(make_process_launcher(options_for(home)));
      auto exit = launcher.run(claim_plan(home, "sh main.sh"));
      bool mapped = !launcher.notices.empty();
      bool seen = mapped
                      ? exit.exit_code() != 9 || !read_file(home.path() + "/data/place").empty()
                      : read_file(home.path() + "/data/place") == "/mnt\n" && exit.exit_code() == 9;
      code = seen ? (mapped ? 78 : 0) : 1;
    }
    ::_exit(code);
  }
  int status = 0;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  REQUIRE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 77)
    WARN("the keeper's binary is not for everybody: skipped");
  else if (WEXITSTATUS(status) == 78)
    WARN("user namespaces are not allowed here: the claim was mapped");
  else
    CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("where nothing can be mounted paths are replaced, with a notice", "[volumes]") {
  Home home;
  auto plan =
      claim_plan(home, "python3 main.py --log_dir /mnt/log --other=/mnt --not /mnt2 /a/mnt x/mnt");
  Setting setting(plan);
  auto placed = place_volumes(setting.context(), replicas_of(setting.plan)[0], false);
  REQUIRE(placed);
  auto data = fs::canonical(home.path() + "/data").string();
  CHECK(placed->map(setting.command()->argv[2]) ==
        "python3 main.py --log_dir " + data + "/log --other=" + data + " --not /mnt2 /a/mnt x/mnt");
  CHECK(placed->map("/mnt/") == data + "/");
  CHECK(placed->mounts().empty());
  REQUIRE(placed->notices.size() == 1);
  CHECK_THAT(placed->notices[0],
             Catch::Contains("'data'") && Catch::Contains("/mnt") && Catch::Contains(data));
  CHECK(placed->outside("/mnt/log/x") == data + "/log/x");
  CHECK(placed->outside("/mnt2") == "/mnt2");
}

TEST_CASE("a mapped trial finds its files", "[volumes][process]") {
  Home home;
  Watched launcher(make_process_launcher(options_for(home)));
  auto plan =
      claim_plan(home, "cat /no-such-folder/at/all/main.sh > copy && pwd > place && exit 9");
  plan.mutable_training_config()
      ->mutable_tasks(0)
      ->mutable_container()
      ->mutable_volume_mounts(0)
      ->set_mount_path("/no-such-folder/at/all");
  container_of(plan).set_working_dir("/no-such-folder/at/all");
  auto exit = launcher.run(plan);
  CHECK(exit.exit_code() == 9);
  REQUIRE_FALSE(read_file(home.path() + "/data/copy").empty());
}

TEST_CASE("a claim that is not known names the flag that is missing", "[volumes]") {
  Home home;
  auto plan = claim_plan(home, "");
  plan.mutable_options()->clear_volumes();
  Setting setting(plan);
  auto placed = place_volumes(setting.context(), replicas_of(setting.plan)[0], true);
  REQUIRE_FALSE(placed);
  CHECK(placed.error().code == ErrorCode::invalid_argument);
  CHECK_THAT(placed.error().message, Catch::Contains("--volume claim=DIR"));
  (*setting.plan.mutable_options()->mutable_volumes())["claim"] = "/no/such";
  placed = place_volumes(setting.context(), replicas_of(setting.plan)[0], true);
  REQUIRE_FALSE(placed);
  CHECK_THAT(placed.error().message, Catch::Contains("--volume claim=/no/such"));
}

TEST_CASE("emptyDir, hostPath, Secrets, subPath and readOnly", "[volumes][process]") {
  Home home;
  fs::create_directories(home.path() + "/host/part");
  write_file(home.path() + "/host/part/file", "from the host\n");
  fs::create_directories(home.path() + "/points/scratch");
  fs::create_directories(home.path() + "/points/host");
  fs::create_directories(home.path() + "/points/keys");
  auto at = [&](const char* name) { return home.path() + "/points/" + name; };
  auto plan =
      shell_plan("cd " + home.path() +
                 "/points && echo x > scratch/x && cat host/file > scratch/copy && "
                 "[ $(cat keys/token) = s3cret ] && ! echo 2>/dev/null > host/new && exit 9");
  add_volume(plan, "scratch", at("scratch")).set_empty_dir(true);
  add_volume(plan, "host", at("host")).set_host_path(home.path() + "/host");
  add_volume(plan, "keys", at("keys")).set_secret_name("keys");
  auto& container = container_of(plan);
  container.mutable_volume_mounts(1)->set_sub_path("part");
  container.mutable_volume_mounts(1)->set_read_only(true);
  auto* secret = plan.add_secrets();
  secret->set_name("keys");
  (*secret->mutable_data())["token"] = "s3cret";
  Watched launcher(make_process_launcher(options_for(home)));
  auto exit = launcher.run(plan);
  if (!launcher.notices.empty()) {
    WARN("no mounts are allowed here: skipped");
    return;
  }
  CHECK(exit.exit_code() == 9);
  auto folder = folder_of(home, plan);
  CHECK(read_file(folder + "/volumes/scratch/copy") == "from the host\n");
  CHECK_FALSE(fs::exists(at("scratch") + "/x"));
  auto key = folder + "/secrets/keys/token";
  struct stat status {};
  REQUIRE(::stat(key.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  launcher->release({plan.experiment_id(), plan.sequence(), plan.attempt()});
  CHECK_FALSE(fs::exists(key));
}

TEST_CASE("volumes that lead out of themselves or nowhere are refused", "[volumes]") {
  Home home;
  auto refused = [&](auto change, const char* word) {
    auto plan = claim_plan(home, "");
    change(plan);
    Setting setting(plan);
    auto placed = place_volumes(setting.context(), replicas_of(setting.plan)[0], true);
    REQUIRE_FALSE(placed);
    CHECK_THAT(placed.error().message, Catch::Contains(word));
  };
  auto mount = [](pb::AttemptPlan& plan) -> pb::VolumeMount& {
    return *container_of(plan).mutable_volume_mounts(0);
  };
  refused([&](pb::AttemptPlan& plan) { mount(plan).set_sub_path("../other"); }, "leads out");
  refused([&](pb::AttemptPlan& plan) { mount(plan).set_sub_path("/etc"); }, "leads out");
  refused([&](pb::AttemptPlan& plan) { mount(plan).set_mount_path("mnt"); }, "absolute path");
  refused([&](pb::AttemptPlan& plan) { mount(plan).set_mount_path("/"); }, "absolute path");
  refused([&](pb::AttemptPlan& plan) { mount(plan).set_name("other"); }, "does not have");
  refused(
      [&](pb::AttemptPlan& plan) {
        plan.mutable_training_config()->mutable_tasks(0)->mutable_volumes(0)->set_host_path(
            "/no/such/path");
      },
      "/no/such/path");
  refused(
      [&](pb::AttemptPlan& plan) {
        plan.mutable_training_config()->mutable_tasks(0)->mutable_volumes(0)->set_secret_name(
            "none");
      },
      "'none'");
}
