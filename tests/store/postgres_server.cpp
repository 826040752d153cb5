#include "tests/store/postgres_server.hpp"

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "store/postgresql.hpp"

namespace autotune::test {
namespace {

namespace fs = std::filesystem;

/// The folder with initdb and postgres; empty: there is none.
std::string find_programs() {
  std::string newest;
  std::error_code none;
  for (const auto& version : fs::directory_iterator("/usr/lib/postgresql", none))
    if (fs::exists(version.path() / "bin" / "initdb"))
      newest = std::max(newest, (version.path() / "bin").string());
  return newest;
}

const passwd* unprivileged() {
  if (::getuid() != 0)
    return nullptr;
  const auto* user = ::getpwnam("postgres");
  return user != nullptr ? user : ::getpwnam("nobody");
}

/// Starts a program as the unprivileged user; it ends with this process.
pid_t spawn(const std::vector<std::string>& words, const fs::path& log) {
  std::vector<char*> arguments;
  for (const auto& word : words)
    arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const auto* user = unprivileged();
  auto child = ::fork();
  if (child != 0)
    return child;
  int out = ::open(log.c_str(), O_CREAT | O_WRONLY | O_APPEND, 0644);
  ::dup2(out, STDOUT_FILENO);
  ::dup2(out, STDERR_FILENO);
  if (user != nullptr &&
      (::setgroups(0, nullptr) != 0 || ::setgid(user->pw_gid) != 0 || ::setuid(user->pw_uid) != 0))
    ::_exit(126);
  ::prctl(PR_SET_PDEATHSIG, SIGQUIT);
  ::execv(arguments[0], arguments.data());
  ::_exit(127);
}

/// The server writes "ready" into its file once it has recovered.
bool is_ready(const fs::path& data) {
  std::ifstream file(data / "postmaster.pid");
  std::string text(std::istreambuf_iterator<char>(file), {});
  return text.find("ready") != std::string::npos;
}

}  // namespace

PostgresServer::PostgresServer() : programs_(find_programs()) {
  if (auto built = check_postgresql(); !built)
    FAIL("skipped: " << built.error().message);
  if (programs_.empty())
    FAIL("skipped: PostgreSQL is not installed (Debian package postgresql)");
  auto name = (fs::temp_directory_path() / "autotune-pg-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr)
    throw std::runtime_error("no temporary folder");
  folder_ = name;
  if (const auto* user = unprivileged();
      user != nullptr && ::chown(folder_.c_str(), user->pw_uid, user->pw_gid) != 0)
    throw std::runtime_error("cannot give " + name + " away");
  auto made = spawn({programs_ + "/initdb", "-D", (folder_ / "data").string(), "-U", "autotune",
                     "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"},
                    folder_ / "log");
  int status = 0;
  ::waitpid(made, &status, 0);
  if (status != 0)
    throw std::runtime_error("initdb failed, see " + (folder_ / "log").string());
  start();
}

void PostgresServer::start() {
  std::error_code none;
  fs::remove(folder_ / "data" / "postmaster.pid", none);  // of one that was killed
  server_ =
      spawn({programs_ + "/postgres", "-D", (folder_ / "data").string(), "-k", folder_.string(),
             "-c", "listen_addresses=", "-c", "shared_buffers=16MB", "-c", "fsync=off"},
            folder_ / "log");
  for (int tries = 0; tries < 600; ++tries) {
    if (is_ready(folder_ / "data"))
      return;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  throw std::runtime_error("PostgreSQL does not start, see " + (folder_ / "log").string());
}

void PostgresServer::kill() {
  if (server_ <= 0)
    return;
  ::kill(server_, SIGQUIT);
  int status = 0;
  ::waitpid(server_, &status, 0);
  server_ = -1;
}

PostgresServer::~PostgresServer() {
  kill();
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

std::string PostgresServer::uri_of(const fs::path& socket_folder) {
  return "postgresql://autotune@/postgres?host=" + socket_folder.string();
}

}  // namespace autotune::test
