#include "launchers/line_program.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <mutex>
#include <optional>
#include <thread>

#include "launchers/file_descriptor.hpp"
#include "launchers/process_tree.hpp"

namespace autotune {

namespace {

using Clock = std::chrono::steady_clock;

struct Pipe {
  FileDescriptor read;
  FileDescriptor write;
};

std::optional<Pipe> open_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    return std::nullopt;
  return Pipe{FileDescriptor(ends[0]), FileDescriptor(ends[1])};
}

void make_nonblocking(const FileDescriptor& fd) {
  ::fcntl(fd.value(), F_SETFL, ::fcntl(fd.value(), F_GETFL) | O_NONBLOCK);
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> list;
  for (auto& word : words)
    list.push_back(word.data());
  list.push_back(nullptr);
  return list;
}

std::string words_of(int status) {
  if (WIFEXITED(status))
    return "ended with exit code " + std::to_string(WEXITSTATUS(status));
  return "was ended by signal " + std::to_string(WTERMSIG(status)) + " (" +
         ::strsignal(WTERMSIG(status)) + ")";
}

/// What the child tells when it cannot become the program.
struct Failure {
  int error = 0;
  int stage = 0;  // 0: exec, 1: chdir
};

}  // namespace

struct LineProgram::Impl {
  explicit Impl(LineProgramOptions wanted) : options(std::move(wanted)) {}

