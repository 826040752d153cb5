#include "cli/remote_reader.hpp"

#include <algorithm>
#include <exception>
#include <set>

namespace autotune::cli {

namespace {

class RemoteReader final : public StoreReader {
 public:
  explicit RemoteReader(AskHead ask) : ask_(std::move(ask)) {}

  Result<std::vector<pb::ExperimentSummary>> experiments() override {
    std::vector<pb::ExperimentSummary> all;
    std::set<std::string> known;
    pb::Query query;
    auto& list = *query.mutable_list_experiments();
    auto read = pages(query, [&](pb::QueryAnswer& page) {
      for (auto& one : *page.mutable_experiments()) {
        list.set_after(one.id());
        if (known.insert(one.id()).second)  // they come again where the last one was deleted
          all.push_back(std::move(one));
      }
      return page.experiments_size() > 0;
    });
    return read ? Result<std::vector<pb::ExperimentSummary>>(std::move(all))
                : tl::unexpected(read.error());
  }

  Result<pb::ExperimentSummary> experiment(const std::string& id_or_name) override {
    pb::Query query;
    query.mutable_find_experiment()->set_id_or_name(id_or_name);
    auto answer = ask(query);
    if (!answer)
      return tl::unexpected(answer.error());
    if (answer->experiments_size() != 1)
      return fail(ErrorCode::internal, "the server answered without the experiment");
    return std::move(*answer->mutable_experiments(0));
  }

  Result<std::vector<pb::TrialSummary>> trials(const std::string& experiment_id) override {
    return trials_from(experiment_id, 0, all_rows);
  }

  Result<std::vector<pb::TrialSummary>> trials_from(const std::string& experiment_id,
                                                    Sequence first, std::size_t count) override {
    std::vector<pb::TrialSummary> all;
    pb::Query query;
    auto& list = *query.mutable_list_trials();
    list.set_experiment_id(experiment_id);
    list.set_first(first);
    auto read = pages(query, [&](pb::QueryAnswer& page) {
      for (auto& one : *page.mutable_trials()) {
        list.set_first(one.sequence() + 1);
        all.push_back(std::move(one));
      }
      return page.trials_size() > 0 && all.size() < count;
    });
    if (!read)
      return tl::unexpected(read.error());
    all.resize(std::min(all.size(), count));
    return all;
  }

  Result<pb::TrialSummary> trial(const std::string& experiment_id, Sequence sequence) override {
    pb::Query query;
    query.mutable_find_trial()->set_experiment_id(experiment_id);
    query.mutable_find_trial()->set_sequence(sequence);
    auto answer = ask(query);
    if (!answer)
      return tl::unexpected(answer.error());
    if (answer->trials_size() != 1)
      return fail(ErrorCode::internal, "the server answered without the trial");
    return std::move(*answer->mutable_trials(0));
  }

  Result<Front> front(const std::string& experiment_id) override {
    pb::Query query;
    query.mutable_find_front()->set_experiment_id(experiment_id);
    auto answer = ask(query);
    if (!answer)
      return tl::unexpected(answer.error());
    Front front;
    front.trials.assign(answer->front().trials().begin(), answer->front().trials().end());
    if (answer->front().has_nearest())
      front.nearest = answer->front().nearest();
    return front;
  }

  Result<std::vector<pb::Report>> reports(const std::string& experiment_id,
                                          std::optional<Sequence> sequence,
                                          pb::ReportKind kind) override {
    std::vector<pb::Report> all;
    pb::Query query;
    auto& list = *query.mutable_list_reports();
    list.set_experiment_id(experiment_id);
    list.set_kind(kind);
    if (sequence)
      list.set_sequence(*sequence);
    auto read = pages(query, [&](pb::QueryAnswer& page) {
      while (page.reports_anew() && !all.empty() && all.back().sequence() == list.from().sequence())
        all.pop_back();
      for (auto& one : *page.mutable_reports())
        all.push_back(std::move(one));
      *list.mutable_from() = page.next_reports();
      return page.has_next_reports();
    });
    return read ? Result<std::vector<pb::Report>>(std::move(all)) : tl::unexpected(read.error());
  }

