#include "cli/watch.hpp"

#include <chrono>
#include <functional>
#include <iostream>
#include <thread>

#include "cli/connection.hpp"
#include "cli/follow.hpp"
#include "store/home_lock.hpp"

namespace autotune::cli {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds look_interval{300};
constexpr std::size_t events_at_once = 2000;
/// For so long a server that was lost is looked for: it may be restarted, or updated.
constexpr std::chrono::minutes patience{2};

using Events = Result<std::vector<StoredEvent>>;
/// Events beyond a number; waits a moment for them, and gives none where there are none.
using NextEvents = std::function<Events(std::int64_t after)>;

/// Out of the home's database, which its server writes.
NextEvents events_of_home(const Common& common, const std::string& id) {
  auto reader = std::shared_ptr<StoreReader>();
  if (auto opened = reader_for(common))
    reader = *std::move(opened);
  return [reader, id, home = home_folder(common)](std::int64_t after) -> Events {
    if (!reader)
      return fail(ErrorCode::unavailable, "the database of " + home.string() + " is gone");
    bool is_served = !home_holder(home).empty();  // asked first: its last events are durable then
    auto events = reader->events_after(id, after, events_at_once);
    if (!events || !events->empty())
      return events;
    if (!is_served)
      return fail(ErrorCode::unavailable,
                  "the server of " + id + " has ended; go on with: autotune resume " + id);
    std::this_thread::sleep_for(look_interval);
    return events;
  };
}

/// Looks for a server that was lost, until it is there or patience is over.
Result<void> find_again(RemoteServer& server, const Error& lost, const std::string& id) {
  std::cerr << lost.message << "; looking for it for " << patience.count() << " min\n";
  auto deadline = std::chrono::steady_clock::now() + patience;
  while (std::chrono::steady_clock::now() < deadline) {
    if (signals_caught() > 0)
      return {};
    if (server.reconnect()) {
      std::cerr << "connected again\n";
      std::this_thread::sleep_for(look_interval);  // what it lacks may be its store
      return {};
    }
    std::this_thread::sleep_for(look_interval);
  }
  return fail(ErrorCode::unavailable,
              "the server at " + server.address() + " did not come back; what it does with " + id +
                  " is seen later by: autotune describe " + id + " --server " + server.address());
}

NextEvents events_of_server(std::shared_ptr<RemoteServer> server, const std::string& id) {
  return [server = std::move(server), id](std::int64_t after) -> Events {
    pb::Watch watch;
    watch.set_experiment_id(id);
    watch.set_after(after);
    auto batch = server->watch(std::move(watch), [] { return signals_caught() > 0; });
    if (!batch && batch.error().code == ErrorCode::unavailable) {
      auto found = find_again(*server, batch.error(), id);
      return found ? Events(std::vector<StoredEvent>()) : tl::unexpected(found.error());
    }
    if (!batch)
      return tl::unexpected(batch.error());
    std::vector<StoredEvent> events;
    for (auto& one : *batch->mutable_events())
      events.push_back({one.number(), std::move(*one.mutable_event())});
    return events;
  };
}

}  // namespace

int watch(const Common& common, const std::string& id) {
  auto reader = reader_for(common);
  if (!reader)
    return report(reader.error());
  auto summary = (*reader)->experiment(id);
  if (!summary)
    return report(summary.error());
  catch_signals();
  RunView view(summary->spec());
  auto next =
      common.connection ? events_of_server(common.connection, id) : events_of_home(common, id);
  std::int64_t seen = 0;
  while (true) {
    auto events = next(seen);
    if (!events)  // not_found: deleted meanwhile
      return events.error().code == ErrorCode::not_found ? exit_ended_by_other
                                                         : report(events.error());
    for (const auto& stored : *events) {
      seen = stored.number;
      if (auto line = view.take(stored.event))
        std::cerr << *line << "\n";
    }
    if (at_rest(view.phase())) {
      print_summary(id, view, whereabouts(common, id), std::cerr);
      return exit_code_of(view, false);
    }
    if (signals_caught() > 0)
      return exit_interrupted;
  }
}

}  // namespace autotune::cli
