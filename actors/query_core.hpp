// What control answers out of the store: pages of a bounded size, and events to whoever watches. No CAF, no clock.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "launchers/launcher.hpp"
#include "messages/control.pb.h"
#include "messages/result.hpp"
#include "store/store.hpp"

namespace autotune {

/// Of messages/control.proto. A newer client is refused with a word, an older one is answered.
constexpr std::uint32_t query_version = 1;

struct QueryLimits {
  /// A page is full with the row that reaches this: small beside what one connection buffers, large beside a header.
  std::size_t page_bytes = std::size_t{1} << 20;
  /// And no more rows than this are read for it: a page takes the head some milliseconds.
  std::size_t page_rows = 2000;
  /// Of a file of logs.
  std::size_t log_bytes = std::size_t{256} << 10;
};

/// Where an attempt's files are looked for.
struct LogPlace {
  std::string experiment_id;
  Sequence sequence = 0;
  std::string trial_id;
  std::int32_t attempt = 0;
};

/// What trials wrote, as far as it lies on this machine. Empty functions: nothing does.
struct TrialLogs {
  std::function<Result<pb::LogFolder>(const LogPlace& place)> list;
  /// `replica` is one that `list` gave, `stream` stdout or stderr; at most `bytes_max` from `offset` on.
  std::function<Result<pb::LogPage>(const LogPlace& place, const std::string& replica,
                                    const std::string& stream, std::int64_t offset,
                                    std::size_t bytes_max)>
      read;
};

/// Answers queries. Not thread-safe.
class QueryCore {
 public:
  explicit QueryCore(TrialLogs logs, QueryLimits limits = {})
      : logs_(std::move(logs)), limits_(limits) {}

  /// What is wrong stands in the answer: invalid_argument (no question, a replica or stream that there is not),
  /// failed_precondition (a newer client), else as the reader says.
  pb::QueryAnswer answer(StoreReader& reader, const pb::Query& query);

 private:
  /// The reports of a trial of which one page does not hold all.
  struct LongTrial {
    std::string experiment_id;
    Sequence sequence = 0;
    pb::ReportKind kind = pb::REPORT_KIND_UNSPECIFIED;
    std::vector<pb::Report> reports;
  };

  Result<pb::QueryAnswer> find(StoreReader& reader, const pb::Query& query);
  Result<pb::QueryAnswer> list_experiments(StoreReader& reader, const pb::ListExperiments& asked);
  Result<pb::QueryAnswer> list_trials(StoreReader& reader, const pb::ListTrials& asked);
  Result<pb::QueryAnswer> list_events(StoreReader& reader, const pb::ListEvents& asked);
  Result<pb::QueryAnswer> list_reports(StoreReader& reader, const pb::ListReports& asked);
  Result<void> add_reports(StoreReader& reader, const pb::ListReports& asked,
                           const pb::ReportsPlace& from, pb::QueryAnswer& page, std::size_t& bytes);
  Result<pb::QueryAnswer> list_logs(StoreReader& reader, const pb::ListLogs& asked);
  Result<pb::QueryAnswer> read_log(StoreReader& reader, const pb::ReadLog& asked);

  TrialLogs logs_;
  QueryLimits limits_;
  std::optional<LongTrial> long_trial_;
};

struct WatchLimits {
  /// A Watch without news is answered by nothing after so long, so that a head or a watcher that died is noticed.
  std::chrono::milliseconds hold{10'000};
  /// How often it is seen whether a watched experiment is still there.
  std::chrono::milliseconds look{1'000};
  /// Of those that wait at a time: each costs a few hundred bytes, and a read when something happens.
  std::size_t watchers_max = 10'000;
};

/// Who waits for which events. Not thread-safe.
class WatchCore {
 public:
  /// To the one that has asked under this number.
  using Answers = std::vector<std::pair<std::uint64_t, pb::EventBatch>>;

  explicit WatchCore(WatchLimits limits = {}, QueryLimits pages = {})
      : limits_(limits), pages_(pages) {}

  /// The ID of the experiment that is asked about. not_found otherwise.
  static Result<std::string> experiment_of(StoreReader& reader, const pb::Watch& watch);
  /// Somebody asks, of an experiment by its ID.
  Answers on_watch(Time now, std::uint64_t who, const pb::Watch& watch, StoreReader& reader);
  /// An experiment has new events.
  Answers on_events(const std::string& experiment_id, StoreReader& reader);
  Answers on_tick(Time now, StoreReader& reader);
  /// The one that has asked under this number does not wait any more.
  void on_gone(std::uint64_t who) { waiting_.erase(who); }

  bool waits() const { return !waiting_.empty(); }
  bool waits_for(const std::string& experiment_id) const;
  std::chrono::milliseconds look() const { return limits_.look; }

 private:
  struct Waiting {
    std::string experiment_id;
    std::int64_t after = 0;
    Time until;
  };

  /// Events beyond what it knows, or an error; no events: there are none yet.
  pb::EventBatch batch(const Waiting& waiting, StoreReader& reader) const;

  WatchLimits limits_;
  QueryLimits pages_;
  std::map<std::uint64_t, Waiting> waiting_;
};

}  // namespace autotune
