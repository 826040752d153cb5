#include "cli/cli.hpp"

#include <cstdlib>
#include <iostream>

#include <unistd.h>

namespace autotune::cli {

std::filesystem::path home_folder(const Common& common) {
  auto from = [](const char* name) -> std::string {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
  };
  std::filesystem::path home;
  if (!common.home.empty())
    home = common.home;
  else if (auto given = from("AUTOTUNE_HOME"); !given.empty())
    home = given;
  else if (auto data = from("XDG_DATA_HOME"); !data.empty())
    home = std::filesystem::path(data) / "autotune";
  else
    home = std::filesystem::path(from("HOME").empty() ? "/tmp" : from("HOME")) /
           ".local/share/autotune";
  return std::filesystem::absolute(home);
}

int exit_code_of(const Error& error) {
  switch (error.code) {
    case ErrorCode::invalid_argument: return exit_usage;
    case ErrorCode::already_exists: return exit_usage;
    case ErrorCode::failed_precondition: return exit_usage;
    case ErrorCode::not_found: return exit_not_found;
    case ErrorCode::unavailable: return exit_no_server;
    default: return exit_failed;
  }
}

int report(const Error& error) {
  std::cerr << "autotune: " << error.message << "\n";
  return exit_code_of(error);
}

bool is_terminal(int fd) {
  const char* term = std::getenv("TERM");
  return isatty(fd) == 1 && term != nullptr && std::string(term) != "dumb";
}

bool wants_colour(int fd) {
  const char* no_colour = std::getenv("NO_COLOR");
  return is_terminal(fd) && (no_colour == nullptr || *no_colour == '\0');
}

CLI::App* add_verb(CLI::App& app, Common& common, const std::string& name,
                   const std::string& text) {
  auto* verb = app.add_subcommand(name, text);
  verb->add_option("--home", common.home,
                   "Folder of experiments (default: $AUTOTUNE_HOME, else the XDG data folder)")
      ->type_name("DIR");
  verb->add_option("--server", common.server,
                   "A server elsewhere, after `autotune login` (default: the server of the home)")
      ->type_name("HOST:PORT");
  verb->add_option("--log-level", common.log_level, "debug, info, warn or error")
      ->type_name("LEVEL");
  verb->add_flag("--no-progress", common.no_progress, "Plain lines even on a terminal");
  return verb;
}

void refuse_server(CLI::App& verb, const std::string& instead) {
  verb.get_option("--server")->check([instead](const std::string&) {
    return "this verb works on this machine alone; " + instead;
  });
}

}  // namespace autotune::cli
