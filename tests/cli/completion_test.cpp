#include <catch2/catch.hpp>

#include <algorithm>

#include "cli/completion.hpp"
#include "cli/program.hpp"
#include "messages/value.hpp"
#include "tests/cli/temporary_home.hpp"

using namespace autotune;
using namespace autotune::cli;
using autotune::test::shell;
using autotune::test::TemporaryFolder;

namespace {

/// The verbs of the real program, asked what may stand next.
class Program {
 public:
  Program() {
    for (Verb add : {add_run, add_queries, add_logs, add_commands, add_files, add_token, add_doctor,
                     add_completion})
      add(app_, common_, exit_code_);
  }

  std::vector<std::string> ask(const std::vector<std::string>& words,
                               const std::string& home = "/nowhere") {
    common_.home = home;
    std::vector<std::string> found;
    for (const auto& one : candidates(app_, words, common_))
      found.push_back(one.text);
    return found;
  }

 private:
  CLI::App app_;
  Common common_;
  int exit_code_ = 0;
};

bool has(const std::vector<std::string>& list, const std::string& word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

using Words = std::vector<std::string>;

void make_experiments(const std::filesystem::path& home) {
  test::store_events(home, "mnist-aaaaa", {test::submitted(test::named("mnist"))});
  test::store_events(
      home, "mnist-bbbbb",
      {test::submitted(test::named("mnist")), test::created(0, "{}"), test::created(1, "{}")});
}

}  // namespace

TEST_CASE("verbs are completed, hidden ones are not", "[cli][completion]") {
  Program program;
  CHECK(program.ask({"val"}) == Words{"validate"});
  CHECK(has(program.ask({""}), "run"));
  CHECK_FALSE(has(program.ask({""}), "__complete"));
  CHECK_FALSE(has(program.ask({"run", ""}), "validate"));
}

TEST_CASE("options and their values are completed", "[cli][completion]") {
  Program program;
  CHECK(program.ask({"validate", "--pr"}) == Words{"--print"});
  CHECK(program.ask({"doctor", "-o", ""}) == Words{"json"});
  CHECK(program.ask({"doctor", "--output", "j"}) == Words{"json"});
  CHECK(program.ask({"doctor", "--home", ""}) == Words{":folders"});
  CHECK(program.ask({"get", ""}) == Words{"experiments", "trials", "nodes"});
  CHECK(program.ask({"get", "trials", "x", "-o", "c"}) == Words{"csv"});
  CHECK(program.ask({"completion", ""}) == Words{"bash", "zsh", "fish"});
  CHECK(program.ask({"algorithms", "Ran"}) == Words{"Random"});
}

TEST_CASE("files are left to the shell", "[cli][completion]") {
  Program program;
  CHECK(program.ask({"run", "exa"}) == Words{":files"});
  CHECK(program.ask({"run", "--seed", "3", "exa"}) == Words{":files"});
  CHECK(program.ask({"apply", "-f", "exa"}) == Words{":files"});
  CHECK(program.ask({"run", "file.yaml", ""}).empty());
}

TEST_CASE("experiments and trials of the home are completed", "[cli][completion]") {
  TemporaryFolder folder;
  make_experiments(folder.path());
  Program program;
  auto home = folder.path().string();
  CHECK(program.ask({"resume", ""}, home) == Words{"mnist", "mnist-bbbbb", "mnist-aaaaa"});
  CHECK(program.ask({"stop", "mnist-a"}, home) == Words{"mnist-aaaaa"});
  CHECK(program.ask({"stop", "mnist/"}, home) == Words{"mnist/0", "mnist/1"});
  CHECK(program.ask({"stop", "mnist-aaaaa/"}, home).empty());
  CHECK(program.ask({"logs", "mnist-b"}, home) == Words{"mnist-bbbbb/", ":more"});
  CHECK(program.ask({"logs", "mnist-bbbbb/1"}, home) == Words{"mnist-bbbbb/1"});
  CHECK(program.ask({"get", "trials", "mnist-b"}, home) == Words{"mnist-bbbbb"});
  CHECK(program.ask({"describe", "trial", "mnist/"}, home) == Words{"mnist/0", "mnist/1"});
  CHECK(program.ask({"resume", "--home", home, "mnist-b"}) == Words{"mnist-bbbbb"});
  CHECK(program.ask({"resume", "--home=" + home, "mnist-b"}) == Words{"mnist-bbbbb"});
  CHECK(program.ask({"resume", ""}).empty());
}

TEST_CASE("the hidden verb takes words that look like options of its own", "[cli][completion]") {
  CHECK(shell("$AUTOTUNE __complete -- validate --help --pr | cut -f1").text == "--print\n");
  CHECK(shell("$AUTOTUNE __complete -- doctor --home -- ''").exit_code == 0);
}

TEST_CASE("bash completes by the script that completion prints", "[cli][completion]") {
  if (find_program("bash").empty()) {
    WARN("skipped: there is no bash here");
    return;
  }
  TemporaryFolder folder;
  make_experiments(folder.path());
  auto script = folder.write("try.sh", R"sh(
PATH="$(dirname "$AUTOTUNE"):$PATH"
eval "$("$AUTOTUNE" completion bash)"
complete -p autotune
try() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _autotune; echo "${COMPREPLY[*]}"; }
try autotune val
try autotune validate --pri
try autotune doctor -o ''
try autotune resume mnist-
try autotune doctor --output = j
try autotune doctor --output =
try autotune run ''
)sh");
  auto run = shell("bash " + script, {"AUTOTUNE_HOME=" + folder.path().string()});
  CHECK(run.text ==
        "complete -F _autotune autotune\nvalidate\n--print\njson\nmnist-bbbbb "
        "mnist-aaaaa\njson\njson\n\n");
}

