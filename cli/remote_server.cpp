#include "cli/remote_server.hpp"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>

#include <caf/all.hpp>

#include "actors/head.hpp"
#include "actors/query_core.hpp"
#include "actors/transport.hpp"
#include "cli/identity.hpp"

namespace autotune::cli {

using std::chrono::milliseconds;

namespace {

constexpr auto command_timeout =
    std::chrono::minutes(15);  // a stop waits for the graces of all trials
constexpr auto query_timeout = std::chrono::minutes(1);
constexpr milliseconds look_interval{50};  // how soon giving up is noticed

/// Where an answer arrives.
template <class Answer>
struct Letterbox {
  std::mutex mutex;
  std::condition_variable arrived;
  std::optional<Result<Answer>> answer;

  void put(Result<Answer> what) {
    std::lock_guard guard(mutex);
    if (!answer)
      answer = std::move(what);
    arrived.notify_all();
  }
};

constexpr int tries_max = 3;  // of what may be asked again when the connection was lost

/// Whether doing it twice does what doing it once does.
bool is_repeatable(const pb::ControlRequest& request) {
  return !request.has_submit() && !request.has_enqueue() &&
         !(request.has_command() && request.command().verb() == "delete");
}

template <class Answer>
Result<Answer> checked(Result<Answer> answer) {
  if (answer && !answer->error().empty())
    return fail(answer->error_code() != 0 ? static_cast<ErrorCode>(answer->error_code())
                                          : ErrorCode::internal,
                answer->error());
  return answer;
}

}  // namespace

struct RemoteServer::Impl {
  std::filesystem::path home;
  std::string address;
  HostPort place;
  caf::actor_system_config config;
  std::unique_ptr<caf::actor_system> system;
  std::mutex mutex;
  ControlService control;

  ControlService service() {
    std::lock_guard guard(mutex);
    return control;
  }

  /// Sends it from an actor of its own: a request to a head that is gone is answered by its monitor.
  template <class Answer, class Request>
  Result<Answer> ask(Request request, milliseconds timeout,
                     const std::function<bool()>& give_up = {}) {
    auto box = std::make_shared<Letterbox<Answer>>();
    auto lost = [this](const std::string& why) {
      return Error{ErrorCode::unavailable, "the server at " + address + why};
    };
    auto asker = system->spawn([box, lost, timeout, to = service(), request = std::move(request)](
                                   caf::event_based_actor* self) mutable {
      compat::monitor(self, to, [box, lost, self](const caf::actor_addr&) {
        box->put(tl::unexpected(lost(" ended or cannot be reached any more")));
        self->quit();
      });
      compat::request(self, to, timeout, std::move(request))
          .then(
              [box, self](Answer& answer) {
                box->put(std::move(answer));
                self->quit();
              },
              [box, lost, self](const caf::error& error) {
                box->put(tl::unexpected(lost(" did not answer: " + caf::to_string(error))));
                self->quit();
              });
    });
    std::unique_lock lock(box->mutex);
    while (!box->arrived.wait_for(lock, look_interval, [&] { return box->answer.has_value(); }))
      if (give_up && give_up()) {
        caf::anon_send_exit(asker, caf::exit_reason::user_shutdown);
        return Answer();
      }
    return checked(*std::move(box->answer));
  }

  /// The same, once more over a new connection where the first was lost.
  template <class Answer, class Request>
  Result<Answer> ask_again(const Request& request, milliseconds timeout) {
    auto answer = ask<Answer>(request, timeout);
    for (int tries = 1;
         tries < tries_max && !answer && answer.error().code == ErrorCode::unavailable && connect();
         ++tries)
      answer = ask<Answer>(request, timeout);
    return answer;
  }

  Result<void> connect() {
    auto found = connect_control_service(*system, place.host, place.port);
    if (!found) {
      bool refused = found.error().message.find("does not accept us") != std::string::npos;
      return fail(found.error().code,
                  found.error().message +
                      (refused ? "; get one of it by: " + login_command(address)
                               : "; is `autotune server --listen` there? (another: --server "
                                 "HOST:PORT)"));
    }
    std::lock_guard guard(mutex);
    control = *std::move(found);
    return {};
  }
};

Result<std::shared_ptr<RemoteServer>> RemoteServer::connect(const std::filesystem::path& home,
                                                            const std::string& address) {
  auto place = parse_host_port(address);
  if (!place)
    return fail(place.error().code, "--server: " + place.error().message);
  auto identity = client_identity(home, *place);
  if (!identity)
    return tl::unexpected(identity.error());
  configure_types();
  auto impl = std::make_unique<Impl>();
  impl->home = home;
  impl->address = address;
  impl->place = *place;
  impl->config.set("caf.scheduler.policy", std::string("sharing"));
  impl->config.set("caf.scheduler.max-threads", std::size_t{2});
  configure_transport(impl->config, *identity);
  impl->system = std::make_unique<caf::actor_system>(impl->config);
  if (auto connected = impl->connect(); !connected)
    return tl::unexpected(connected.error());
  return std::shared_ptr<RemoteServer>(new RemoteServer(std::move(impl)));
}

RemoteServer::RemoteServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

RemoteServer::~RemoteServer() {
  impl_->control = nullptr;
  impl_->system.reset();
}

const std::string& RemoteServer::address() const { return impl_->address; }

Result<pb::ControlResponse> RemoteServer::ask(pb::ControlRequest request) {
  if (is_repeatable(request))
    return impl_->ask_again<pb::ControlResponse>(request, command_timeout);
  auto answer = impl_->ask<pb::ControlResponse>(std::move(request), command_timeout);
  if (!answer && answer.error().code == ErrorCode::unavailable)
    return fail(ErrorCode::unavailable, answer.error().message +
                                            "; whether it was done is seen by: autotune get "
                                            "experiments --server " +
                                            impl_->address);
  return answer;
}

Result<pb::QueryAnswer> RemoteServer::query(pb::Query query) {
  query.set_version(query_version);
  return impl_->ask_again<pb::QueryAnswer>(query, query_timeout);
}

Result<pb::EventBatch> RemoteServer::watch(pb::Watch watch, const std::function<bool()>& give_up) {
  return impl_->ask<pb::EventBatch>(std::move(watch), query_timeout, give_up);
}

Result<void> RemoteServer::reconnect() {
  if (auto identity = client_identity(impl_->home, impl_->place); !identity)
    return tl::unexpected(identity.error());
  return impl_->connect();
}

}  // namespace autotune::cli
