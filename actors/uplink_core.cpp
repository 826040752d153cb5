#include "actors/uplink_core.hpp"

#include <algorithm>

namespace autotune {

using std::chrono::milliseconds;

namespace {

template <class Message>
AttemptKey key_in(const Message& message) {
  return {message.experiment_id(), message.sequence(), message.attempt()};
}

}  // namespace

UplinkCore::UplinkCore(pb::NodeDescription node, std::uint64_t incarnation)
    : node_(std::move(node)), incarnation_(incarnation) {}

UplinkEffects UplinkCore::on_tick(Time now, std::int64_t lease_ms) {
  UplinkEffects effects;
  pb::NodeFrame frame;
  frame.set_node(node_.name());
  frame.set_incarnation(incarnation_);
  frame.set_session(link_.session());
  frame.set_received(link_.received());
  auto* beat = frame.mutable_heartbeat();
  *beat->mutable_node() = node_;
  beat->set_number(++beat_);
  beat->set_sent_at_ms(lease_ms);
  effects.emplace_back(SendToHead{std::move(frame)});
  for (auto& again : link_.overdue(now, 2 * interval_))
    effects.emplace_back(SendToHead{std::move(again)});
  return effects;
}

UplinkEffects UplinkCore::on_frame(Time now, std::int64_t lease_ms, const pb::NodeFrame& frame) {
  UplinkEffects effects;
  if (!heeds(frame)) {  // it was meant for an agent before this one, or its head has been replaced
    if (frame.incarnation() == incarnation_ && frame.has_answer())
      effects.emplace_back(RefusedThere{"it is a head of epoch " + std::to_string(frame.epoch()) +
                                        ", and one of epoch " + std::to_string(epoch_) +
                                        " has taken over since"});
    return effects;
  }
  epoch_ = frame.epoch();
  if (frame.has_answer()) {
    on_answer(lease_ms, frame, now, effects);
  } else if (link_.take_in(frame)) {
    link_.acknowledge(frame.received());
    on_item(frame, effects);
  }
  return effects;
}

void UplinkCore::on_answer(std::int64_t lease_ms, const pb::NodeFrame& frame, Time now,
                           UplinkEffects& effects) {
  const auto& answer = frame.answer();
  if (!answer.refused().empty()) {
    effects.emplace_back(RefusedThere{answer.refused()});
    return;
  }
  if (answer.sent_at_ms() <= newest_answer_ms_)
    return;  // doubled or late: its lease and its session are older than what is known
  newest_answer_ms_ = answer.sent_at_ms();
  interval_ = milliseconds(answer.interval_ms());
  lease_ = milliseconds(answer.lease_ms());
  if (frame.session() != link_.session()) {
    link_.open(frame.session());
    for (auto& [number, batch] : batches_)
      unanswered_.push_back(std::move(batch));
    batches_.clear();
    for (auto& [key, held] : held_)
      held.wanted = false;
  } else {
    link_.acknowledge(frame.received());
  }
  auto left = lease_ - milliseconds(lease_ms - answer.sent_at_ms());
  if (left.count() > 0)
    effects.emplace_back(RenewHere{left});
  for (auto& again : link_.overdue(now, 2 * interval_))
    effects.emplace_back(SendToHead{std::move(again)});
}

void UplinkCore::on_item(const pb::NodeFrame& frame, UplinkEffects& effects) {
  if (frame.has_launch()) {
    held_[key_in(frame.launch().plan())] = Held{};
    effects.emplace_back(LaunchHere{frame.launch().plan(), frame.launch().adopt()});
  } else if (frame.has_stop()) {
    effects.emplace_back(
        StopHere{key_in(frame.stop().attempt()), frame.stop().reason(), frame.stop().hurry()});
  } else if (frame.has_release()) {
    auto key = key_in(frame.release());
    held_.erase(key);
    effects.emplace_back(ReleaseHere{std::move(key)});
  } else if (frame.what_case() == pb::NodeFrame::kStored) {
    auto found = batches_.find(frame.stored());
    if (found == batches_.end())
      return;
    effects.emplace_back(StoredThere{found->second.number});
    batches_.erase(found);
  } else if (frame.what_case() == pb::NodeFrame::kForget) {
    effects.emplace_back(ForgetHere{frame.forget()});
  } else if (frame.has_named()) {
    end_unnamed(effects);
  }
}

/// What the head has given up meanwhile, or has forgotten. Its supervisor need not wait for reports to become durable;
/// that of a named one does not either, but it has been replaced, and what it does not know is read again.
void UplinkCore::end_unnamed(UplinkEffects& effects) {
  for (const auto& batch : unanswered_)
    if (auto held = held_.find(batch.key); held != held_.end() && !held->second.wanted)
      effects.emplace_back(StoredThere{batch.number});
  unanswered_.clear();
  for (auto held = held_.begin(); held != held_.end();) {
    if (held->second.wanted) {
      ++held;
    } else if (held->second.ended) {
      effects.emplace_back(ReleaseHere{held->first});
      held = held_.erase(held);
    } else {
      effects.emplace_back(StopHere{held->first, "the head runs it elsewhere by now", true});
      ++held;
    }
  }
}

void UplinkCore::say(Time now, pb::NodeFrame item, UplinkEffects& effects) {
  if (!has_session())
    return;
  item.set_node(node_.name());
  item.set_incarnation(incarnation_);
  effects.emplace_back(SendToHead{link_.send(now, std::move(item))});
}

UplinkEffects UplinkCore::on_news(Time now, const pb::AttemptNews& news) {
  UplinkEffects effects;
  pb::NodeFrame item;
  *item.mutable_news() = news;
  say(now, std::move(item), effects);
  return effects;
}

UplinkEffects UplinkCore::on_result(Time now, const pb::AttemptResult& result) {
  UplinkEffects effects;
  auto held = held_.find(key_in(result));
  if (held == held_.end())
    return effects;  // released meanwhile
  held->second.ended = true;
  if (!held->second.wanted) {
    effects.emplace_back(ReleaseHere{held->first});
    held_.erase(held);
    return effects;
  }
  pb::NodeFrame item;
  *item.mutable_result() = result;
  say(now, std::move(item), effects);
  return effects;
}

UplinkEffects UplinkCore::on_reports(Time now, const pb::ReportsMessage& message,
                                     std::uint64_t batch) {
  UplinkEffects effects;
  auto held = held_.find(key_in(message));
  bool void_by_now = held == held_.end() || !held->second.wanted;
  if (void_by_now || !has_session()) {
    effects.emplace_back(StoredThere{batch});  // nobody waits for them; their supervisor may end
    return effects;
  }
  pb::NodeFrame item;
  *item.mutable_reports() = message;
  say(now, std::move(item), effects);
  batches_[std::get<SendToHead>(effects.back()).frame.number()] = {key_in(message), batch};
  return effects;
}

}  // namespace autotune
