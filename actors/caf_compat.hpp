// The one place that knows which CAF this is: 0.18.7 (our baseline) or 1.x.
#pragma once

#include <chrono>
#include <string>
#include <utility>

#include <caf/all.hpp>
#if __has_include(<caf/anon_mail.hpp>)
#include <caf/anon_mail.hpp>
#include <caf/version.hpp>
#define AUTOTUNE_CAF_1 1
#endif

namespace autotune::compat {

/// "0.18.7". The macro CAF_VERSION is broken in some releases of 1.x.
inline std::string caf_version() {
#ifdef AUTOTUNE_CAF_1
  return std::string(caf::version::str());
#else
  return std::to_string(CAF_MAJOR_VERSION) + "." + std::to_string(CAF_MINOR_VERSION) + "." +
         std::to_string(CAF_PATCH_VERSION);
#endif
}

/// Sends without waiting for an answer.
template <class Self, class Handle, class... Ts>
void send(Self* self, const Handle& to, Ts&&... xs) {
#ifdef AUTOTUNE_CAF_1
  self->mail(std::forward<Ts>(xs)...).send(to);
#else
  self->send(to, std::forward<Ts>(xs)...);
#endif
}

/// Sends after a delay on the system's clock (the virtual one in tests).
template <class Self, class Handle, class... Ts>
void delayed_send(Self* self, const Handle& to, std::chrono::nanoseconds delay, Ts&&... xs) {
#ifdef AUTOTUNE_CAF_1
  self->mail(std::forward<Ts>(xs)...).delay(delay).send(to);
#else
  self->delayed_send(to, delay, std::forward<Ts>(xs)...);
#endif
}

/// Sends from outside of any actor, for instance from an I/O thread.
template <class Handle, class... Ts>
void anon_send(const Handle& to, Ts&&... xs) {
#ifdef AUTOTUNE_CAF_1
  caf::anon_mail(std::forward<Ts>(xs)...).send(to);
#else
  caf::anon_send(to, std::forward<Ts>(xs)...);
#endif
}

/// Asks and returns the pending response, for `.then(...)` or `.receive(...)`.
template <class Self, class Handle, class... Ts>
auto request(Self* self, const Handle& to, std::chrono::milliseconds timeout, Ts&&... xs) {
#ifdef AUTOTUNE_CAF_1
  return self->mail(std::forward<Ts>(xs)...).request(to, timeout);
#else
  return self->request(to, timeout, std::forward<Ts>(xs)...);
#endif
}

/// Hands the request that is being handled on to another actor, which answers whoever asked.
template <class Self, class Handle, class... Ts>
auto delegate(Self* self, const Handle& to, Ts&&... xs) {
#ifdef AUTOTUNE_CAF_1
  return self->mail(std::forward<Ts>(xs)...).delegate(to);
#else
  return self->delegate(to, std::forward<Ts>(xs)...);
#endif
}

/// Calls `callback(address)` when `whom` has ended. In 0.18 an actor has one such callback for all it monitors.
template <class Self, class Handle, class Callback>
void monitor(Self* self, const Handle& whom, Callback callback) {
#ifdef AUTOTUNE_CAF_1
  self->monitor(whom,
                [callback, address = whom.address()](const caf::error&) { callback(address); });
#else
  self->set_down_handler([callback](const caf::down_msg& down) { callback(down.source); });
  self->monitor(whom);
#endif
}

/// Spawns an actor whose behaviour and data are a State: constructed with the actor's pointer and `xs`,
/// its make_behavior() gives the handlers.
template <class Handle, class State, class... Ts>
Handle spawn_state(caf::actor_system& system, bool detached, Ts... xs) {
  using Base = typename Handle::base;
  using Impl = caf::stateful_actor<State, Base>;
  if (detached)
    return system.spawn<Impl, caf::detached>(std::move(xs)...);
  return system.spawn<Impl>(std::move(xs)...);
}

}  // namespace autotune::compat
