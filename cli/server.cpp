// server: a head that stays, for experiments that are submitted to it.
#include <iostream>
#include <thread>

#include "cli/follow.hpp"
#include "cli/local_server.hpp"

namespace autotune::cli {

namespace {

/// Goes on with what ran when the server before this one ended; processes that outlived it are adopted.
Result<int> take_up(LocalServer& server, const std::filesystem::path& home) {
  auto reader = reader_of(home);
  auto all = reader ? (*reader)->experiments() : tl::unexpected(reader.error());
  if (!all)
    return tl::unexpected(all.error());
  int count = 0;
  for (const auto& summary : *all) {
    if (at_rest(summary.phase()))
      continue;
    pb::ControlRequest request;
    request.mutable_command()->set_experiment_id(summary.id());
    request.mutable_command()->set_verb("go-on");
    if (auto answer = server.ask(std::move(request)); !answer) {
      report({answer.error().code, summary.id() + " cannot go on: " + answer.error().message});
      continue;
    }
    std::cout << summary.id() << " goes on\n";
    ++count;
  }
  return count;
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

int serve(const Common& common) {
  catch_signals();
  auto home = home_folder(common);
  auto server = LocalServer::start({home, "autotune server", {}, common.log_level});
  if (!server)
    return report(server.error());
  if (auto taken = take_up(**server, home); !taken)
    return report(taken.error());
  std::cout << "serving " << home.string() << "; submit with: autotune apply FILE\n" << std::flush;
  constexpr std::chrono::milliseconds look{100};
  while (signals_caught() == 0)
    std::this_thread::sleep_for(look);
  server->reset();
  say_what_is_left(home);
  return exit_fine;
}

}  // namespace

void add_server(CLI::App& app, Common& common, int& exit_code) {
  auto with_agent = std::make_shared<bool>(false);
  auto* verb = add_verb(app, common, "server",
                        "Stay and run what is submitted with apply, also after a restart");
  verb->add_flag("--with-agent", *with_agent, "Run trials on this machine");
  verb->callback([&common, &exit_code, with_agent] {
    if (*with_agent) {
      exit_code = serve(common);
      return;
    }
    exit_code =
        report({ErrorCode::invalid_argument,
                "this version runs trials on the server's machine only: give --with-agent"});
  });
}

}  // namespace autotune::cli
