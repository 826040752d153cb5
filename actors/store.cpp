#include "actors/store.hpp"

#include <algorithm>

#include "actors/log.hpp"

namespace autotune {

namespace {

const std::string& experiment_of(const StoreWrite& write) {
  return std::visit([](const auto& x) -> const std::string& { return x.experiment_id; }, write);
}

caf::actor_id id_of(const caf::strong_actor_ptr& sender) {
  return sender ? sender->id() : caf::invalid_actor_id;
}

}  // namespace

StoreState::StoreState(StoreActor::pointer self, StoreContext context, StoreLimits limits)
    : self_(self), context_(std::move(context)), limits_(limits) {}

StoreActor::behavior_type StoreState::make_behavior() {
  return {
      [this](Write& write) { take_in(write); },
      [this](atom::tick) {
        if (self_->clock().now() < due_)
          return;
        scheduled_ = false;
        commit();
      },
      [this](atom::poll) {
        scheduled_ = false;
        commit();
      },
      [this](atom::shut_down) {
        bool room = true;
        while (!gathered_.empty() && room) {
          commit();
          room = !failing_;
        }
        self_->quit();
      },
  };
}

void StoreState::take_in(Write& write) {
  auto sender = self_->current_sender();
  if (refused_.count({id_of(sender), experiment_of(write.what)}) > 0) {
    if (write.token != 0)
      compat::send(self_, caf::actor_cast<StoreClient>(sender),
                   Stored{write.token, Error{ErrorCode::failed_precondition,
                                             "what was written before is missing"}});
    return;
  }
  gathered_.push_back(std::move(write.what));
  pending_.push_back({write.token, std::move(sender)});
  schedule(failing_);
  if (auto now = self_->clock().now();
      gathered_.size() == limits_.busy_batch && !failing_ && due_ > now)
    tick_at(now);
}

void StoreState::tick_at(Time due) {
  due_ = due;
  auto self = caf::actor_cast<StoreActor>(self_);
  if (auto now = self_->clock().now(); due > now)
    compat::delayed_send(self_, self, due - now, atom::tick_v);
  else
    compat::send(self_, self, atom::tick_v);
}

/// The tick stands behind all messages that have come already: they are gathered first.
void StoreState::schedule(bool retry) {
  if (scheduled_ || (gathered_.empty() && !full_))
    return;
  scheduled_ = true;
  if (retry)
    return compat::delayed_send(self_, caf::actor_cast<StoreActor>(self_), limits_.retry_interval,
                                atom::poll_v);
  auto due = self_->clock().now();
  if (last_commit_)
    due = std::max(due, *last_commit_ + (busy_ ? limits_.busy_pace : limits_.pace));
  tick_at(due);
}

void StoreState::commit() {
  if (!gathered_.empty()) {
    // On a full disk the pause that may use the reserve can stand at the end: all of it is one commit.
    auto count = full_ ? gathered_.size() : std::min(gathered_.size(), limits_.batch_max);
    if (batch_ > 0)
      count = std::min(count, batch_);
    auto written = write_first(count);
    if (!written)
      return on_failure(written.error());
    batch_ = 0;
    auto now = self_->clock().now();
    if (last_commit_) {
      std::chrono::duration<double, std::milli> since = now - *last_commit_;
      busy_ = static_cast<double>(count) > limits_.busy_rate * since.count();
    }
    last_commit_ = now;
    answer_first(count, std::nullopt);
  }
  on_success();
}

Result<void> StoreState::write_first(std::size_t count) {
  if (count == gathered_.size())
    return context_.writer->commit(gathered_);
  auto end = gathered_.begin() + static_cast<std::ptrdiff_t>(count);
  std::vector<StoreWrite> batch(std::make_move_iterator(gathered_.begin()),
                                std::make_move_iterator(end));
  auto written = context_.writer->commit(batch);
  std::move(batch.begin(), batch.end(), gathered_.begin());
  return written;
}

void StoreState::on_failure(const Error& error) {
  bool later = error.code == ErrorCode::resource_exhausted || error.code == ErrorCode::unavailable;
  if (!failing_ && later)
    log::warn("commit-failed", "writes={} error={}", gathered_.size(), error.message);
  if (later) {
    failing_ = true;
    if (error.code == ErrorCode::resource_exhausted && !full_) {
      full_ = true;
      context_.on_disk(true);
    }
    return schedule(true);
  }
  // Something in it can never be written: halves find what.
  auto tried = std::min({gathered_.size(), batch_ > 0 ? batch_ : gathered_.size(),
                         full_ ? gathered_.size() : limits_.batch_max});
  batch_ = tried / 2;
  if (tried == 1)
    refuse_first(error);
  schedule(false);
}

void StoreState::refuse_first(const Error& error) {
  log::error("write-refused", "experiment={} error={}", experiment_of(gathered_.front()),
             error.message);
  Refused who{id_of(pending_.front().sender), experiment_of(gathered_.front())};
  bool events = std::holds_alternative<AppendEvents>(gathered_.front());
  answer_first(1, error);
  if (!events)
    return;
  refused_.insert(who);
  for (std::size_t i = 0; i < gathered_.size();) {
    if (refused_.count({id_of(pending_[i].sender), experiment_of(gathered_[i])}) == 0) {
      ++i;
      continue;
    }
    std::rotate(gathered_.begin(), gathered_.begin() + static_cast<std::ptrdiff_t>(i),
                gathered_.begin() + static_cast<std::ptrdiff_t>(i) + 1);
    std::rotate(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(i),
                pending_.begin() + static_cast<std::ptrdiff_t>(i) + 1);
    answer_first(1, error);
  }
}

/// One message for each attempt whose reports are among these.
void StoreState::tell_sink(StoreWrite& durable) {
  std::vector<pb::Report>* reports = nullptr;
  if (auto* streamed = std::get_if<AddReports>(&durable))
    reports = &streamed->reports;
  else if (auto* with_events = std::get_if<AppendEvents>(&durable))
    reports = &with_events->reports;
  if (reports == nullptr)
    return;
  pb::ReportsMessage message;
  auto send_it = [&] {
    if (message.reports_size() > 0)
      compat::send(self_, context_.metrics_sink, std::move(message));
  };
  for (auto& report : *reports) {
    if (report.sequence() != message.sequence() || report.attempt() != message.attempt()) {
      send_it();
      message = {};
    }
    message.set_experiment_id(experiment_of(durable));
    message.set_sequence(report.sequence());
    message.set_attempt(report.attempt());
    *message.add_reports() = std::move(report);
  }
  send_it();
}

void StoreState::answer_first(std::size_t count, const std::optional<Error>& error) {
  for (std::size_t i = 0; i < count; ++i) {
    if (context_.metrics_sink && !error)
      tell_sink(gathered_[i]);
    if (pending_[i].token != 0 && pending_[i].sender)
      compat::send(self_, caf::actor_cast<StoreClient>(pending_[i].sender),
                   Stored{pending_[i].token, error});
  }
  gathered_.erase(gathered_.begin(), gathered_.begin() + static_cast<std::ptrdiff_t>(count));
  pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(count));
}

void StoreState::on_success() {
  if (full_) {
    // What went into the reserve is no sign of room: the disk has some when the reserve can be taken again.
    if (!context_.writer->restore_reserve()) {
      failing_ = true;
      return schedule(true);
    }
    full_ = false;
    context_.on_disk(false);
  }
  if (failing_)
    log::info("commit-works-again", "waiting={}", gathered_.size());
  failing_ = false;
  schedule(false);
}

StoreActor spawn_store(caf::actor_system& system, StoreContext context, bool detached,
                       StoreLimits limits) {
  return compat::spawn_state<StoreActor, StoreState>(system, detached, std::move(context), limits);
}

}  // namespace autotune
