#include "actors/query.hpp"

#include "actors/log.hpp"

namespace autotune {

namespace {

template <class Answer>
Answer refusal(const Error& error) {
  Answer answer;
  answer.set_error(error.message);
  answer.set_error_code(static_cast<int>(error.code));
  return answer;
}

}  // namespace

void EventBell::set(QueryActor query) {
  std::lock_guard guard(mutex_);
  query_ = std::move(query);
}

void EventBell::want(const std::string& experiment_id) {
  std::lock_guard guard(mutex_);
  wanted_.insert(experiment_id);
  any_ = true;
}

void EventBell::ring(const std::string& experiment_id) {
  if (!any_)
    return;
  std::lock_guard guard(mutex_);
  if (wanted_.erase(experiment_id) == 0)
    return;
  any_ = !wanted_.empty();
  compat::anon_send(query_, EventsStored{experiment_id});
}

QueryState::QueryState(QueryActor::pointer self, QueryContext context)
    : self_(self),
      context_(std::move(context)),
      core_(context_.logs, context_.limits),
      watches_(context_.watch_limits, context_.limits) {}

QueryActor::behavior_type QueryState::make_behavior() {
  return {
      [this](const pb::Query& query) {
        auto opened = reader();
        return opened ? core_.answer(**opened, query) : refusal<pb::QueryAnswer>(opened.error());
      },
      [this](pb::Watch& asked) { return watch(asked); },
      [this](const EventsStored& told) {
        if (!watches_.waits_for(told.experiment_id))
          return;
        context_.bell->want(told.experiment_id);
        if (auto opened = reader())
          deliver(watches_.on_events(told.experiment_id, **opened));
      },
      [this](atom::tick) {
        ticks_ = false;
        if (auto opened = reader())
          deliver(watches_.on_tick(self_->clock().now(), **opened));
        schedule_tick();
      },
  };
}

Result<StoreReader*> QueryState::reader() {
  if (!reader_) {
    auto opened = context_.open_reader();
    if (!opened)
      return tl::unexpected(opened.error());
    reader_ = *std::move(opened);
  }
  return reader_.get();
}

caf::result<pb::EventBatch> QueryState::watch(pb::Watch& asked) {
  auto opened = reader();
  if (!opened)
    return refusal<pb::EventBatch>(opened.error());
  auto id = WatchCore::experiment_of(**opened, asked);
  if (!id)
    return refusal<pb::EventBatch>(id.error());
  asked.set_experiment_id(*id);
  context_.bell->want(*id);  // before the look: what comes after it then rings
  auto number = next_++;
  pending_[number] = {self_->make_response_promise<pb::EventBatch>(),
                      caf::actor_cast<caf::actor_addr>(self_->current_sender())};
  auto response = pending_[number].response;
  auto answers = watches_.on_watch(self_->clock().now(), number, asked, **opened);
  if (answers.empty())
    monitor_sender();
  deliver(std::move(answers));
  schedule_tick();
  return response;
}

void QueryState::deliver(WatchCore::Answers answers) {
  for (auto& [number, batch] : answers) {
    auto found = pending_.extract(number);
    if (!found.empty())
      found.mapped().response.deliver(std::move(batch));
  }
}

/// One monitor a watcher, not one a Watch.
void QueryState::monitor_sender() {
  auto sender = self_->current_sender();
  if (!sender || !monitored_.insert(caf::actor_cast<caf::actor_addr>(sender)).second)
    return;
  compat::monitor(self_, caf::actor_cast<caf::actor>(sender),
                  [this](const caf::actor_addr& who) { on_down(who); });
}

void QueryState::on_down(const caf::actor_addr& who) {
  monitored_.erase(who);
  for (auto it = pending_.begin(); it != pending_.end();) {
    if (it->second.watcher != who) {
      ++it;
      continue;
    }
    watches_.on_gone(it->first);
    it = pending_.erase(it);
  }
}

void QueryState::schedule_tick() {
  if (ticks_ || !watches_.waits())
    return;
  ticks_ = true;
  compat::delayed_send(self_, QueryActor(self_), watches_.look(), atom::tick_v);
}

}  // namespace autotune
