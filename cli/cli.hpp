// What all verbs share: options, exit codes, the home folder.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "messages/result.hpp"

namespace autotune::cli {

class RemoteServer;

/// Exit codes: a contract that scripts rely on (docs/cli.md).
enum ExitCode {
  exit_fine = 0,     ///< for run and --watch: DONE with at least one trial succeeded
  exit_failed = 1,   ///< ERROR, or DONE with no trial succeeded
  exit_usage = 2,    ///< wrong usage or invalid input; nothing was started
  exit_timeout = 3,  ///< TIMEOUT
  exit_not_found = 4,
  exit_no_server = 5,
  exit_ended_by_other = 6,
  exit_interrupted = 130,
};

/// Options that all verbs take.
struct Common {
  std::string home;    ///< as given; `home_folder` resolves it
  std::string output;  ///< -o: "", json, csv, wide, ...
  std::string log_level = "warn";
  bool no_progress = false;
  std::string server;  ///< HOST:PORT of one elsewhere; empty: that of the home
  mutable std::shared_ptr<RemoteServer> connection;  ///< to `server`, from its first use on
};

/// `--home`, else $AUTOTUNE_HOME, else the XDG data folder.
std::filesystem::path home_folder(const Common& common);

/// The exit code that fits an error.
int exit_code_of(const Error& error);

/// Prints "autotune: ..." on stderr and gives the exit code.
int report(const Error& error);

/// True where stdout is a terminal on which colour and progress make sense.
bool is_terminal(int fd);
bool wants_colour(int fd);

/// A verb registers its subcommand; its callback stores what main returns in `exit_code`.
using Verb = void (*)(CLI::App& app, Common& common, int& exit_code);

void add_run(CLI::App& app, Common& common, int& exit_code);
void add_server(CLI::App& app, Common& common, int& exit_code);
void add_agent(CLI::App& app, Common& common, int& exit_code);
void add_drain(CLI::App& app, Common& common, int& exit_code);
void add_get_nodes(CLI::App& get, Common& common, int& exit_code);
void add_queries(CLI::App& app, Common& common, int& exit_code);  // get describe best export
void add_logs(CLI::App& app, Common& common, int& exit_code);
void add_commands(CLI::App& app, Common& common,
                  int& exit_code);  // apply stop pause delete edit enqueue
void add_files(CLI::App& app, Common& common, int& exit_code);  // validate algorithms tuner-stdio
void add_token(CLI::App& app, Common& common, int& exit_code);  // token create
void add_login(CLI::App& app, Common& common, int& exit_code);
void add_doctor(CLI::App& app, Common& common, int& exit_code);
void add_completion(CLI::App& app, Common& common, int& exit_code);  // completion version

/// A subcommand with the options that all verbs take.
CLI::App* add_verb(CLI::App& app, Common& common, const std::string& name, const std::string& text);

/// Makes --server a mistake, for a verb that works on this machine alone; `instead` says what would be right.
void refuse_server(CLI::App& verb, const std::string& instead);

}  // namespace autotune::cli
