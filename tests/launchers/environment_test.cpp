// What a replica sees: variables, Secrets, expanded texts, ports.
#include <catch2/catch.hpp>

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <set>

#include "launchers/ports.hpp"
#include "launchers/replica_environment.hpp"
#include "launchers/text_expansion.hpp"
#include "messages/value.hpp"
#include "setting.hpp"
#include "support.hpp"

using namespace autotune;
using namespace autotune::test;
namespace fs = std::filesystem;

namespace {

std::map<std::string, std::string> variables(const ReplicaCommand& command) {
  std::map<std::string, std::string> found;
  for (const auto& entry : command.environment) {
    auto equals = entry.find('=');
    CHECK(
        found.emplace(entry.substr(0, equals), entry.substr(equals + 1)).second);  // each name once
  }
  return found;
}

void add_task(pb::AttemptPlan& plan, const std::string& role, int replicas) {
  auto* task = plan.mutable_training_config()->add_tasks();
  *task = plan.training_config().tasks(0);
  task->set_role(role);
  task->set_replicas(replicas);
}

}  // namespace

TEST_CASE("texts are expanded as Kubernetes does, and with the trial's own names",
          "[environment]") {
  TextExpansion expansion(
      {R"({"rate":0.10,"n":16,"act":"relu","on":true,"conv":{"k":3},"a.b":{"c":1},"l":[1,2]})",
       "p4iyq", 7});
  auto expand = [&](const char* text) {
    return expansion.expand(text, [](std::string_view name) -> std::optional<std::string> {
      return name == "NAME" ? std::optional<std::string>("value") : std::nullopt;
    });
  };
  CHECK(*expand("a $(NAME) b") == "a value b");
  CHECK(*expand("$(UNKNOWN) $(NAME") == "$(UNKNOWN) $(NAME");
  CHECK(*expand("$$(NAME) $$ $x $") == "$(NAME) $ $x $");
  CHECK(*expand("--lr ${parameters.rate} -n ${parameters.n}") == "--lr 0.10 -n 16");
  CHECK(*expand("${parameters.act} ${parameters.on} ${parameters.conv.k} ${parameters.a.b.c} "
                "${parameters.l}") == "relu true 3 1 [1,2]");
  CHECK(*expand("${trial.id}-${trial.sequence} ${HOME} ${") == "p4iyq-7 ${HOME} ${");
  auto wrong = expand("${parameters.nope}");
  REQUIRE_FALSE(wrong);
  CHECK_THAT(wrong.error().message,
             Catch::Contains("parameters.nope") && Catch::Contains("rate, n, act"));
}

TEST_CASE("any program sees its trial in the environment", "[environment]") {
  auto plan = shell_plan("true", 3);
  plan.set_attempt(2);
  Setting setting(plan);
  setting.base.emplace_back("AUTOTUNE_TRIAL_ID=outer");  // `autotune run` inside a trial
  setting.base.emplace_back("AUTOTUNE_REPORT_URL=outer");
  setting.base.emplace_back("PYTHONPATH=/mine");
  auto seen = variables(*setting.command());
  CHECK(seen["AUTOTUNE_EXPERIMENT_ID"] == "test-abcde");
  CHECK(seen["AUTOTUNE_EXPERIMENT_NAME"] == "test");
  CHECK(seen["AUTOTUNE_TRIAL_ID"] == "p4iyq");
  CHECK(seen["AUTOTUNE_TRIAL_SEQUENCE"] == "3");
  CHECK(seen["AUTOTUNE_TRIAL_ATTEMPT"] == "2");
  CHECK(seen["AUTOTUNE_REPLICA"] == "worker-0");
  CHECK(seen["AUTOTUNE_TRIAL_DIR"] == "/home/trials/test-abcde/3-p4iyq");
  CHECK(seen["AUTOTUNE_PARAMETERS"] == "/home/trials/test-abcde/3-p4iyq/2/parameters.json");
  CHECK(seen["AUTOTUNE_REPORTS"] == "/home/trials/test-abcde/3-p4iyq/2/worker-0/reports.jsonl");
  CHECK(seen.count("AUTOTUNE_REPORT_URL") == 0);
  CHECK(seen["KEPT"] == "yes");
  CHECK(seen["PYTHONPATH"] == "/mine:/sdk");
  CHECK(seen.count("TF_CONFIG") == 0);
}

TEST_CASE("PWD is where a program starts, not where we were started", "[environment]") {
  auto pwd_in = [](const std::string& working_dir) {
    auto plan = shell_plan("true");
    plan.mutable_options()->set_folder("/base");
    container_of(plan).set_working_dir(working_dir);
    Setting setting(plan);
    setting.base.emplace_back("PWD=/elsewhere");
    return variables(*setting.command())["PWD"];
  };
  CHECK(pwd_in("") == "/base");
  CHECK(pwd_in("sub/./of/../it/") == "/base/sub/it");
  CHECK(pwd_in("/mnt/") == "/mnt");
  CHECK(pwd_in("/") == "/");
  auto plan = shell_plan("true");
  auto& variable = *container_of(plan).add_env();
  variable.set_name("PWD");
  variable.set_value("/mine");
  CHECK(variables(*Setting(plan).command())["PWD"] == "/mine");
}