  Result<std::optional<pb::Report>> last_report(const std::string& experiment_id,
                                                Sequence sequence) override {
    pb::Query query;
    query.mutable_find_last_report()->set_experiment_id(experiment_id);
    query.mutable_find_last_report()->set_sequence(sequence);
    auto answer = ask(query);
    if (!answer)
      return tl::unexpected(answer.error());
    std::optional<pb::Report> last;
    if (answer->reports_size() > 0)
      last = std::move(*answer->mutable_reports(0));
    return last;
  }

  Result<std::int64_t> last_report_line(const AttemptKey& attempt,
                                        const std::string& replica) override {
    pb::Query query;
    auto& find = *query.mutable_find_last_line();
    find.mutable_attempt()->set_experiment_id(attempt.experiment_id);
    find.mutable_attempt()->set_sequence(attempt.sequence);
    find.mutable_attempt()->set_attempt(attempt.attempt);
    find.set_replica(replica);
    return number(query);
  }

  Result<std::vector<StoredEvent>> events(const std::string& experiment_id,
                                          std::optional<Sequence> sequence) override {
    return events_after(experiment_id, 0, all_rows, sequence);
  }

  Result<std::vector<StoredEvent>> events_after(const std::string& experiment_id,
                                                std::int64_t after, std::size_t count,
                                                std::optional<Sequence> sequence) override {
    std::vector<StoredEvent> all;
    auto read = event_pages(experiment_id, after, sequence, [&](pb::NumberedEvent& one) {
      all.push_back({one.number(), std::move(*one.mutable_event())});
      return all.size() < count;
    });
    if (!read)
      return tl::unexpected(read.error());
    all.resize(std::min(all.size(), count));
    return all;
  }

  Result<void> for_each_event(const std::string& experiment_id,
                              const std::function<void(const pb::Event&)>& visit) override {
    try {
      return event_pages(experiment_id, 0, std::nullopt, [&](pb::NumberedEvent& one) {
        visit(one.event());
        return true;
      });
    } catch (const std::exception& e) {
      return fail(ErrorCode::internal, e.what());
    }
  }

  Result<std::vector<pb::SecretDocument>> secrets(const std::string& experiment_id) override {
    return fail(ErrorCode::failed_precondition,
                "the values of " + experiment_id + "'s secrets never leave its server");
  }

  Result<std::int64_t> stored_bytes(const std::string& experiment_id) override {
    pb::Query query;
    query.mutable_find_stored_bytes()->set_id_or_name(experiment_id);
    return number(query);
  }

 private:
  static constexpr auto all_rows = static_cast<std::size_t>(-1);

  Result<pb::QueryAnswer> ask(const pb::Query& query) { return ask_(query); }

  Result<std::int64_t> number(const pb::Query& query) {
    auto answer = ask(query);
    if (!answer)
      return tl::unexpected(answer.error());
    return answer->number();
  }

  /// Asks for page after page; `take` takes one, moves the query on, and says whether it wants more.
  template <class Take>
  Result<void> pages(const pb::Query& query, const Take& take) {
    while (true) {
      auto page = ask(query);
      if (!page)
        return tl::unexpected(page.error());
      if (!take(*page) || !page->more())
        return {};
    }
  }

  /// Calls `take` with each event until it has enough.
  template <class Take>
  Result<void> event_pages(const std::string& experiment_id, std::int64_t after,
                           std::optional<Sequence> sequence, const Take& take) {
    pb::Query query;
    auto& list = *query.mutable_list_events();
    list.set_experiment_id(experiment_id);
    list.set_after(after);
    if (sequence)
      list.set_sequence(*sequence);
    return pages(query, [&](pb::QueryAnswer& page) {
      bool wants_more = page.events_size() > 0;
      for (auto& one : *page.mutable_events()) {
        list.set_after(one.number());
        if (!take(one))
          return false;
      }
      return wants_more;
    });
  }

  AskHead ask_;
};

}  // namespace

std::unique_ptr<StoreReader> remote_reader(AskHead ask) {
  return std::make_unique<RemoteReader>(std::move(ask));
}

}  // namespace autotune::cli
