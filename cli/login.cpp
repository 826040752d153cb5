// login: lets the command line of this home speak to a server elsewhere.
#include <iostream>

#include "cli/cli.hpp"
#include "cli/columns.hpp"
#include "cli/identity.hpp"
#include "cli/json_output.hpp"
#include "cli/remote_server.hpp"

namespace autotune::cli {

namespace {

struct LoginWords {
  std::string server;
  std::string token;
};

int login(const Common& common, const LoginWords& words) {
  auto home = home_folder(common);
  auto place = parse_host_port(words.server);
  if (!place)
    return report(place.error());
  if (auto identity = log_in(home, *place, words.token); !identity)
    return report(identity.error());
  auto server = RemoteServer::connect(home, words.server);
  pb::ControlRequest ping;
  ping.mutable_ping();
  auto answer = server ? (*server)->ask(ping) : tl::unexpected(server.error());
  if (!answer)
    return report(
        {answer.error().code, "the certificate was given, but: " + answer.error().message +
                                  "; HOST:PORT is what the server's --listen says, as "
                                  "this machine reaches it"});
  if (common.output == "json")
    print_json(Object{{"server", words.server}});
  else
    std::cout << "logged in; all verbs now take --server " << words.server << "\n";
  return exit_fine;
}

}  // namespace

void add_login(CLI::App& app, Common& common, int& exit_code) {
  auto words = std::make_shared<LoginWords>();
  auto* verb =
      add_verb(app, common, "login", "Let this user's commands speak to a server elsewhere");
  verb->add_option("SERVER", words->server, "HOST:PORT of its control (its --listen)")->required();
  verb->add_option("--token", words->token, "From `autotune token create` where the server runs")
      ->type_name("TOKEN")
      ->required();
  add_output_option(*verb, common, {"json"});
  refuse_server(*verb, "name the server alone: autotune login HOST:PORT --token T");
  verb->callback([&common, &exit_code, words] { exit_code = login(common, *words); });
}

}  // namespace autotune::cli
