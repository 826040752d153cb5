#include "one_thread.hpp"

#include <algorithm>
#include <deque>
#include <map>

#ifdef AUTOTUNE_CAF_1
#include <caf/detail/actor_system_access.hpp>
#include <caf/scheduler.hpp>
#else
#include <caf/scheduler/test_coordinator.hpp>
#endif

namespace autotune::test {

#ifdef AUTOTUNE_CAF_1

// CAF 1.x keeps its own scheduler for tests to itself, but takes another one at its construction.
namespace {

class Clock final : public caf::actor_clock {
 public:
  explicit Clock(Time now) : now_(now) {}

  time_point now() const noexcept override { return now_; }

  caf::disposable schedule(time_point due, caf::action action) override {
    timers.emplace(due, action);
    return std::move(action).as_disposable();
  }

  void advance_time(duration_type time) {
    now_ += time;
    while (!timers.empty() && timers.begin()->first <= now_) {
      auto action = timers.extract(timers.begin()).mapped();
      if (!action.disposed())
        action.run();
    }
  }

  std::multimap<time_point, caf::action> timers;

 private:
  Time now_;
};

class Scheduler final : public caf::scheduler {
 public:
  void schedule(caf::resumable* job) override { jobs.push_back(job); }
  void delay(caf::resumable* job) override { jobs.push_back(job); }
  void start() override {}
  void stop() override { run(); }

  void run_once() {
    auto* job = jobs.front();
    jobs.pop_front();
    auto result = job->resume(this, 1);
    if (result == caf::resumable::resume_later)
      jobs.push_front(job);
    else if (result != caf::resumable::shutdown_execution_unit)
      intrusive_ptr_release(job);
  }

  void run() {
    while (!jobs.empty())
      run_once();
  }

  std::deque<caf::resumable*> jobs;
};

class System final : public caf::actor_system {
 public:
  System(caf::actor_system_config& config, Time now) : caf::actor_system(config, &set_up, &now) {}

 private:
  static void set_up(caf::actor_system& system, caf::actor_system_config&, void* now) {
    caf::detail::actor_system_access access(system);
    access.clock(std::make_unique<Clock>(*static_cast<Time*>(now)));
    access.scheduler(std::make_unique<Scheduler>());
  }
};

}  // namespace

struct OneThread::Impl {
  Impl(caf::actor_system_config& config, Time now) : system(config, now) {}
  Scheduler& scheduler() { return static_cast<Scheduler&>(system.scheduler()); }
  Clock& clock() { return static_cast<Clock&>(system.clock()); }
  auto& timers() { return clock().timers; }

  System system;
};

#else

struct OneThread::Impl {
  Impl(caf::actor_system_config& config, Time now)
      : system(config.set("caf.scheduler.policy", "testing")) {
    clock().current_time = now;
  }
  caf::scheduler::test_coordinator& scheduler() {
    return static_cast<caf::scheduler::test_coordinator&>(system.scheduler());
  }
  caf::detail::test_actor_clock& clock() { return scheduler().clock(); }
  auto& timers() { return clock().schedule; }

  caf::actor_system system;
};

#endif

OneThread::OneThread(caf::actor_system_config& config, Time now)
    : impl_(std::make_unique<Impl>(config, now)) {
  impl_->system.await_actors_before_shutdown(false);
}

OneThread::~OneThread() = default;

caf::actor_system& OneThread::system() { return impl_->system; }

std::size_t OneThread::jobs() const { return impl_->scheduler().jobs.size(); }

void OneThread::run_once(std::size_t which) {
  auto& jobs = impl_->scheduler().jobs;
  auto picked = jobs.begin() + static_cast<std::ptrdiff_t>(which);
  std::rotate(jobs.begin(), picked, picked + 1);
  impl_->scheduler().run_once();
}

void OneThread::run() { impl_->scheduler().run(); }

std::optional<Time> OneThread::next_timer() const {
  const auto& timers = impl_->timers();
  return timers.empty() ? std::nullopt : std::optional<Time>(timers.begin()->first);
}

void OneThread::advance(Time::duration time) { impl_->clock().advance_time(time); }

void OneThread::drop_timers() { impl_->timers().clear(); }

}  // namespace autotune::test
