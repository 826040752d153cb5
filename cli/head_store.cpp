#include "cli/head_store.hpp"

#include <algorithm>
#include <ctime>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <unistd.h>

#include "actors/log.hpp"
#include "actors/machine.hpp"
#include "cli/machine.hpp"
#include "store/home_store.hpp"
#include "store/postgresql.hpp"
#include "store/shared_keys.hpp"
#include "store/sqlite.hpp"

namespace autotune::cli {

namespace {

/// AUTOTUNE_SYNCHRONOUS=normal trades the last commits before a power loss for speed.
bool is_durable() { return !is_set("AUTOTUNE_SYNCHRONOUS", "normal"); }

std::string name_of_head(const ServerOptions& options) {
  return this_machine().name + " (pid " + std::to_string(::getpid()) +
         (options.address.empty() ? ")" : ", " + options.address + ")");
}

/// Tries until the lease is ours. A head that does not stand by waits for one that died just now, and no longer.
Result<void> become_head(HeadLease& lease, const std::string& uri, const ServerOptions& options) {
  std::optional<HeadSeen> first;
  bool told = false;
  while (!options.gives_up || !options.gives_up()) {
    auto taken = lease.try_take();
    if (taken && *taken)
      return {};
    if (!taken && (!options.stands_by || taken.error().code != ErrorCode::unavailable))
      return tl::unexpected(taken.error());
    if (!taken) {
      log::warn("store-away", "error={}", taken.error().message);
    } else {
      const auto& seen = lease.seen();
      if (!first || first->epoch != seen.epoch)
        first = seen;
      if (!options.stands_by && seen.renewed_until_ms > first->renewed_until_ms)
        return fail(ErrorCode::failed_precondition,
                    uri + " has a head: " + seen.holder +
                        "; end that one, or give --standby to take over when it has died");
      if (options.stands_by && options.say && !std::exchange(told, true))
        options.say("standing by: the head is " + seen.holder);
    }
    std::this_thread::sleep_for(HeadLeaseLimits{}.look_every);
  }
  return fail(ErrorCode::unavailable, "ended before it became the head");
}

/// The store that is asked for, else the remembered one; empty: the home's own file.
Result<std::string> chosen_store(const ServerOptions& options) {
  if (options.store.empty())
    return store_of_home(options.home);
  if (options.store == "sqlite")
    return "";
  if (auto fine = check_postgresql_uri(options.store); !fine)
    return tl::unexpected(Error{fine.error().code, "--store: " + fine.error().message});
  return options.store;
}

/// What all verbs of this home use from now on; only once it is known to work.
Result<void> remember_chosen(const ServerOptions& options) {
  return options.store.empty() ? Result<void>() : remember_store(options.home, options.store);
}

/// One that stands by tries again while the database is away, as after a boot.
template <class Try>
auto with_patience(const ServerOptions& options, const Try& attempt) -> decltype(attempt()) {
  auto done = attempt();
  while (!done && options.stands_by && done.error().code == ErrorCode::unavailable &&
         !(options.gives_up && options.gives_up())) {
    log::warn("store-away", "error={}", done.error().message);
    std::this_thread::sleep_for(HeadLeaseLimits{}.look_every);
    done = attempt();
  }
  return done;
}

}  // namespace

Result<HeadStore> open_head_store(const ServerOptions& options) {
  auto uri = chosen_store(options);
  if (!uri)
    return tl::unexpected(uri.error());
  HeadStore opened;
  if (uri->empty()) {
    if (options.stands_by)
      return fail(ErrorCode::invalid_argument,
                  "--standby needs a store that both heads reach: give --store postgresql://...");
    WriterOptions file;
    file.synchronous = is_durable() ? Synchronous::full : Synchronous::normal;
    auto writer = open_writer(database_path(options.home), file);
    if (!writer)
      return tl::unexpected(writer.error());
    if (auto kept = remember_chosen(options); !kept)
      return tl::unexpected(kept.error());
    opened.writer = std::move(*writer);
    return opened;
  }
  // Before it waits: whoever sets up a standby must learn now that it could not take over.
  auto same = with_patience(options, [&] {
    return check_shared_keys(*uri, options.home, options.cluster.has_value(),
                             static_cast<std::int64_t>(std::time(nullptr)));
  });
  if (same)
    same = remember_chosen(options);
  if (!same)
    return tl::unexpected(same.error());
  opened.lease = std::make_unique<HeadLease>(*uri, name_of_head(options));
  if (auto head = become_head(*opened.lease, *uri, options); !head)
    return tl::unexpected(head.error());
  log::info("became-head", "epoch={}", opened.lease->epoch());
  auto writer = with_patience(options, [&] {
    return open_postgresql_writer(
        *uri, {opened.lease->epoch(), options.home / "secret.key", is_durable()});
  });
  if (!writer)
    return tl::unexpected(writer.error());
  opened.writer = std::move(*writer);
  return opened;
}

void stand_by_again() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::string all(std::istreambuf_iterator<char>(file), {});
  std::vector<std::string> words;
  for (std::size_t at = 0; at < all.size(); at = all.find('\0', at) + 1)
    words.emplace_back(all.c_str() + at);
  if (std::find(words.begin(), words.end(), "--standby") == words.end())
    words.emplace_back("--standby");
  std::vector<char*> arguments;
  for (auto& word : words)
    arguments.push_back(word.data());
  arguments.push_back(nullptr);
  ::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);  // ports and locks are to be had again
  ::execv("/proc/self/exe", arguments.data());
}

}  // namespace autotune::cli