TEST_CASE("TensorFlow's replicas see their cluster", "[environment]") {
  auto plan = shell_plan("true");
  plan.mutable_training_config()->set_type("tensorflow");
  plan.mutable_training_config()->mutable_tasks(0)->set_replicas(2);
  add_task(plan, "ps", 1);
  add_task(plan, "evaluator", 1);
  Setting setting(plan);
  CHECK(ports_needed(plan.training_config()) == 4);
  auto config = *parse_json(variables(*setting.command(1))["TF_CONFIG"]);
  auto expected = *parse_json(R"({"cluster": {"worker": ["127.0.0.1:20001", "127.0.0.1:20002"],
                                              "ps": ["127.0.0.1:20003"]},
                                  "task": {"type": "worker", "index": 1}})");
  CHECK(config == expected);
  config = *parse_json(variables(*setting.command(3))["TF_CONFIG"]);
  CHECK(*config.find("task") == *parse_json(R"({"type": "evaluator", "index": 0})"));
}

TEST_CASE("PyTorch's replicas know their rank, the master being the first", "[environment]") {
  auto plan = shell_plan("true");
  plan.mutable_training_config()->set_type(GENERATE(as<std::string>(), "pytorch", "xgboost"));
  plan.mutable_training_config()->mutable_tasks(0)->set_replicas(2);
  add_task(plan, "master", 1);
  plan.mutable_training_config()->set_torchrun_config_json(
      R"({"enabled":true,"procPerNode":2,"maxRestarts":3,"rdzvBackend":"c10d"})");
  Setting setting(plan);
  CHECK(ports_needed(plan.training_config()) == 1);
  auto worker = variables(*setting.command(1));
  auto master = variables(*setting.command(2));
  CHECK(worker["RANK"] == "2");
  CHECK(master["RANK"] == "0");
  CHECK(master["WORLD_SIZE"] == "3");
  CHECK(master["LOCAL_RANK"] == "0");
  CHECK(worker["MASTER_ADDR"] == "127.0.0.1");
  CHECK(worker["MASTER_PORT"] == "20001");
  CHECK(worker["PET_NPROC_PER_NODE"] == "2");
  CHECK(worker["PET_RDZV_BACKEND"] == "c10d");
  CHECK(decides_trial(plan.training_config(), replicas_of(plan)[2]));
  CHECK_FALSE(decides_trial(plan.training_config(), replicas_of(plan)[0]));
}

TEST_CASE("GPUs are handed out in order, and too few are an error", "[environment]") {
  auto plan = shell_plan("true");
  plan.mutable_training_config()->mutable_tasks(0)->set_replicas(2);
  container_of(plan).mutable_limits()->set_gpus(2);
  for (const char* id : {"0", "2", "5", "7"})
    plan.add_gpus(id);
  Setting setting(plan);
  CHECK(variables(*setting.command(1))["CUDA_VISIBLE_DEVICES"] == "5,7");
  CHECK(variables(*setting.command(0))["NVIDIA_VISIBLE_DEVICES"] == "0,2");
  setting.plan.mutable_gpus()->RemoveLast();
  CHECK(setting.command(0));
  auto wrong = setting.command(1);
  REQUIRE_FALSE(wrong);
  CHECK_THAT(wrong.error().message, Catch::Contains("wants 2 GPUs") && Catch::Contains("3"));
}

TEST_CASE("a container's variables may name each other, Secrets and fields", "[environment]") {
  auto plan = shell_plan("run $(BOTH) $(TOKEN) ${parameters.x}");
  auto& container = container_of(plan);
  auto add = [&](const char* name, const char* value) -> pb::EnvVar& {
    auto* variable = container.add_env();
    variable->set_name(name);
    variable->set_value(value);
    return *variable;
  };
  auto* secret = plan.add_secrets();
  secret->set_name("keys");
  (*secret->mutable_data())["token"] = "s3cret";
  (*secret->mutable_data())["user"] = "me";
  auto* from = container.add_env_from();
  from->set_secret("keys");
  from->set_prefix("KEYS_");
  add("A", "one");
  add("BOTH", "$(A)-${parameters.rate}-$(LATER)");
  add("LATER", "x");
  auto& token = add("TOKEN", "");
  token.mutable_secret_ref()->set_name("keys");
  token.mutable_secret_ref()->set_key("token");
  auto& optional = add("OPTIONAL", "");
  optional.mutable_secret_ref()->set_name("none");
  optional.mutable_secret_ref()->set_key("none");
  optional.mutable_secret_ref()->set_optional(true);
  add("POD", "").set_field_path("metadata.name");
  add("ODD", "").set_field_path("metadata.labels['x']");
  add("AUTOTUNE_TRIAL_ID", "mine");
  Setting setting(plan);
  auto command = setting.command();
  REQUIRE(command);
  auto seen = variables(*command);
  CHECK(seen["BOTH"] == "one-0.1-$(LATER)");
  CHECK(seen["TOKEN"] == "s3cret");
  CHECK(seen["KEYS_user"] == "me");
  CHECK(seen.count("OPTIONAL") == 0);
  CHECK(seen["POD"] == "test-abcde-p4iyq-worker-0");
  CHECK(seen["AUTOTUNE_TRIAL_ID"] == "p4iyq");
  CHECK(command->argv[2] == "run one-0.1-$(LATER) s3cret 16");
  REQUIRE(command->notices.size() == 1);
  CHECK_THAT(command->notices[0], Catch::Contains("ODD"));

  token.mutable_secret_ref()->set_key("nope");
  setting.plan = plan;
  CHECK_THAT(setting.command().error().message, Catch::Contains("TOKEN") &&
                                                        Catch::Contains("no key 'nope'") &&
                                                        Catch::Contains("token, user") ||
                                                    Catch::Contains("user, token"));
  setting.plan.clear_secrets();
  CHECK_THAT(setting.command().error().message,
             Catch::Contains("'keys'") && Catch::Contains("known are: none"));
}

