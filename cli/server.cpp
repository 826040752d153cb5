// server: a head that stays, for experiments that are submitted to it.
#include <iostream>
#include <thread>

#include "cli/follow.hpp"
#include "cli/head_store.hpp"
#include "cli/local_server.hpp"

namespace autotune::cli {

namespace {

/// Goes on with what ran when the server before this one ended.
Result<void> take_up(LocalServer& server) {
  auto taken = server.take_up([](const std::string& id, const Error& error) {
    report({error.code, id + " cannot go on: " + error.message});
  });
  if (!taken)
    return tl::unexpected(taken.error());
  for (const auto& id : *taken)
    std::cout << id << " goes on\n";
  return {};
}

/// What the next server will find to do.
void say_what_is_left(const std::filesystem::path& home) {
  auto reader = reader_of(home);
  auto all = reader ? (*reader)->experiments() : tl::unexpected(reader.error());
  std::string left;
  for (const auto& summary : all ? *all : std::vector<pb::ExperimentSummary>())
    if (!at_rest(summary.phase()))
      left += (left.empty() ? "" : ", ") + summary.id();
  std::cout << (left.empty() ? "ended\n"
                             : "ended; the next `autotune server` goes on with " + left +
                                   ", whose running trials wait ten minutes for it\n");
}

struct ServerWords {
  bool with_agent = false;
  std::string listen;
  std::string enroll;
  std::string store;
  bool standby = false;
  double lease_s = 120;
};

constexpr double lease_min_s = 5;  // four heartbeats must fit in
constexpr double lease_max_s = 86400;

/// What of the endpoint was asked for.
Result<ServerOptions> options_of(const Common& common, const ServerWords& words) {
  ServerOptions options{home_folder(common), "autotune server", {}, common.log_level};
  options.runs_trials = words.with_agent;
  options.store = words.store;
  options.stands_by = words.standby;
  options.address = words.listen;
  options.say = [](const std::string& what) { std::cout << what << "\n" << std::flush; };
  options.gives_up = [] { return signals_caught() > 0; };
  if (words.standby && words.listen.empty())
    return fail(ErrorCode::invalid_argument,
                "--standby takes over the agents of other machines: give --listen HOST:PORT");
  if (words.listen.empty() && !options.runs_trials)
    return fail(ErrorCode::invalid_argument,
                "give --with-agent to run trials on this machine, --listen HOST:PORT for agents of "
                "other machines, or both");
  if (words.listen.empty())
    return options;
  options.cluster.emplace();
  options.cluster->lease =
      std::chrono::milliseconds(static_cast<std::int64_t>(words.lease_s * 1000));
  return options;
}

/// Where machines join for the first time: beside the endpoint, unless another place was given.
Result<void> take_enrolments(LocalServer& server, const ServerWords& words,
                             const HostPort& control) {
  constexpr int enrolment_offset = 2;  // 7420 and 7422
  auto place =
      words.enroll.empty()
          ? HostPort{control.host, static_cast<std::uint16_t>(control.port + enrolment_offset)}
          : HostPort{};
  if (!words.enroll.empty()) {
    auto given = parse_host_port(words.enroll);
    if (!given)
      return fail(given.error().code, "--enroll: " + given.error().message);
    place = *given;
  }
  auto port = server.take_enrolments(place, words.listen);
  return port ? Result<void>() : tl::unexpected(port.error());
}

int serve(const Common& common, const ServerWords& words) {
  catch_signals();
  auto options = options_of(common, words);
  if (!options)
    return report(options.error());
  auto home = options->home;
  Result<HostPort> address = HostPort{};
  if (!words.listen.empty() && !(address = parse_host_port(words.listen)))
    return report({address.error().code, "--listen: " + address.error().message});
  auto server = LocalServer::start(*std::move(options));
  if (!server && signals_caught() > 0)
    return exit_fine;
  if (!server)
    return report(server.error());
  if (auto taken = take_up(**server); !taken)
    return report(taken.error());
  if (!words.listen.empty()) {  // after that, so that what agents still run is known
    auto port = (*server)->publish(*address);
    if (!port)
      return report(port.error());
    if (auto taken = take_enrolments(**server, words, *address); !taken)
      return report(taken.error());
    std::cout << "agents join with: autotune agent --join " << words.listen << "\n";
  }
  std::cout << "serving " << home.string() << "; submit with: autotune apply FILE\n" << std::flush;
  constexpr std::chrono::milliseconds look{100};
  while (signals_caught() == 0) {
    std::this_thread::sleep_for(look);
    if (!(*server)->is_superseded())
      continue;
    std::cout << "another head has taken over, or the store was away for too long\n" << std::flush;
    stand_by_again();
    std::_Exit(exit_failed);  // nothing of this process may act any more
  }
  server->reset();
  say_what_is_left(home);
  return exit_fine;
}

}  // namespace

void add_server(CLI::App& app, Common& common, int& exit_code) {
  auto words = std::make_shared<ServerWords>();
  auto* verb = add_verb(app, common, "server",
                        "Stay and run what is submitted with apply, also after a restart");
  refuse_server(*verb, "give --listen HOST:PORT, at which other machines reach it");
  verb->add_flag("--with-agent", words->with_agent, "Run trials on this machine");
  verb->add_option("--listen", words->listen, "Let agents of other machines join at this address")
      ->type_name("HOST:PORT");
  verb->add_option("--enroll", words->enroll,
                   "Where machines with a token join (default: two ports above --listen)")
      ->type_name("HOST:PORT");
  verb->add_option("--store", words->store,
                   "Where experiments are stored: postgresql://[USER@]HOST/DATABASE, or sqlite for "
                   "the home's own file; the home remembers it")
      ->type_name("STORE");
  verb->add_flag("--standby", words->standby,
                 "Wait until the head of that store has died, then take over");
  const std::map<std::string, double> units{{"s", 1}, {"m", 60}, {"h", 3600}};
  verb->add_option("--lease", words->lease_s,
                   "A node that is cut off for so long ends its trials, and they start anew "
                   "elsewhere (default: 2m)")
      ->transform(CLI::AsNumberWithUnit(units))
      ->check(CLI::Range(lease_min_s, lease_max_s))
      ->type_name("SPAN");
  verb->callback([&common, &exit_code, words] { exit_code = serve(common, *words); });
}

}  // namespace autotune::cli
