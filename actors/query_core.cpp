#include "actors/query_core.hpp"

#include <algorithm>

namespace autotune {

namespace {

/// Of trials whose reports are read for one page: each is a look of its own into the database.
constexpr int trial_reads_max = 250;

template <class Answer>
Answer error_answer(const Error& error) {
  Answer answer;
  answer.set_error(error.message);
  answer.set_error_code(static_cast<int>(error.code));
  return answer;
}

/// Moves rows into a page until it is full; false where some are left.
template <class Rows, class Page>
bool fill(Rows& rows, std::size_t bytes_max, Page& page) {
  std::size_t bytes = 0;
  for (auto& row : rows) {
    if (bytes >= bytes_max)
      return false;
    bytes += row.ByteSizeLong();
    *page.Add() = std::move(row);
  }
  return true;
}

std::vector<pb::NumberedEvent> numbered(std::vector<StoredEvent> stored) {
  std::vector<pb::NumberedEvent> events;
  for (auto& one : stored) {
    auto& event = events.emplace_back();
    event.set_number(one.number);
    *event.mutable_event() = std::move(one.event);
  }
  return events;
}

Result<LogPlace> place_of(StoreReader& reader, const std::string& experiment_id, Sequence sequence,
                          std::int32_t attempt) {
  auto trial = reader.trial(experiment_id, sequence);
  if (!trial)
    return tl::unexpected(trial.error());
  return LogPlace{experiment_id, sequence, trial->id(), attempt};
}

}  // namespace

pb::QueryAnswer QueryCore::answer(StoreReader& reader, const pb::Query& query) {
  if (query.version() > query_version)
    return error_answer<pb::QueryAnswer>(
        {ErrorCode::failed_precondition,
         "the server is older than this program: update it, or use its version here"});
  auto found = find(reader, query);
  return found ? *std::move(found) : error_answer<pb::QueryAnswer>(found.error());
}

Result<pb::QueryAnswer> QueryCore::find(StoreReader& reader, const pb::Query& query) {
  pb::QueryAnswer answer;
  auto put = [&answer](auto found, auto set) -> Result<pb::QueryAnswer> {
    if (!found)
      return tl::unexpected(found.error());
    set(*std::move(found));
    return std::move(answer);
  };
  auto put_number = [&](auto found) {
    return put(std::move(found), [&](std::int64_t number) { answer.set_number(number); });
  };
  switch (query.what_case()) {
    case pb::Query::kListExperiments: return list_experiments(reader, query.list_experiments());
    case pb::Query::kFindExperiment:
      return put(reader.experiment(query.find_experiment().id_or_name()),
                 [&](auto summary) { *answer.add_experiments() = std::move(summary); });
    case pb::Query::kListTrials: return list_trials(reader, query.list_trials());
    case pb::Query::kFindTrial:
      return put(reader.trial(query.find_trial().experiment_id(), query.find_trial().sequence()),
                 [&](auto trial) { *answer.add_trials() = std::move(trial); });
    case pb::Query::kFindFront:
      return put(reader.front(query.find_front().experiment_id()), [&](const Front& front) {
        auto& to = *answer.mutable_front();
        *to.mutable_trials() = {front.trials.begin(), front.trials.end()};
        if (front.nearest)
          to.set_nearest(*front.nearest);
      });
    case pb::Query::kListReports: return list_reports(reader, query.list_reports());
    case pb::Query::kFindLastReport:
      return put(reader.last_report(query.find_last_report().experiment_id(),
                                    query.find_last_report().sequence()),
                 [&](auto report) {
                   if (report)
                     *answer.add_reports() = *std::move(report);
                 });
    case pb::Query::kFindLastLine: {
      const auto& of = query.find_last_line().attempt();
      return put_number(reader.last_report_line({of.experiment_id(), of.sequence(), of.attempt()},
                                                query.find_last_line().replica()));
    }
    case pb::Query::kListEvents: return list_events(reader, query.list_events());
    case pb::Query::kFindStoredBytes:
      return put_number(reader.stored_bytes(query.find_stored_bytes().id_or_name()));
    case pb::Query::kListLogs: return list_logs(reader, query.list_logs());
    case pb::Query::kReadLog: return read_log(reader, query.read_log());
    case pb::Query::WHAT_NOT_SET: break;
  }
  return fail(ErrorCode::invalid_argument,
              "the server does not know this question: it is older than this program, or the "
              "question is empty");
}

Result<pb::QueryAnswer> QueryCore::list_experiments(StoreReader& reader,
                                                    const pb::ListExperiments& asked) {
  auto all = reader.experiments();
  if (!all)
    return tl::unexpected(all.error());
  auto last = std::find_if(all->begin(), all->end(),
                           [&](const auto& one) { return one.id() == asked.after(); });
  if (last != all->end())
    all->erase(all->begin(), last + 1);
  pb::QueryAnswer page;
  page.set_more(!fill(*all, limits_.page_bytes, *page.mutable_experiments()));
  return page;
}

Result<pb::QueryAnswer> QueryCore::list_trials(StoreReader& reader, const pb::ListTrials& asked) {
  auto rows = reader.trials_from(asked.experiment_id(), asked.first(), limits_.page_rows);
  if (!rows)
    return tl::unexpected(rows.error());
  pb::QueryAnswer page;
  bool last = rows->size() < limits_.page_rows;
  page.set_more(!fill(*rows, limits_.page_bytes, *page.mutable_trials()) || !last);
  return page;
}

Result<pb::QueryAnswer> QueryCore::list_events(StoreReader& reader, const pb::ListEvents& asked) {
  auto sequence = asked.has_sequence() ? std::optional<Sequence>(asked.sequence()) : std::nullopt;
  auto stored =
      reader.events_after(asked.experiment_id(), asked.after(), limits_.page_rows, sequence);
  if (!stored)
    return tl::unexpected(stored.error());
  bool last = stored->size() < limits_.page_rows;
  auto rows = numbered(*std::move(stored));
  pb::QueryAnswer page;
  page.set_more(!fill(rows, limits_.page_bytes, *page.mutable_events()) || !last);
  return page;
}

/// Trial after trial, so that a page of the reports of 100,000 trials costs what its own trials cost.
Result<pb::QueryAnswer> QueryCore::list_reports(StoreReader& reader, const pb::ListReports& asked) {
  pb::QueryAnswer page;
  std::size_t bytes = 0;
  pb::ReportsPlace from = asked.from();
  if (asked.has_sequence()) {
    if (from.sequence() != asked.sequence()) {
      from.Clear();
      from.set_sequence(asked.sequence());
    }
    if (auto added = add_reports(reader, asked, from, page, bytes); !added)
      return tl::unexpected(added.error());
    return page;
  }
  auto trials = reader.trials_from(asked.experiment_id(), from.sequence(), limits_.page_rows);
  if (!trials)
    return tl::unexpected(trials.error());
  int reads = 0;
  for (const auto& trial : *trials) {
    bool has_none = trial.intermediate_count() == 0 && from.skip() == 0;
    if (has_none && asked.kind() == pb::REPORT_KIND_INTERMEDIATE)
      continue;
    if (bytes >= limits_.page_bytes || ++reads > trial_reads_max) {
      page.set_more(true);
      page.mutable_next_reports()->set_sequence(trial.sequence());
      return page;
    }
    if (trial.sequence() != from.sequence()) {
      from.Clear();
      from.set_sequence(trial.sequence());
    }
    if (auto added = add_reports(reader, asked, from, page, bytes); !added)
      return tl::unexpected(added.error());
    if (page.more())
      return page;
  }
  if (trials->size() == limits_.page_rows) {
    page.set_more(true);
    page.mutable_next_reports()->set_sequence(trials->back().sequence() + 1);
  }
  return page;
}

/// Adds those of one trial until the page is full.
Result<void> QueryCore::add_reports(StoreReader& reader, const pb::ListReports& asked,
                                    const pb::ReportsPlace& from, pb::QueryAnswer& page,
                                    std::size_t& bytes) {
  bool known = long_trial_ && from.skip() > 0 && !long_trial_->reports.empty() &&
               long_trial_->experiment_id == asked.experiment_id() &&
               long_trial_->sequence == from.sequence() && long_trial_->kind == asked.kind() &&
               long_trial_->reports.front().attempt() == from.attempt();
  if (!known) {
    auto read = reader.reports(asked.experiment_id(), from.sequence(), asked.kind());
    if (!read)
      return tl::unexpected(read.error());
    long_trial_ = LongTrial{asked.experiment_id(), from.sequence(), asked.kind(), *std::move(read)};
  }
  auto& reports = long_trial_->reports;
  auto attempt = reports.empty() ? 0 : reports.front().attempt();
  auto next = static_cast<std::size_t>(std::max<std::int64_t>(0, from.skip()));
  if (next > 0 && (from.attempt() != attempt || next > reports.size())) {
    page.set_reports_anew(true);
    next = 0;
  }
  for (; next < reports.size() && bytes < limits_.page_bytes; ++next) {
    bytes += reports[next].ByteSizeLong();
    *page.add_reports() = reports[next];
  }
  if (next == reports.size()) {
    long_trial_.reset();
    return {};
  }
  page.set_more(true);
  page.mutable_next_reports()->set_sequence(from.sequence());
  page.mutable_next_reports()->set_attempt(attempt);
  page.mutable_next_reports()->set_skip(static_cast<std::int64_t>(next));
  return {};
}

Result<pb::QueryAnswer> QueryCore::list_logs(StoreReader& reader, const pb::ListLogs& asked) {
  auto place = place_of(reader, asked.experiment_id(), asked.sequence(), asked.attempt());
  if (!place)
    return tl::unexpected(place.error());
  if (!logs_.list)
    return fail(ErrorCode::not_found, "this server does not show what trials wrote");
  pb::QueryAnswer answer;
  auto folder = logs_.list(*place);
  if (!folder)
    return tl::unexpected(folder.error());
  *answer.mutable_log_folder() = *std::move(folder);
  return answer;
}

/// Only names that `list` gave become part of a path.
Result<pb::QueryAnswer> QueryCore::read_log(StoreReader& reader, const pb::ReadLog& asked) {
  auto place = place_of(reader, asked.experiment_id(), asked.sequence(), asked.attempt());
  if (!place)
    return tl::unexpected(place.error());
  auto folder = logs_.list ? logs_.list(*place) : Result<pb::LogFolder>(pb::LogFolder());
  if (!folder)
    return tl::unexpected(folder.error());
  const auto& replicas = folder->replicas();
  if (std::find(replicas.begin(), replicas.end(), asked.replica()) == replicas.end())
    return fail(ErrorCode::not_found, "trial " + asked.experiment_id() + "/" +
                                          std::to_string(asked.sequence()) + " attempt " +
                                          std::to_string(asked.attempt()) + " has no replica '" +
                                          asked.replica() + "' here");
  if (asked.stream() != "stdout" && asked.stream() != "stderr")
    return fail(ErrorCode::invalid_argument,
                "there is no stream '" + asked.stream() + "'; known are: stdout, stderr");
  auto page =
      logs_.read(*place, asked.replica(), asked.stream(), asked.offset(), limits_.log_bytes);
  if (!page)
    return tl::unexpected(page.error());
  pb::QueryAnswer answer;
  answer.set_more(page->offset() + static_cast<std::int64_t>(page->data().size()) < page->size());
  *answer.mutable_log() = *std::move(page);
  return answer;
}

Result<std::string> WatchCore::experiment_of(StoreReader& reader, const pb::Watch& watch) {
  auto summary = reader.experiment(watch.experiment_id());
  if (!summary)
    return tl::unexpected(summary.error());
  return summary->id();
}

WatchCore::Answers WatchCore::on_watch(Time now, std::uint64_t who, const pb::Watch& watch,
                                       StoreReader& reader) {
  Waiting waiting{watch.experiment_id(), watch.after(), now + limits_.hold};
  auto found = batch(waiting, reader);
  if (!found.error().empty() || found.events_size() > 0)
    return {{who, std::move(found)}};
  if (waiting_.size() >= limits_.watchers_max)
    return {{who, error_answer<pb::EventBatch>(
                      {ErrorCode::resource_exhausted,
                       std::to_string(waiting_.size()) +
                           " watchers wait at this server already; try again later"})}};
  waiting_[who] = std::move(waiting);
  return {};
}

WatchCore::Answers WatchCore::on_events(const std::string& experiment_id, StoreReader& reader) {
  Answers answers;
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    auto found =
        it->second.experiment_id == experiment_id ? batch(it->second, reader) : pb::EventBatch();
    if (found.error().empty() && found.events_size() == 0) {
      ++it;
      continue;
    }
    answers.emplace_back(it->first, std::move(found));
    it = waiting_.erase(it);
  }
  return answers;
}

WatchCore::Answers WatchCore::on_tick(Time now, StoreReader& reader) {
  Answers answers;
  for (auto it = waiting_.begin(); it != waiting_.end();) {
    auto found = batch(it->second, reader);
    bool over = now >= it->second.until;
    if (found.error().empty() && found.events_size() == 0 && !over) {
      ++it;
      continue;
    }
    answers.emplace_back(it->first, std::move(found));
    it = waiting_.erase(it);
  }
  return answers;
}

bool WatchCore::waits_for(const std::string& experiment_id) const {
  return std::any_of(waiting_.begin(), waiting_.end(),
                     [&](const auto& one) { return one.second.experiment_id == experiment_id; });
}

pb::EventBatch WatchCore::batch(const Waiting& waiting, StoreReader& reader) const {
  auto stored = reader.events_after(waiting.experiment_id, waiting.after, pages_.page_rows);
  if (!stored)
    return error_answer<pb::EventBatch>(stored.error());
  auto rows = numbered(*std::move(stored));
  pb::EventBatch batch;
  batch.set_experiment_id(waiting.experiment_id);
  fill(rows, pages_.page_bytes, *batch.mutable_events());
  return batch;
}

}  // namespace autotune
