#include "actors/metrics_sink.hpp"

namespace autotune {

MetricsSinkState::MetricsSinkState(MetricsSinkActor::pointer self, StoreActor store)
    : self_(self), store_(std::move(store)) {}

MetricsSinkActor::behavior_type MetricsSinkState::make_behavior() {
  return {
      [this](const Subscribe& wish) {
        if (wish.subscriber)
          subscribers_[wish.experiment_id] = wish.subscriber;
        else
          subscribers_.erase(wish.experiment_id);
      },
      [this](pb::ReportsMessage& message) {
        auto token = next_token_++;
        AddReports write{message.experiment_id(),
                         {message.reports().begin(), message.reports().end()}};
        UnderWay entry{self_->current_sender(), {}, write.reports.size()};
        if (subscribers_.count(message.experiment_id()) > 0)
          entry.message = std::move(message);
        under_way_.emplace(token, std::move(entry));
        compat::send(self_, store_, Write{token, std::move(write)});
      },
      [this](const Stored& stored) {
        auto found = under_way_.find(stored.token);
        if (found == under_way_.end())
          return;
        auto entry = std::move(found->second);
        under_way_.erase(found);
        compat::send(self_, caf::actor_cast<TrialSupervisorActor>(entry.supervisor),
                     ReportsStored{entry.count});
        auto subscriber = subscribers_.find(entry.message.experiment_id());
        if (subscriber != subscribers_.end())
          compat::send(self_, caf::actor_cast<ExperimentActor>(subscriber->second),
                       std::move(entry.message));
      },
  };
}

}  // namespace autotune
