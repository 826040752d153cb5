// autotune: the one composition root.
#include <algorithm>
#include <iostream>

#include <google/protobuf/stubs/common.h>

#include "cli/cli.hpp"
#include "cli/remote_server.hpp"
#include "cli/usage.hpp"
#include "launchers/keeper.hpp"

int main(int argc, char** argv) {
  using namespace autotune::cli;
  // The keeper is this program under another verb; it must stay small, so it parses for itself.
  if (argc > 1 && std::string(argv[1]) == "keeper")
    return autotune::keeper_main(argc, argv);
  CLI::App app{"AutoTune: hyperparameter optimisation that runs the trials and loses nothing.",
               "autotune"};
  app.get_formatter()->label("SUBCOMMAND", "VERB");
  app.require_subcommand(1);
  app.failure_message(CLI::FailureMessage::help);
  app.set_version_flag("--version", AUTOTUNE_VERSION);
  Common common;
  int exit_code = exit_fine;
  for (Verb add : {add_run, add_server, add_agent, add_token, add_login, add_drain, add_queries,
                   add_logs, add_commands, add_files, add_doctor, add_completion})
    add(app, common, exit_code);
  // `autotune help run` is `autotune run --help`, as elsewhere.
  std::vector<std::string> words(argv + 1, argv + argc);
  if (!words.empty() && words[0] == "help") {
    words.erase(words.begin());
    words.emplace_back("--help");
  }
  std::reverse(words.begin(), words.end());  // as CLI11 takes them
  try {
    app.parse(std::move(words));
  } catch (const CLI::CallForHelp& e) {
    return app.exit(e);
  } catch (const CLI::CallForVersion& e) {
    return app.exit(e);
  } catch (const CLI::ParseError& e) {
    std::cerr << "autotune: " << usage_mistake(app, e)
              << "\nTry `autotune --help`, or `autotune VERB --help`.\n";
    return exit_usage;
  } catch (const std::exception& e) {
    std::cerr << "autotune: " << e.what() << "\n";
    return exit_failed;
  }
  common.connection.reset();
  google::protobuf::ShutdownProtobufLibrary();
  return exit_code;
}
