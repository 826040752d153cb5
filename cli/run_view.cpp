#include "cli/run_view.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <sstream>

#include "cli/goals.hpp"
#include "messages/states.hpp"
#include "messages/value.hpp"

namespace autotune::cli {

namespace {

const char* word_of(pb::TrialState state) {
  switch (state) {
    case pb::TRIAL_STATE_PENDING: return "Pending";
    case pb::TRIAL_STATE_RUNNING: return "Running";
    case pb::TRIAL_STATE_SUCCEEDED: return "Succeeded";
    case pb::TRIAL_STATE_FAILED: return "Failed";
    case pb::TRIAL_STATE_EARLY_STOPPED: return "EarlyStopped";
    case pb::TRIAL_STATE_KILLED: return "Killed";
    default: return "";
  }
}

const char* colour_of(pb::TrialState state) {
  switch (state) {
    case pb::TRIAL_STATE_RUNNING: return "\x1b[36m";
    case pb::TRIAL_STATE_SUCCEEDED: return "\x1b[32m";
    case pb::TRIAL_STATE_FAILED: return "\x1b[31m";
    case pb::TRIAL_STATE_EARLY_STOPPED: return "\x1b[33m";
    case pb::TRIAL_STATE_KILLED: return "\x1b[35m";
    default: return "\x1b[2m";
  }
}

std::string padded(std::string text, std::size_t width) {
  if (text.size() < width)
    text.append(width - text.size(), ' ');
  return text;
}

/// Cuts a line to so many columns, not counting colour codes; UTF-8 sequences stay whole. What is cut ends in "…".
std::string cut(const std::string& line, int width) {
  std::string out;
  std::size_t before_last = 0;  // of `out`, before the last column that has room
  int columns = 0;
  bool coloured = false;
  for (std::size_t i = 0; i < line.size();) {
    if (line[i] == '\x1b') {
      auto end = line.find('m', i);
      end = end == std::string::npos ? line.size() : end + 1;
      out += line.substr(i, end - i);
      coloured = true;
      i = end;
      continue;
    }
    if (columns == width) {
      out = out.substr(0, before_last) + "…";
      break;
    }
    std::size_t n = 1;
    while (i + n < line.size() && (static_cast<unsigned char>(line[i + n]) & 0xC0) == 0x80)
      ++n;
    before_last = out.size();
    out += line.substr(i, n);
    ++columns;
    i += n;
  }
  return coloured ? out + "\x1b[0m" : out;
}

std::string trials_text(std::size_t count) {
  return std::to_string(count) + (count == 1 ? " trial" : " trials");
}

/// `brief`: no more digits than a table has room for.
std::string plain_value(const Value& value, bool brief) {
  constexpr std::size_t number_length_max = 9;
  if (const auto* text = value.as_string()) {
    bool simple = !text->empty() && text->find_first_of(" ,:{}\"'\n\t") == std::string::npos;
    return simple ? *text : quote_json(*text);
  }
  if (const auto* object = value.as_object()) {
    std::string out = "{";
    for (const auto& [name, member] : *object)
      out += (out.size() > 1 ? ", " : "") + name + ": " + plain_value(member, brief);
    return out + "}";
  }
  auto number = brief ? value.to_double() : std::nullopt;
  auto text = to_json(value);
  return number && text.size() > number_length_max ? metric_text(*number) : text;
}

}  // namespace

std::string duration_text(std::int64_t ms) {
  char text[40];
  auto seconds = ms / 1000;
  if (ms < 60000)
    std::snprintf(text, sizeof text, "%.1fs", static_cast<double>(ms) / 1000);
  else if (seconds < 3600)
    std::snprintf(text, sizeof text, "%lldm %02llds", static_cast<long long>(seconds / 60),
                  static_cast<long long>(seconds % 60));
  else
    std::snprintf(text, sizeof text, "%lldh %02lldm", static_cast<long long>(seconds / 3600),
                  static_cast<long long>(seconds / 60 % 60));
  return text;
}

std::string metric_text(double value) {
  if (std::isnan(value))
    return "NaN";
  if (std::isinf(value))
    return value > 0 ? "Infinity" : "-Infinity";
  char text[40];
  std::snprintf(text, sizeof text, "%.6g", value);
  return text;
}

std::string parameters_text(const std::string& parameters_json, bool brief) {
  auto value = parse_json(parameters_json);
  if (!value || value->as_object() == nullptr)
    return parameters_json;
  auto text = plain_value(*value, brief);
  return text.substr(1, text.size() - 2);
}

RunView::RunView(pb::ExperimentSpec spec) : spec_(std::move(spec)), objective_(spec_.objective()) {}

void RunView::load(const std::vector<pb::TrialSummary>& trials) {
  for (const auto& trial : trials) {
    Row row{trial.sequence(),        trial.id(),     trial.state(),
            trial.parameters_json(), trial.reason(), trial.started_at_ms(),
            trial.ended_at_ms(),     std::nullopt,   trial.final_metrics()};
    if (has_ended(trial.state()))
      end(std::move(row));
    else
      live_[row.sequence] = std::move(row);
  }
  ended_here_ = 0;
  recount();
}

void RunView::load(const pb::ExperimentSummary& experiment,
                   const std::vector<pb::TrialSummary>& newest) {
  load(newest);
  counts_ = experiment.counts();
  recount();
  if (!experiment.has_best())
    return;
  const auto& best = experiment.best();
  auto standing = objective_.standing_of({{best.value()}, {}, {}});
  best_ = BestTrial{best.sequence(), best.value(), standing.losses.front(), best.parameters_json()};
}

void RunView::end(Row row) {
  count_ended(counts_, row.state);
  ++ended_here_;
  if (row.state == pb::TRIAL_STATE_SUCCEEDED)
    rank(row);
  ended_.push_back(std::move(row));
  if (ended_.size() > ended_rows_kept)
    ended_.pop_front();
}

/// Compares a result with those before it.
void RunView::rank(const Row& row) {
  auto scores = objective_.scores_of(row.finals);
  if (!scores.finite())
    return;
  auto standing = objective_.standing_of(scores);
  if (!objective_.has_several_goals() && scores.feasible() &&
      (!best_ || standing.losses.front() < best_->loss))
    best_ = BestTrial{row.sequence, scores.values.front(), standing.losses.front(),
                      row.parameters_json};
  if (is_plain(objective_))
    return;
  auto change = front_.offer(row.sequence, std::move(standing));
  for (auto left : change.left)
    members_.erase(left);
  if (!change.joined)
    return;
  auto& trial = members_[row.sequence];
  trial.set_sequence(row.sequence);
  trial.set_id(row.id);
  trial.set_parameters_json(row.parameters_json);
  *trial.mutable_final_metrics() = row.finals;
}

bool RunView::on_front(std::int64_t sequence) const {
  return front_.feasible() && members_.contains(sequence);
}

void RunView::recount() {
  std::int64_t running = 0;
  for (const auto& [sequence, row] : live_)
    running += row.state == pb::TRIAL_STATE_RUNNING ? 1 : 0;
  counts_.set_running(running);
  counts_.set_pending(static_cast<std::int64_t>(live_.size()) - running);
}

void RunView::set_latest(std::int64_t sequence, const Metrics& metrics) {
  const auto* metric = objective_.find_intermediate(metrics);
  if (auto found = live_.find(sequence); found != live_.end() && metric != nullptr)
    found->second.latest = metric->value();
}

std::vector<std::int64_t> RunView::running() const {
  std::vector<std::int64_t> sequences;
  for (const auto& [sequence, row] : live_)
    if (row.state == pb::TRIAL_STATE_RUNNING)
      sequences.push_back(sequence);
  return sequences;
}

std::optional<std::string> RunView::take(const pb::Event& event) {
  if (first_seen_ms_ == 0)
    first_seen_ms_ = event.at_ms();
  running_ms_ = event.running_ms();
  running_as_of_ms_ = event.at_ms();
  auto name = [](std::int64_t sequence) { return "trial " + std::to_string(sequence); };
  switch (event.what_case()) {
    case pb::Event::kPhaseChanged: {
      phase_ = event.phase_changed().phase();
      reason_ = event.phase_changed().reason();
      std::string word = pb::Phase_Name(phase_).substr(6);
      return word + (reason_.empty() ? "" : ": " + reason_);
    }
    case pb::Event::kTrialCreated: {
      const auto& created = event.trial_created();
      Row row;
      row.sequence = created.sequence();
      row.id = created.id();
      row.parameters_json = created.parameters_json();
      live_[row.sequence] = std::move(row);
      recount();
      return std::nullopt;
    }
    case pb::Event::kAttemptStarted: {
      auto& row = live_[event.attempt_started().sequence()];
      row.state = pb::TRIAL_STATE_RUNNING;
      row.started_ms = event.at_ms();
      row.latest.reset();
      recount();
      return name(row.sequence) + " started: " + parameters_text(row.parameters_json);
    }
    case pb::Event::kTrialRequeued: {
      auto& row = live_[event.trial_requeued().sequence()];
      row.state = pb::TRIAL_STATE_PENDING;
      row.reason = event.trial_requeued().reason();
      recount();
      return name(row.sequence) + " waits for a new attempt: " + row.reason;
    }
    case pb::Event::kTrialEnded: {
      const auto& ended = event.trial_ended();
      if (live_.count(ended.sequence()) == 0)
        return std::nullopt;  // it was loaded as ended
      auto row = std::move(live_[ended.sequence()]);
      live_.erase(ended.sequence());
      row.sequence = ended.sequence();
      row.state = ended.state();
      row.reason = ended.reason();
      row.ended_ms = event.at_ms();
      row.finals = ended.final_metrics();
      std::string line = name(row.sequence) + " " + word_of(row.state) + finals_text(row.finals);
      if (row.started_ms > 0)
        line += ", " + duration_text(row.ended_ms - row.started_ms);
      auto note = row.reason.empty() ? breaches_text(objective_, row.finals) : row.reason;
      if (!note.empty())
        line += ": " + note;
      end(std::move(row));
      recount();
      return line;
    }
    case pb::Event::kReplicaRestarted:
      return name(event.replica_restarted().sequence()) + " " +
             event.replica_restarted().replica() +
             " restarts: " + event.replica_restarted().reason();
    case pb::Event::kLinesRejected:
      return name(event.lines_rejected().sequence()) + " " + event.lines_rejected().replica() +
             ": line " +
             (event.lines_rejected().lines_size() > 0
                  ? std::to_string(event.lines_rejected().lines(0))
                  : "?") +
             " is no report: " + event.lines_rejected().example();
    case pb::Event::kNotice:
      return (event.notice().sequence() >= 0 ? name(event.notice().sequence()) + ": " : "") +
             event.notice().text();
    case pb::Event::kSpecEdited:
      if (event.spec_edited().path() == "spec.maxTrialNum")
        spec_.set_max_trial_num(std::strtoll(event.spec_edited().value().c_str(), nullptr, 10));
      else if (event.spec_edited().path() == "spec.maxExecSeconds")
        spec_.set_max_exec_seconds(std::strtod(event.spec_edited().value().c_str(), nullptr));
      return event.spec_edited().path() + " is now " + event.spec_edited().value();
    default: return std::nullopt;
  }
}

/// ", final 0.9", or ", accuracy 0.9, size 12" where more than one metric counts.
std::string RunView::finals_text(const Metrics& finals) const {
  std::string text;
  for (const auto& name : objective_.metrics())
    if (const auto* metric = objective_.find(finals, name))
      text += ", " + (is_plain(objective_) ? "final" : name) + " " + metric_text(metric->value());
  return text;
}

std::string RunView::time_left(std::int64_t now_ms) const {
  if (phase_ != pb::PHASE_RUNNING)
    return "";  // it has ended, or nobody knows when it goes on
  std::optional<double> left_ms;
  auto ended = counts_.succeeded() + counts_.failed() + counts_.early_stopped() + counts_.killed();
  if (spec_.max_trial_num() > 0 && ended_here_ > 0 && now_ms > first_seen_ms_) {
    auto each = static_cast<double>(now_ms - first_seen_ms_) / static_cast<double>(ended_here_);
    left_ms = each * static_cast<double>(spec_.max_trial_num() - ended);
  }
  if (spec_.max_exec_seconds() > 0) {
    auto limit = spec_.max_exec_seconds() * 1000 -
                 static_cast<double>(running_ms_ + (now_ms - running_as_of_ms_));
    left_ms = left_ms ? std::min(*left_ms, limit) : limit;
  }
  if (!left_ms || *left_ms < 0)
    return "";
  return "about " + duration_text(static_cast<std::int64_t>(*left_ms)) + " left";
}

/// Of a metric's column, its heading and two blanks included.
std::size_t RunView::column_width(const std::string& metric) const {
  constexpr std::size_t least = 12;
  return is_plain(objective_) ? least : std::max(least, heading_of(objective_, metric).size() + 2);
}

std::string RunView::heading() const {
  std::string text = padded("SEQ", 6) + padded("ID", 7) + padded("STATE", 13) + padded("TIME", 10) +
                     padded("LATEST", 12);
  for (const auto& name : objective_.metrics())
    text +=
        padded(is_plain(objective_) ? "FINAL" : heading_of(objective_, name), column_width(name));
  if (!is_plain(objective_))
    text += padded(standing_heading(objective_), 12);
  return text + "PARAMETERS";
}

std::string RunView::nearest_line() const {
  const auto& nearest = members_.at(front_.sequences().front());
  return nearest_text(objective_, nearest.sequence(), nearest.final_metrics());
}

std::string RunView::best_line(const std::function<std::string(const std::string&)>& bold) const {
  if (!members_.empty() && !front_.feasible())
    return nearest_line();
  if (objective_.has_several_goals())
    return members_.empty() ? "front -" : bold("front: ") + trials_text(members_.size());
  return best_ ? bold("best ") + metric_text(best_->value) + "  trial " +
                     std::to_string(best_->sequence) + "  " +
                     parameters_text(best_->parameters_json, true)
               : "best -";
}

std::string RunView::outcome(const std::string& id, std::size_t rows_max) const {
  if (!members_.empty() && !front_.feasible())
    return nearest_line() + "\n";
  if (!objective_.has_several_goals())
    return best_ ? "best: trial " + std::to_string(best_->sequence) + " with " +
                       metric_text(best_->value) + "\n  " +
                       parameters_text(best_->parameters_json) + "\n"
                 : "";
  if (members_.empty())
    return "";
  const auto sequences = front_.sequences();
  std::vector<pb::TrialSummary> trials;
  for (std::size_t i = 0; i < std::min(sequences.size(), rows_max); ++i)
    trials.push_back(members_.at(sequences[i]));
  std::ostringstream out;
  out << "front: " << trials_text(sequences.size()) << "\n";
  print_front(objective_, trials, "  ", out);
  if (sequences.size() > trials.size())
    out << "  and " << sequences.size() - trials.size() << " more: autotune best " << id << "\n";
  return out.str();
}

std::string RunView::row_text(const Row& row, std::int64_t now_ms, bool colour) const {
  auto end_ms = row.ended_ms > 0 ? row.ended_ms : now_ms;
  std::string state = padded(word_of(row.state), 13);
  if (colour)
    state = colour_of(row.state) + state + "\x1b[0m";
  std::string line = padded(std::to_string(row.sequence), 6) + padded(row.id, 7) + state +
                     padded(row.started_ms > 0 ? duration_text(end_ms - row.started_ms) : "-", 10) +
                     padded(row.latest ? metric_text(*row.latest) : "-", 12);
  for (const auto& name : objective_.metrics()) {
    const auto* metric = objective_.find(row.finals, name);
    line += padded(metric != nullptr ? metric_text(metric->value()) : "-", column_width(name));
  }
  if (!is_plain(objective_))
    line += padded(standing_text(objective_, row.finals, on_front(row.sequence)), 12);
  auto note = row.reason.empty() ? breaches_text(objective_, row.finals) : row.reason;
  bool tell_note = !note.empty() && row.state != pb::TRIAL_STATE_RUNNING;
  return line + parameters_text(row.parameters_json, true) + (tell_note ? "  (" + note + ")" : "");
}

std::string RunView::draw(int width, int rows_max, std::int64_t now_ms, bool colour) const {
  std::vector<std::string> lines;
  auto bold = [&](const std::string& text) { return colour ? "\x1b[1m" + text + "\x1b[0m" : text; };
  lines.push_back(bold(heading()));
  const int frame_lines = 4;  // header, bar, counts, best
  auto live_shown = std::min<std::size_t>(
      live_.size(), static_cast<std::size_t>(std::max(1, rows_max - frame_lines)));
  auto room =
      std::max<std::ptrdiff_t>(0, rows_max - frame_lines - static_cast<std::ptrdiff_t>(live_shown));
  auto first =
      ended_.end() - std::min<std::ptrdiff_t>(room, static_cast<std::ptrdiff_t>(ended_.size()));
  for (auto row = first; row != ended_.end(); ++row)
    lines.push_back(row_text(*row, now_ms, colour));
  for (const auto& [sequence, row] : live_) {
    if (live_shown-- == 0)
      break;
    lines.push_back(row_text(row, now_ms, colour));
  }
  auto ended = counts_.succeeded() + counts_.failed() + counts_.early_stopped() + counts_.killed();
  std::string bar;
  if (spec_.max_trial_num() > 0) {
    constexpr int bar_width = 30;
    auto full = static_cast<int>(bar_width * std::min<std::int64_t>(ended, spec_.max_trial_num()) /
                                 spec_.max_trial_num());
    for (int i = 0; i < bar_width; ++i)
      bar += i < full ? "█" : "░";
    bar += " " + std::to_string(ended) + "/" + std::to_string(spec_.max_trial_num());
  } else {
    bar = std::to_string(ended) + " trials";
  }
  std::string word = phase_ == pb::PHASE_UNSPECIFIED ? "" : pb::Phase_Name(phase_).substr(6);
  auto left = time_left(now_ms);
  lines.push_back(bar + "  " + word + (left.empty() ? "" : "  " + left) +
                  (reason_.empty() ? "" : "  (" + reason_ + ")"));
  lines.push_back(
      "running " + std::to_string(counts_.running()) + "  pending " +
      std::to_string(counts_.pending()) + "  succeeded " + std::to_string(counts_.succeeded()) +
      "  failed " + std::to_string(counts_.failed()) + "  early-stopped " +
      std::to_string(counts_.early_stopped()) + "  killed " + std::to_string(counts_.killed()));
  lines.push_back(best_line(bold));
  std::string out;
  for (const auto& line : lines)
    out += cut(line, width) + "\n";
  return out;
}

}  // namespace autotune::cli
