#include <catch2/catch.hpp>

#include <set>
#include <sstream>

#include <sys/stat.h>

#include "cli/archive.hpp"
#include "cli/bundle.hpp"
#include "cli/redaction.hpp"
#include "tests/cli/temporary_home.hpp"

using namespace autotune;
using namespace autotune::cli;
using autotune::test::shell;
using autotune::test::TemporaryFolder;

namespace {

// None of these may be found in a bundle, in whatever clothes.
constexpr const char* secret = "s3cr3t-\"quoted\"-v4lue";
constexpr const char* secret_in_base64 =
    "czNjcjN0LSJxdW90ZWQiLXY0bHVl";  // base64(1), of the value above
constexpr const char* variable = "environment-value-of-a-trial";

pb::ExperimentSpec spec_with_secrets() {
  auto spec = test::named("private");
  (*spec.mutable_annotations())["last-applied"] = std::string("{\"env\": \"") + variable + "\"}";
  auto* task = spec.mutable_training_config()->add_tasks();
  task->set_role("worker");
  auto* env = task->mutable_container()->add_env();
  env->set_name("PLAIN_NAME");
  env->set_value(variable);
  task->set_template_json(
      std::string(R"({"spec":{"containers":[{"env":[{"name":"PLAIN_NAME","value":")") + variable +
      "\"}]}]}}");
  return spec;
}

pb::Event notice(const std::string& text) {
  pb::Event event;
  event.mutable_notice()->set_text(text);
  event.mutable_notice()->set_sequence(-1);
  return event;
}

void fill(const TemporaryFolder& folder) {
  auto writer = open_writer(database_path(folder.path()));
  REQUIRE(writer);
  pb::SecretDocument document;
  document.set_name("login");
  (*document.mutable_data())["password"] = secret;
  REQUIRE((*writer)->commit({PutSecrets{"private-aaaaa", {document}}}));
  auto event = test::submitted(spec_with_secrets());
  event.mutable_experiment_submitted()->mutable_options()->add_overrides(
      std::string("spec.trainingConfig.tasks[0].template.spec.containers[0].env[0].value=") +
      variable);
  REQUIRE((*writer)->commit({AppendEvents{"private-aaaaa",
                                          {},
                                          {event, test::created(0, R"({"lr":0.0625})"),
                                           notice(std::string("login failed with ") + secret)}}}));
  folder.write("logs/autotune.log", std::string("a line with ") + secret + " and " +
                                        secret_in_base64 + " in it\nand one with " + variable +
                                        "\n");
  folder.write("config.yaml", "http: 127.0.0.1:7421\ntoken: token-of-the-server\n");
}

/// All texts of an archive, one after the other, with the names of the files.
std::string unpacked(const std::string& file) {
  auto run = shell("tar tzf " + file + " && tar xzOf " + file);
  CHECK(run.exit_code == 0);
  return run.text;
}

}  // namespace

TEST_CASE("a bundle holds what a bug report needs, and no secret", "[cli][bundle]") {
  TemporaryFolder folder;
  fill(folder);
  auto file = (folder.path() / "out.tar.gz").string();
  REQUIRE(write_bundle(file, folder.path(), {{"home", CheckLevel::fine, "as it should be", ""}}));
  auto text = unpacked(file);
  for (const char* wanted :
       {"bundle/versions.json", "bundle/doctor.json", "bundle/config.json",
        "bundle/logs/autotune.log", "bundle/private-aaaaa/spec.yaml",
        "bundle/private-aaaaa/events.jsonl", "bundle/private-aaaaa/trials.jsonl", "as it should be",
        "127.0.0.1:7421", "0.0625", "PLAIN_NAME", "login failed with ***",
        "a line with *** and *** in it", "and one with ***"})
    CHECK_THAT(text, Catch::Contains(wanted));
  for (const char* forbidden : {"s3cr3t", secret_in_base64, variable, "token-of-the-server"})
    CHECK_THAT(text, !Catch::Contains(forbidden));
  struct stat status {};
  REQUIRE(::stat(file.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
}

TEST_CASE("doctor --bundle writes one where the home is empty too", "[cli][bundle]") {
  TemporaryFolder folder;
  auto file = (folder.path() / "out.tar.gz").string();
  auto run = shell("$AUTOTUNE doctor --home " + (folder.path() / "home").string() + " --bundle " +
                   file + " 2>&1");
  CHECK_THAT(run.text, Catch::Contains(file));
  auto text = unpacked(file);
  CHECK_THAT(text,
             Catch::Contains("bundle/README.md") && Catch::Contains("logs: the home has none"));
  CHECK_FALSE(std::filesystem::exists(folder.path() / "home"));
}

TEST_CASE("a bundle that cannot be written leaves nothing and says why", "[cli][bundle]") {
  TemporaryFolder folder;
  auto written = write_bundle(folder.path() / "no" / "out.tar.gz", folder.path(), {});
  REQUIRE_FALSE(written);
  CHECK_THAT(written.error().message, Catch::Contains("out.tar.gz"));
  CHECK(std::filesystem::is_empty(folder.path()));
}

TEST_CASE("tar reads what an archive writes", "[cli][archive]") {
  TemporaryFolder folder;
  Archive archive;
  auto size = GENERATE(std::size_t{0}, std::size_t{1}, std::size_t{511}, std::size_t{512},
                       std::size_t{513}, std::size_t{100'000});
  std::string text(size, 'x');
  archive.add("a/" + std::string(98, 'n'), text);
  archive.add("b", "second");
  auto file = (folder.path() / "a.tar.gz").string();
  REQUIRE(archive.write(file, 1'700'000'000));
  auto run = shell("cd " + folder.path().string() +
                   " && tar xzf a.tar.gz && cat b && stat -c ' %s %Y' a/n*");
  CHECK(run.text == "second " + std::to_string(size) + " 1700000000\n");
}

TEST_CASE("credentials of a configuration are removed by their names", "[cli][redaction]") {
  auto value = parse_json(R"({"listen":"a","tls":{"apiKey":"k","list":[{"Password":"p"}]}})");
  REQUIRE(value);
  remove_credentials(*value);
  CHECK(to_json(*value) == R"({"listen":"a","tls":{"apiKey":"***","list":[{"Password":"***"}]}})");
}