TEST_CASE("zsh completes by the script that completion prints", "[cli][completion]") {
  if (find_program("zsh").empty()) {
    WARN("skipped: there is no zsh here");
    return;
  }
  TemporaryFolder folder;
  auto script = folder.write("try.zsh", R"sh(
path=(${AUTOTUNE:h} $path)
compdef() { print compdef $* }
_describe() { shift 2; local name=$1; shift; print -l -- ${(P)name} $* }
_files() { print files $* }
eval "$($AUTOTUNE completion zsh)"
words=(autotune val) CURRENT=2; _autotune
words=(autotune doctor -o '') CURRENT=4; _autotune
words=(autotune run '') CURRENT=3; _autotune
)sh");
  auto run = shell("zsh -f " + script);
  CHECK_THAT(run.text, Catch::StartsWith("compdef _autotune autotune\nvalidate:") &&
                           Catch::EndsWith("\njson\nfiles\n"));
}

TEST_CASE("fish completes by the script that completion prints", "[cli][completion]") {
  if (find_program("fish").empty()) {
    WARN("skipped: there is no fish here");
    return;
  }
  TemporaryFolder folder;
  auto script = folder.write("try.fish", R"sh(
set -x PATH (dirname $AUTOTUNE) $PATH
$AUTOTUNE completion fish | source
complete -C 'autotune val'
complete -C 'autotune doctor -o '
)sh");
  auto run = shell("fish " + script, {"HOME=" + folder.path().string()});
  CHECK_THAT(run.text, Catch::StartsWith("validate\t") && Catch::EndsWith("\njson\n"));
}

TEST_CASE("version names all parts, in JSON too", "[cli][version]") {
  auto text = shell("$AUTOTUNE version").text;
  auto json = parse_json(shell("$AUTOTUNE version -o json").text);
  REQUIRE(json);
  for (const char* part : {"autotune", "caf", "protobuf", "sqlite", "compiler"}) {
    CHECK_THAT(text, Catch::Contains(part));
    REQUIRE(json->find(part) != nullptr);
    CHECK_FALSE(json->find(part)->as_string()->empty());
  }
  CHECK(json->find("caf")->as_string()->rfind("0.18.", 0) == 0);
  CHECK_THAT(text, !Catch::Contains("/"));  // no paths of whoever built it
}
