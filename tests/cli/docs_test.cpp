#include <catch2/catch.hpp>

#include <fstream>
#include <iterator>

#include "cli/cli.hpp"

using namespace autotune::cli;

namespace {

/// Calls `visit` with each verb, "get trials" and the like included.
template <class Visit>
void each_verb(const CLI::App& app, const std::string& above, const Visit& visit) {
  for (const auto* verb :
       app.get_subcommands([](const CLI::App* one) { return !one->get_group().empty(); })) {
    auto name = above + verb->get_name();
    visit(name, *verb);
    each_verb(*verb, name + " ", visit);
  }
}

}  // namespace

TEST_CASE("docs/cli.md names every verb and every option", "[cli][docs]") {
  std::ifstream file(AUTOTUNE_SOURCE_DIR "/docs/cli.md");
  std::string text(std::istreambuf_iterator<char>(file), {});
  CLI::App app;
  Common common;
  int exit_code = 0;
  for (Verb add : {add_run, add_queries, add_logs, add_commands, add_files, add_token, add_login,
                   add_doctor, add_completion})
    add(app, common, exit_code);
  each_verb(app, "", [&](const std::string& name, const CLI::App& verb) {
    CHECK_THAT(text, Catch::Contains("autotune " + name));
    for (const auto* option : verb.get_options())
      for (const auto& word : option->get_lnames()) {
        CAPTURE(name);
        CHECK_THAT(text, Catch::Contains("--" + word));
      }
  });
}

TEST_CASE("every verb says in --help what it does and what its options mean", "[cli][docs]") {
  CLI::App app;
  Common common;
  int exit_code = 0;
  for (Verb add : {add_run, add_queries, add_logs, add_commands, add_files, add_token, add_login,
                   add_doctor, add_completion})
    add(app, common, exit_code);
  each_verb(app, "", [](const std::string& name, const CLI::App& verb) {
    CAPTURE(name);
    CHECK_FALSE(verb.get_description().empty());
    for (const auto* option : verb.get_options()) {
      CAPTURE(option->get_name());
      CHECK_FALSE(option->get_description().empty());
    }
  });
}
