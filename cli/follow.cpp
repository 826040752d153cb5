#include "cli/follow.hpp"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <iostream>

#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/connection.hpp"

namespace autotune::cli {

using std::chrono::milliseconds;

namespace {

std::atomic<int> caught{0};

constexpr milliseconds redraw_interval{
    250};  // often enough to look alive, cheap over a slow connection

std::int64_t wall_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

/// The part of the screen that is drawn over and over.
class LiveArea {
 public:
  void show(const std::string& text) {
    std::string out = erase();
    out += text;
    lines_ = static_cast<int>(std::count(text.begin(), text.end(), '\n'));
    write(out);
  }
  /// Leaves a line above the area.
  void print_above(const std::string& line) {
    write(erase() + line + "\n");
    lines_ = 0;
  }

 private:
  std::string erase() const {
    return lines_ == 0 ? "" : "\x1b[" + std::to_string(lines_) + "A\x1b[J";
  }
  static void write(const std::string& text) { std::cout << text << std::flush; }
  int lines_ = 0;
};

winsize window() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) {
    size.ws_col = 100;
    size.ws_row = 30;
  }
  return size;
}

pb::ControlRequest stop_request(const std::string& id, bool hurry) {
  pb::ControlRequest request;
  request.mutable_command()->set_experiment_id(id);
  request.mutable_command()->set_verb(hurry ? "stop-now" : "stop");
  return request;
}

}  // namespace

int exit_code_of(const RunView& view, bool interrupted) {
  switch (view.phase()) {
    case pb::PHASE_DONE: return view.succeeded() > 0 ? exit_fine : exit_failed;
    case pb::PHASE_TIMEOUT: return exit_timeout;
    case pb::PHASE_STOPPED: return interrupted ? exit_interrupted : exit_ended_by_other;
    default: return exit_failed;
  }
}

Whereabouts whereabouts(const Common& common, const std::string& experiment_id) {
  auto within = std::filesystem::path("trials") / experiment_id;
  if (common.server.empty())
    return {(home_folder(common) / within).string(), ""};
  return {within.string() + " in the home of the server at " + common.server, server_words(common)};
}

void print_summary(const std::string& id, const RunView& view, const Whereabouts& where,
                   std::ostream& out) {
  const auto& counts = view.counts();
  std::string word = pb::Phase_Name(view.phase()).substr(6);
  out << id << " " << word << (view.reason().empty() ? "" : ": " + view.reason()) << " ("
      << counts.succeeded() << " succeeded, " << counts.failed() << " failed";
  if (counts.early_stopped() > 0)
    out << ", " << counts.early_stopped() << " stopped early";
  if (counts.killed() > 0)
    out << ", " << counts.killed() << " killed";
  out << ")\n";
  constexpr std::size_t front_rows_max = 20;
  out << view.outcome(id, front_rows_max);
  if (view.phase() == pb::PHASE_STOPPED)
    out << "go on with: autotune resume " << id << where.server_words << "\n";
  if (counts.failed() > 0)
    out << "why a trial failed: autotune describe trial " << id << "/SEQ" << where.server_words
        << "; its output: autotune logs " << id << "/SEQ" << where.server_words << "\n";
  out << "files: " << where.files << "\n" << std::flush;
}

Watcher EventQueue::watcher() {
  return [this](const std::string& id, const std::vector<pb::Event>& events) {
    std::lock_guard lock(mutex_);
    for (const auto& event : events)
      events_.emplace_back(id, event);
    arrived_.notify_one();
  };
}

std::vector<std::pair<std::string, pb::Event>> EventQueue::take(milliseconds wait) {
  std::unique_lock lock(mutex_);
  arrived_.wait_for(lock, wait, [this] { return !events_.empty(); });
  std::vector<std::pair<std::string, pb::Event>> taken(std::make_move_iterator(events_.begin()),
                                                       std::make_move_iterator(events_.end()));
  events_.clear();
  return taken;
}

void catch_signals() {
  struct sigaction action {};
  action.sa_handler = [](int) { caught.fetch_add(1); };
  for (int signal : {SIGINT, SIGTERM, SIGHUP})
    ::sigaction(signal, &action, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
}

int signals_caught() { return caught.load(); }

int follow(LocalServer& server, EventQueue& events, const Common& common, const std::string& id,
           RunView view) {
  bool live = is_terminal(STDOUT_FILENO) && !common.no_progress;
  bool colour = wants_colour(STDOUT_FILENO);
  auto reader = live ? reader_of(home_folder(common)) : fail(ErrorCode::unavailable, "");
  LiveArea area;
  int signals_seen = 0;
  std::int64_t drawn_ms = 0;
  while (!at_rest(view.phase())) {
    for (const auto& [whose, event] : events.take(milliseconds(100))) {
      if (whose != id)
        continue;
      auto line = view.take(event);
      bool worth_telling = line && !event.has_attempt_started() && !event.has_trial_ended();
      if (line && !live)
        std::cout << *line << "\n" << std::flush;
      else if (worth_telling && !event.has_phase_changed())
        area.print_above(*line);
    }
    if (int now = signals_caught(); now > signals_seen) {
      server.tell(stop_request(id, now > 1));
      std::string text =
          now == 1 ? "stopping: trials get their grace period; Ctrl-C again ends them at once"
                   : "ending all trials at once";
      if (live)
        area.print_above(text);
      else
        std::cerr << text << "\n";
      signals_seen = now;
    }
    if (live && wall_ms() - drawn_ms >= redraw_interval.count()) {
      drawn_ms = wall_ms();
      for (auto sequence : view.running()) {
        auto last =
            reader ? (*reader)->last_report(id, sequence) : fail(ErrorCode::unavailable, "");
        if (last && *last)
          view.set_latest(sequence, (*last)->metrics());
      }
      auto size = window();
      area.show(
          view.draw(size.ws_col, std::max(8, static_cast<int>(size.ws_row) - 2), drawn_ms, colour));
    }
  }
  if (live) {
    auto size = window();
    area.show(
        view.draw(size.ws_col, std::max(8, static_cast<int>(size.ws_row) - 8), wall_ms(), colour));
  }
  print_summary(id, view, whereabouts(common, id), std::cout);
  return exit_code_of(view, signals_seen > 0);
}

}  // namespace autotune::cli
