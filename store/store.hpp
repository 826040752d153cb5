// The contract of durable facts: events, the tables that queries read, metrics.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "messages/event.pb.h"
#include "messages/experiment.pb.h"
#include "messages/ids.hpp"
#include "messages/node.pb.h"
#include "messages/result.hpp"
#include "messages/trial.pb.h"
#include "store/front.hpp"

namespace autotune {

/// Facts of one experiment, in order. The tables that queries read change in the same transaction.
struct AppendEvents {
  std::string experiment_id;
  std::vector<pb::Report> reports;  ///< stored before the events
  std::vector<pb::Event> events;
};

/// Reports; one that is there already (by trial, attempt, replica, line) is ignored.
struct AddReports {
  std::string experiment_id;
  std::vector<pb::Report> reports;
};

/// Secrets of an experiment, encrypted at rest.
struct PutSecrets {
  std::string experiment_id;
  std::vector<pb::SecretDocument> secrets;
};

/// An experiment and all that belongs to it goes.
struct DeleteExperiment {
  std::string experiment_id;
};

/// Time spent in RUNNING, kept between events so that a crash forgets at most a second of it.
struct TouchRunningTime {
  std::string experiment_id;
  std::int64_t running_ms = 0;
};

using StoreWrite =
    std::variant<AppendEvents, AddReports, PutSecrets, DeleteExperiment, TouchRunningTime>;

/// The one writer of a home's database. Not thread-safe: it belongs to the store actor.
///
/// A write to an experiment that is not there (it was deleted while the write was queued) changes nothing
/// and is no error; only `PutSecrets` may come before its experiment.
class StoreWriter {
 public:
  virtual ~StoreWriter() = default;

  /// Writes all in one transaction, durably (group commit is the caller's gathering of writes). All or nothing.
  /// Errors: resource_exhausted (disk full; nothing was written, try again after making room),
  /// already_exists (an experiment was submitted twice), data_loss, internal, unavailable (a database elsewhere is away, or
  /// another head has taken over; nothing counts as written). After unavailable the same writes come first in the next
  /// commit, perhaps with others behind them: it may turn out then that they were stored, and they are not stored twice.
  /// A commit that holds a `PhaseChanged` other than to RUNNING may use the reserve: so a full disk can be
  /// written down. From then on all other commits are refused until `restore_reserve` has found room.
  virtual Result<void> commit(const std::vector<StoreWrite>& writes) = 0;

  /// Gives the bytes that are kept in reserve back to the disk. No error where there is no reserve.
  virtual Result<void> release_reserve() { return {}; }
  /// Takes the reserve again. resource_exhausted: there is still no room, so ask this before going on.
  virtual Result<void> restore_reserve() { return {}; }
};

struct StoredEvent {
  std::int64_t number = 0;  ///< rises within the database
  pb::Event event;
};

/// Reads a home's database while it is written; never blocks the writer. One thread each.
class StoreReader {
 public:
  virtual ~StoreReader() = default;

  /// All experiments, oldest first. `best` follows the spec's objective: the best of the trials that keep its
  /// constraints. With several goals it is absent, see `front`.
  virtual Result<std::vector<pb::ExperimentSummary>> experiments() = 0;
  /// By ID, or by name: the newest of that name. not_found names the known ones.
  virtual Result<pb::ExperimentSummary> experiment(const std::string& id_or_name) = 0;
  /// In order of sequence.
  virtual Result<std::vector<pb::TrialSummary>> trials(const std::string& experiment_id) = 0;
  /// A part of `trials`: at most `count`, from sequence number `first` on.
  virtual Result<std::vector<pb::TrialSummary>> trials_from(const std::string& experiment_id,
                                                            Sequence first, std::size_t count);
  virtual Result<pb::TrialSummary> trial(const std::string& experiment_id, Sequence sequence) = 0;
  /// The best trials so far: all that is read of each trial is its state and its final result.
  virtual Result<Front> front(const std::string& experiment_id) = 0;
  /// Reports of the attempt that counts (the newest), in order of commit; of all trials in order of
  /// sequence where `sequence` is absent. `kind` UNSPECIFIED: both kinds.
  virtual Result<std::vector<pb::Report>> reports(const std::string& experiment_id,
                                                  std::optional<Sequence> sequence,
                                                  pb::ReportKind kind) = 0;
  /// The newest intermediate report of the trial's newest attempt, for a live table; nothing where there is none.
  virtual Result<std::optional<pb::Report>> last_report(const std::string& experiment_id,
                                                        Sequence sequence) = 0;
  /// The last line stored of a replica's reports; 0: none.
  virtual Result<std::int64_t> last_report_line(const AttemptKey& attempt,
                                                const std::string& replica) = 0;
  /// Events in order; of one trial where `sequence` is given (with those of the whole experiment left out).
  virtual Result<std::vector<StoredEvent>> events(const std::string& experiment_id,
                                                  std::optional<Sequence> sequence = {}) = 0;
  /// A part of `events`: at most `count`, of those with a number beyond `after`.
  virtual Result<std::vector<StoredEvent>> events_after(const std::string& experiment_id,
                                                        std::int64_t after, std::size_t count,
                                                        std::optional<Sequence> sequence = {});
  /// Calls `visit` with each event of the experiment, in order, on the caller's thread. None is kept: a fold over the
  /// events of 100,000 trials needs the memory of a few thousand. What `visit` throws becomes an error.
  virtual Result<void> for_each_event(const std::string& experiment_id,
                                      const std::function<void(const pb::Event&)>& visit) = 0;
  virtual Result<std::vector<pb::SecretDocument>> secrets(const std::string& experiment_id) = 0;
  /// Bytes that the experiment's rows take (an estimate that is kept up to date, for its quota).
  virtual Result<std::int64_t> stored_bytes(const std::string& experiment_id) = 0;
};

}  // namespace autotune