TEST_CASE("without a command there is nothing to run, and the error says so", "[environment]") {
  auto plan = shell_plan("");
  container_of(plan).clear_command();
  Setting setting(plan);
  REQUIRE_FALSE(setting.command());
  CHECK_THAT(setting.command().error().message, Catch::Contains("role 'worker' has no command"));
  container_of(setting.plan).add_args("sh");
  CHECK(setting.command());
}

TEST_CASE("a relative workingDir starts at the folder of the file", "[environment]") {
  auto plan = shell_plan("");
  plan.mutable_options()->set_folder("/file/here");
  Setting setting(plan);
  CHECK(setting.command()->folder == "/file/here");
  container_of(setting.plan).set_working_dir("sub");
  CHECK(setting.command()->folder == "/file/here/sub");
  container_of(setting.plan).set_working_dir("/mnt/");
  CHECK(setting.command()->folder == "/mnt/");
}

TEST_CASE("reserved ports are free, apart, and given back", "[ports]") {
  std::set<std::uint16_t> all;
  std::vector<PortReservation> held;
  for (int i = 0; i < 20; ++i) {
    auto taken = PortReservation::take(3);
    REQUIRE(taken);
    REQUIRE(taken->ports().size() == 3);
    for (auto port : taken->ports()) {
      CHECK(all.insert(port).second);
      FileDescriptor socket(::socket(AF_INET, SOCK_STREAM, 0));
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_port = htons(port);
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      CHECK(::bind(socket.value(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    }
    held.push_back(std::move(*taken));
  }
  auto again = PortReservation::retake(held[0].ports());
  CHECK(again.ports() == held[0].ports());
}

TEST_CASE("a replica's values really arrive", "[environment][process]") {
  Home home;
  Watched launcher(make_process_launcher(options_for(home)));
  auto plan = shell_plan(
      R"sh([ "$VALUE" = "a b-16" ] && [ "$1" = 0.1 ] && [ "$(cat $AUTOTUNE_PARAMETERS)" = '{"x":16,"rate":0.1}' ] &&
           exit 9)sh");
  container_of(plan).add_args("zero");
  container_of(plan).add_args("${parameters.rate}");
  auto* variable = container_of(plan).add_env();
  variable->set_name("VALUE");
  variable->set_value("a b-${parameters.x}");
  CHECK(launcher.run(plan).exit_code() == 9);
  auto names = read_file(folder_of(home, plan) + "/environment");
  CHECK_THAT(names, Catch::Contains("VALUE\n") && !Catch::Contains("a b-16"));
  struct stat status {};
  REQUIRE(::stat(folder_of(home, plan).c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0700);
}

TEST_CASE("runAsUser is honoured where that is asked for", "[environment][process]") {
  if (::geteuid() != 0) {
    WARN("only root can become another user: skipped");
    return;
  }
  Home home;
  Watched launcher(make_process_launcher(options_for(home)));
  auto plan = shell_plan(
      R"(echo '{"type":"final","value":1}' >> $AUTOTUNE_REPORTS && exit $(id -u | cut -c1-2))");
  plan.mutable_training_config()->mutable_tasks(0)->set_run_as_user(65534);
  plan.mutable_options()->set_honor_run_as_user(true);
  plan.mutable_options()->set_folder("/");
  SECTION("a home that lets others pass") {
    fs::permissions(home.path(), fs::perms(0711));
    CHECK(launcher.run(plan).exit_code() == 65);
    CHECK(launcher->read_reports(key_of(plan), 0, 10, true)->reports.size() == 1);
  }
  SECTION("a home that does not") {
    auto exit = launcher.run(plan);
    CHECK_THAT(exit.detail(),
               Catch::Contains("runAsUser 65534 cannot pass through " + home.path()));
  }
}
