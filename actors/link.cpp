#include "actors/link.hpp"

namespace autotune {

void Link::open(std::uint64_t session) {
  session_ = session;
  next_ = 1;
  received_ = 0;
  sent_.clear();
}

pb::NodeFrame Link::send(Time now, pb::NodeFrame item) {
  item.set_session(session_);
  item.set_number(next_++);
  item.set_received(received_);
  sent_.push_back({item, now});
  return item;
}

bool Link::take_in(const pb::NodeFrame& frame) {
  if (session_ == 0 || frame.session() != session_ || frame.number() != received_ + 1)
    return false;
  received_ = frame.number();
  return true;
}

void Link::acknowledge(std::uint64_t received) {
  while (!sent_.empty() && sent_.front().frame.number() <= received)
    sent_.pop_front();
}

std::vector<pb::NodeFrame> Link::overdue(Time now, std::chrono::milliseconds age) {
  std::vector<pb::NodeFrame> again;
  if (sent_.empty() || sent_.front().at + age > now)
    return again;
  for (auto& one : sent_) {  // those after a gap were dropped
    one.at = now;
    one.frame.set_received(received_);
    again.push_back(one.frame);
  }
  return again;
}

}  // namespace autotune
