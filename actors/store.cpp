#include "actors/store.hpp"

#include "actors/log.hpp"

namespace autotune {

StoreState::StoreState(StoreActor::pointer self, std::shared_ptr<StoreWriter> writer,
                       std::function<void(bool full)> on_disk, StoreLimits limits)
    : self_(self), writer_(std::move(writer)), on_disk_(std::move(on_disk)), limits_(limits) {}

StoreActor::behavior_type StoreState::make_behavior() {
  return {
      [this](Write& write) { take_in(write); },
      [this](atom::tick) {
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
  gathered_.push_back(std::move(write.what));
  pending_.push_back({write.token, self_->current_sender()});
  schedule(failing_);
}

/// The tick stands behind all messages that have come already: they are gathered first.
void StoreState::schedule(bool retry) {
  if (scheduled_ || gathered_.empty())
    return;
  scheduled_ = true;
  if (retry)
    compat::delayed_send(self_, caf::actor_cast<StoreActor>(self_), limits_.retry_interval,
                         atom::poll_v);
  else
    compat::send(self_, caf::actor_cast<StoreActor>(self_), atom::tick_v);
}

void StoreState::commit() {
  if (gathered_.empty())
    return;
  auto count = std::min(gathered_.size(), limits_.batch_max);
  auto end = gathered_.begin() + static_cast<std::ptrdiff_t>(count);
  Result<void> written;
  if (count == gathered_.size()) {
    written = writer_->commit(gathered_);
  } else {
    std::vector<StoreWrite> batch(std::make_move_iterator(gathered_.begin()),
                                  std::make_move_iterator(end));
    written = writer_->commit(batch);
    std::move(batch.begin(), batch.end(), gathered_.begin());
  }
  if (!written) {
    if (!failing_) {
      log::warn("commit-failed", "writes={} error={}", gathered_.size(), written.error().message);
      on_disk_(true);
    }
    failing_ = true;
    schedule(true);
    return;
  }
  for (std::size_t i = 0; i < count; ++i)
    if (pending_[i].token != 0 && pending_[i].sender)
      compat::send(self_, caf::actor_cast<StoreClient>(pending_[i].sender),
                   Stored{pending_[i].token, std::nullopt});
  gathered_.erase(gathered_.begin(), end);
  pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(count));
  if (failing_) {
    failing_ = false;
    log::info("commit-works-again", "waiting={}", gathered_.size());
    on_disk_(false);
  }
  schedule(false);
}

StoreActor spawn_store(caf::actor_system& system, std::shared_ptr<StoreWriter> writer,
                       std::function<void(bool full)> on_disk, bool detached, StoreLimits limits) {
  return compat::spawn_state<StoreActor, StoreState>(system, detached, std::move(writer),
                                                     std::move(on_disk), limits);
}

}  // namespace autotune
