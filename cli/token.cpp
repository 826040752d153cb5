// token create: a word by which a machine joins the cluster of this home.
#include <charconv>
#include <chrono>
#include <iostream>

#include "cli/cli.hpp"
#include "cli/columns.hpp"
#include "cli/json_output.hpp"
#include "store/authority.hpp"
#include "store/join_tokens.hpp"

namespace autotune::cli {

namespace {

/// Where nodes speak to the head, once they have joined.
constexpr int control_port = 7420;

struct TokenOptions {
  std::string enrol_address = "127.0.0.1:7422";
  std::string expires = "1h";
};

/// "90s", "30m", "1h", "7d".
Result<std::chrono::seconds> life_of(const std::string& text) {
  int count = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  std::string unit(end, text.data() + text.size());
  int unit_s = unit == "s" ? 1 : unit == "m" ? 60 : unit == "h" ? 3600 : unit == "d" ? 86400 : 0;
  std::chrono::seconds life(static_cast<std::int64_t>(count) * unit_s);
  if (error != std::errc() || life.count() <= 0 || life > TokenLimits{}.life_max)
    return fail(ErrorCode::invalid_argument,
                "--expires '" + text +
                    "' is no time from 1s to 30d; write a whole number and s, m, h or d, say 1h");
  return life;
}

bool only_this_machine(const std::string& host) {
  return host == "localhost" || host == "::1" || host.rfind("127.", 0) == 0;
}

/// What to do with the token, for a person.
void explain(const HostPort& place, const std::string& token, const TokenOptions& options) {
  bool is_v6 = place.host.find(':') != std::string::npos;
  std::cerr << "Good once, for " << options.expires << ". On the machine that joins:\n"
            << "  autotune agent --join " << (is_v6 ? "[" + place.host + "]" : place.host) << ":"
            << control_port << " --token " << token << "\n"
            << "or, for a user who gives commands from there: autotune login HOST:PORT --token "
               "TOKEN\n";
  if (only_this_machine(place.host))
    std::cerr << "Other machines do not reach " << options.enrol_address
              << ": for them give this one's address by --enroll HOST:PORT.\n";
}

int create(const Common& common, const TokenOptions& options) {
  auto life = life_of(options.expires);
  if (!life)
    return report(life.error());
  auto place = parse_host_port(options.enrol_address);
  if (!place)
    return report({place.error().code, "--enroll: " + place.error().message});
  auto home = home_folder(common);
  auto now_s = std::chrono::duration_cast<std::chrono::seconds>(
                   std::chrono::system_clock::now().time_since_epoch())
                   .count();
  auto authority = Authority::open(home, now_s);
  if (!authority)
    return report(authority.error());
  auto expires_at_s = now_s + life->count();
  auto token =
      make_token(home, options.enrol_address, authority->fingerprint(), expires_at_s, now_s);
  if (!token)
    return report(token.error());
  if (common.output == "json") {
    print_json(Object{{"token", *token},
                      {"enroll", options.enrol_address},
                      {"fingerprint", authority->fingerprint()},
                      {"expiresAt", iso_time(expires_at_s * 1000)}});
    return exit_fine;
  }
  explain(*place, *token, options);
  std::cout << *token << "\n";
  return exit_fine;
}

}  // namespace

void add_token(CLI::App& app, Common& common, int& exit_code) {
  auto options = std::make_shared<TokenOptions>();
  auto* token = add_verb(app, common, "token", "Let other machines join the server of this home");
  token->require_subcommand(1);
  const std::string instead = "run it where the server runs, with the server's --home";
  refuse_server(*token, instead);
  auto* verb = add_verb(*token, common, "create", "Print a token by which one machine joins, once");
  refuse_server(*verb, instead);
  verb->add_option("--expires", options->expires,
                   "How long it is good: 90s, 30m, 1h, 7d (default: 1h, at most 30d)")
      ->type_name("TIME");
  verb->add_option("--enroll", options->enrol_address,
                   "Where the server takes enrolments, as that machine reaches it "
                   "(default: 127.0.0.1:7422)")
      ->type_name("HOST:PORT");
  add_output_option(*verb, common, {"json"});
  verb->callback([&common, &exit_code, options] { exit_code = create(common, *options); });
}

}  // namespace autotune::cli