  // --- shared by both threads
  LineProgramOptions options;
  FileDescriptor wake{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  std::atomic<bool> stop = false;
  std::mutex mutex;
  std::string outgoing;  // guarded by mutex
  std::thread thread;

  // --- the thread's own
  pid_t pid = 0;
  FileDescriptor pidfd;
  FileDescriptor input;
  FileDescriptor output;
  FileDescriptor errors;
  FileDescriptor log;
  std::int64_t log_bytes = 0;
  std::string sending;
  std::string received;
  std::string tail;
  std::string broken;  // why it is ended by us

  void run();
  std::optional<std::string> start();
  [[noreturn]] void become(char* const* argv, char* const* envp, const FileDescriptor& failure,
                           const std::array<int, 3>& streams);
  void open_log();
  bool turn(int timeout_ms);
  void write_out();
  bool read_output();
  void read_errors();
  void note(std::string_view text);
  std::optional<int> end_tree();
  bool reap(int& status, Clock::time_point deadline);
  void signal_tree(int number);
};

// --- the child ------------------------------------------------------------------------------------

/// After fork, in a process of several threads: only what is safe in a signal handler.
void LineProgram::Impl::become(char* const* argv, char* const* envp, const FileDescriptor& failure,
                               const std::array<int, 3>& streams) {
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  for (int number : {SIGPIPE, SIGINT, SIGTERM, SIGHUP, SIGCHLD})
    ::signal(number, SIG_DFL);
  ::setsid();
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // of the thread that waits for it: it ends with us
  mark_self(options.marker);
  Failure told;
  bool ready = true;
  for (int i = 0; i < 3; ++i)
    ready = ready && ::dup2(streams[static_cast<std::size_t>(i)], i) == i;
  if (ready && !options.folder.empty() && ::chdir(options.folder.c_str()) != 0) {
    told.stage = 1;
    ready = false;
  }
  if (ready)
    ::execvpe(argv[0], argv, envp);
  told.error = errno;
  [[maybe_unused]] auto written = ::write(failure.value(), &told, sizeof told);
  ::_exit(127);
}

/// Nothing where its program runs; else why not.
std::optional<std::string> LineProgram::Impl::start() {
  auto in = open_pipe();
  auto out = open_pipe();
  auto err = open_pipe();
  auto failure = open_pipe();
  if (!in || !out || !err || !failure)
    return std::string("cannot be started: ") + std::strerror(errno);
  auto argv = pointers(options.argv);
  auto envp = pointers(options.environment);
  pid = ::fork();
  if (pid < 0)
    return std::string("cannot be started: ") + std::strerror(errno);
  if (pid == 0)
    become(argv.data(), envp.data(), failure->write,
           {in->read.value(), out->write.value(), err->write.value()});
  failure->write.reset();
  Failure told;
  ssize_t n = 0;
  while ((n = ::read(failure->read.value(), &told, sizeof told)) < 0 && errno == EINTR) {
  }
  if (n == sizeof told) {
    ::waitpid(pid, nullptr, 0);
    pid = 0;
    return (told.stage == 1 ? "cannot enter the folder " + options.folder
                            : "cannot run " + options.argv.front()) +
           ": " + std::strerror(told.error);
  }
  pidfd = open_process(pid, start_ticks_of(pid));
  input = std::move(in->write);
  output = std::move(out->read);
  errors = std::move(err->read);
  for (const auto* fd : {&input, &output, &errors})
    make_nonblocking(*fd);
  return std::nullopt;
}

// --- the thread -----------------------------------------------------------------------------------

void LineProgram::Impl::open_log() {
  std::error_code code;
  auto folder = options.log.parent_path();
  if (!std::filesystem::exists(folder, code) && std::filesystem::create_directories(folder, code))
    std::filesystem::permissions(folder, std::filesystem::perms::owner_all, code);
  log =
      FileDescriptor(::open(options.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  struct stat found {};
  if (log && ::fstat(log.value(), &found) == 0)
    log_bytes = found.st_size;
}

/// Into the log, as long as there is room, and kept for the message of its end.
void LineProgram::Impl::note(std::string_view text) {
  auto room = std::max<std::int64_t>(0, options.limits.log_bytes_max - log_bytes);
  auto size = std::min(text.size(), static_cast<std::size_t>(room));
  if (log && size > 0) {
    [[maybe_unused]] auto written = ::write(log.value(), text.data(), size);
    log_bytes += static_cast<std::int64_t>(size);
  }
  tail.append(text);
  if (tail.size() > options.limits.tail_bytes_max)
    tail.erase(0, tail.size() - options.limits.tail_bytes_max);
}

void LineProgram::Impl::read_errors() {
  std::array<char, 16 << 10> buffer{};
  ssize_t n = 0;
  while (errors && (n = ::read(errors.value(), buffer.data(), buffer.size())) > 0)
    note({buffer.data(), static_cast<std::size_t>(n)});
  if (n == 0)
    errors.reset();
}

/// False: it has closed its stdout, or said too much.
bool LineProgram::Impl::read_output() {
  std::array<char, 64 << 10> buffer{};
  while (true) {
    auto n = ::read(output.value(), buffer.data(), buffer.size());
    if (n < 0)
      return errno == EAGAIN || errno == EINTR;
    if (n == 0)
      return false;
    received.append(buffer.data(), static_cast<std::size_t>(n));
    std::size_t begin = 0;
    for (auto end = received.find('\n'); end != std::string::npos;
         end = received.find('\n', begin)) {
      auto line = received.substr(begin, end - begin);
      if (line.ends_with('\r'))
        line.pop_back();
      begin = end + 1;
      options.on_line(std::move(line));
    }
    received.erase(0, begin);
    if (received.size() > options.limits.line_bytes_max) {
      broken = "printed a line of more than " +
               std::to_string(options.limits.line_bytes_max >> 20) + " MiB";
      return false;
    }
  }
}

void LineProgram::Impl::write_out() {
  while (!sending.empty()) {
    auto n = ::write(input.value(), sending.data(), sending.size());
    if (n <= 0)
      return;  // full, or it reads no more: its end tells
    sending.erase(0, static_cast<std::size_t>(n));
  }
}

/// Waits for something to happen and deals with it. False: it has ended, or is to end.
bool LineProgram::Impl::turn(int timeout_ms) {
  {
    std::lock_guard guard(mutex);
    sending += outgoing;
    outgoing.clear();
  }
  write_out();
  std::array<pollfd, 5> watched{pollfd{wake.value(), POLLIN, 0}, pollfd{output.value(), POLLIN, 0},
                                pollfd{errors ? errors.value() : -1, POLLIN, 0},
                                pollfd{pidfd ? pidfd.value() : -1, POLLIN, 0},
                                pollfd{sending.empty() ? -1 : input.value(), POLLOUT, 0}};
  if (::poll(watched.data(), watched.size(), timeout_ms) < 0 && errno != EINTR)
    return false;
  std::uint64_t unused = 0;
  [[maybe_unused]] auto taken = ::read(wake.value(), &unused, sizeof unused);
  if (stop)
    return false;
  read_errors();
  if (!read_output())
    return false;
  return watched[3].revents == 0;
}

void LineProgram::Impl::signal_tree(int number) {
  ::kill(-pid, number);
  if (options.marker != 0)
    for (auto one : all_marked(options.marker))
      signal_marked(one, options.marker, number);
}

/// True once it is reaped.
bool LineProgram::Impl::reap(int& status, Clock::time_point deadline) {
  while (true) {
    auto ended = ::waitpid(pid, &status, WNOHANG);
    if (ended == pid || (ended < 0 && errno != EINTR))
      return true;
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0)
      return false;
    // What it still writes must not hold it up.
    std::array<pollfd, 3> watched{pollfd{pidfd ? pidfd.value() : -1, POLLIN, 0},
                                  pollfd{output ? output.value() : -1, POLLIN, 0},
                                  pollfd{errors ? errors.value() : -1, POLLIN, 0}};
    ::poll(watched.data(), watched.size(),
           static_cast<int>(std::min<std::int64_t>(left.count(), pidfd ? 1000 : 20)));
    read_errors();
    std::array<char, 4096> unread{};
    if (output && watched[1].revents != 0 &&
        ::read(output.value(), unread.data(), unread.size()) == 0)
      output.reset();
  }
}

/// Ends what is left of it: first its stdin, then by signals. Gives its status.
std::optional<int> LineProgram::Impl::end_tree() {
  {
    std::lock_guard guard(mutex);
    sending += outgoing;
  }
  write_out();  // the last that it is told
  input.reset();
  int status = 0;
  bool done = reap(status, Clock::now() + options.limits.grace);
  if (!done) {
    signal_tree(SIGTERM);
    done = reap(status, Clock::now() + options.limits.grace);
  }
  if (!done)
    signal_tree(SIGKILL);
  if (!done)
    done = reap(status, Clock::now() + options.limits.grace);
  signal_tree(SIGKILL);  // what it has started and left behind
  read_errors();
  return done ? std::optional(status) : std::nullopt;
}

void LineProgram::Impl::run() {
  sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
  open_log();
  auto refused = start();
  if (refused) {
    note("autotune: " + *refused + "\n");
    if (!stop)
      options.on_end(*refused);
    return;
  }
  while (turn(pidfd ? -1 : 200)) {
    int status = 0;
    if (!pidfd && ::waitpid(pid, &status, WNOHANG) != 0)
      break;
  }
  if (!stop && broken.empty())
    read_output();  // what it printed before its end
  auto status = end_tree();
  if (stop)
    return;
  auto how = !broken.empty() ? broken : status ? words_of(*status) : std::string("has ended");
  auto last = tail.find_last_not_of(" \r\n");
  if (last != std::string::npos)
    how += "; the last it wrote on stderr:\n" + tail.substr(0, last + 1);
  options.on_end(std::move(how));
}

LineProgram::LineProgram(LineProgramOptions options)
    : impl_(std::make_unique<Impl>(std::move(options))) {
  impl_->thread = std::thread([impl = impl_.get()] { impl->run(); });
}

LineProgram::~LineProgram() {
  impl_->stop = true;
  std::uint64_t one = 1;
  [[maybe_unused]] auto written = ::write(impl_->wake.value(), &one, sizeof one);
  impl_->thread.join();
}

void LineProgram::send(const std::string& line) {
  {
    std::lock_guard guard(impl_->mutex);
    impl_->outgoing += line;
    impl_->outgoing += '\n';
  }
  std::uint64_t one = 1;
  [[maybe_unused]] auto written = ::write(impl_->wake.value(), &one, sizeof one);
}

}  // namespace autotune
