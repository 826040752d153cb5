#include "store/head_lease.hpp"

#include <algorithm>
#include <ctime>

#include "store/fault.hpp"
#include "store/postgresql.hpp"
#include "store/postgresql_schema.hpp"

namespace autotune {
namespace {

std::int64_t boottime_ms() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1000000;
}

/// When a lease that begins now ends, by the database's clock.
std::string end_of(std::chrono::milliseconds span) {
  return "clock_timestamp() + " + std::to_string(span.count()) + " * interval '1 millisecond'";
}

}  // namespace

struct HeadLease::Connection {
  std::string uri;
  PostgresqlSession session;
};

HeadLease::HeadLease(std::string uri, std::string holder, HeadLeaseLimits limits)
    : limits_(limits), holder_(std::move(holder)) {
  PostgresqlLimits waits;
  waits.lock = limits_.span / 2;
  waits.silence = limits_.span / 2;
  connection_.reset(
      new Connection{uri, PostgresqlSession(uri, PostgresqlSession::Role::writer, true, waits)});
}

HeadLease::~HeadLease() {
  {
    std::lock_guard guard(mutex_);
    ends_ = true;
  }
  wake_.notify_all();
  if (!thread_.joinable())
    return;
  thread_.join();
  give_back();
}

const HeadSeen& HeadLease::seen() const { return seen_; }
std::uint64_t HeadLease::epoch() const { return seen_.epoch; }
bool HeadLease::held() const { return !lost_ && boottime_ms() < held_until_ms_; }
std::chrono::milliseconds HeadLease::unheld_for() const {
  return std::chrono::milliseconds(std::max<std::int64_t>(0, boottime_ms() - held_until_ms_));
}
bool HeadLease::lost() const { return lost_; }

Result<bool> HeadLease::try_take() {
  if (auto fine = check_postgresql_uri(connection_->uri); !fine)
    return tl::unexpected(fine.error());
  auto& session = connection_->session;
  try {
    if (auto made = make_postgresql_tables(session, connection_->uri); !made)
      return tl::unexpected(made.error());
    const auto asked_ms = boottime_ms();
    session.begin();
    auto taken = session.prepare(
        "UPDATE head SET epoch = epoch + 1, holder = $1, last_commit = 0, until = " +
        end_of(limits_.span) + " WHERE until <= clock_timestamp()");
    taken->set_text(1, holder_);
    const bool ours = taken->run_counted() > 0;
    auto now = session.execute(
        "SELECT epoch, holder, (CASE WHEN isfinite(until) THEN EXTRACT(EPOCH FROM until) * 1000 "
        "ELSE 0 END)::bigint FROM head");
    seen_ = {now[0][0].as<std::uint64_t>(), now[0][1].c_str(), now[0][2].as<std::int64_t>()};
    session.commit();
    if (!ours)
      return false;
    held_until_ms_ = asked_ms + limits_.span.count();
    thread_ = std::thread([this] { renew(); });
    return true;
  } catch (const std::exception& e) {
    session.disconnect();
    return tl::unexpected(postgresql_error(e, "take the lease of " + connection_->uri));
  }
}

void HeadLease::renew() {
  auto& session = connection_->session;
  std::unique_lock guard(mutex_);
  while (!wake_.wait_for(guard, limits_.renew_every, [this] { return ends_; }) && !lost_) {
    guard.unlock();
    try {
      const auto asked_ms = boottime_ms();
      session.begin();
      auto renewed = session.execute("UPDATE head SET until = " + end_of(limits_.span) +
                                     " WHERE epoch = " + std::to_string(seen_.epoch));
      session.commit();
      if (renewed.affected_rows() == 0)
        lost_ = true;
      else
        held_until_ms_ = asked_ms + limits_.span.count();
    } catch (const std::exception&) {
      session.disconnect();  // held() ends by itself; the next attempt may work
    }
    guard.lock();
  }
}

/// So that whoever stands by need not wait.
void HeadLease::give_back() {
  held_until_ms_ = 0;
  if (lost_)
    return;
  try {
    auto& session = connection_->session;
    session.begin();
    session.execute("UPDATE head SET until = clock_timestamp() WHERE epoch = " +
                    std::to_string(seen_.epoch));
    session.commit();
  } catch (const std::exception&) {
    // It ends by itself.
  }
}

}  // namespace autotune
