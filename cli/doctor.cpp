#include "cli/doctor.hpp"

#include <algorithm>
#include <iostream>

#include <unistd.h>

#include "cli/bundle.hpp"
#include "cli/columns.hpp"

namespace autotune::cli {

namespace {

std::int64_t count_of(const Checks& checks, CheckLevel level) {
  return std::count_if(checks.begin(), checks.end(),
                       [&](const Check& one) { return one.level == level; });
}

std::string coloured(CheckLevel level, bool colour) {
  auto text = name_of(level);
  if (!colour)
    return text;
  const char* code = level == CheckLevel::problem   ? "31"
                     : level == CheckLevel::warning ? "33"
                     : level == CheckLevel::fine    ? "32"
                                                    : "36";
  return std::string("\033[") + code + "m" + text + "\033[0m";
}

void print(const Checks& checks) {
  bool colour = wants_colour(STDOUT_FILENO);
  std::size_t width = 0;
  for (const auto& check : checks)
    width = std::max(width, check.name.size());
  const std::size_t level_width = name_of(CheckLevel::information).size();
  for (const auto& [name, level, found, advice] : checks) {
    std::cout << name << std::string(width - name.size() + 2, ' ') << coloured(level, colour)
              << std::string(level_width - name_of(level).size() + 2, ' ') << found << "\n";
    if (!advice.empty())
      std::cout << std::string(width + level_width + 4, ' ') << "-> " << advice << "\n";
  }
}

int diagnose(const Common& common, const std::string& bundle) {
  auto home = home_folder(common);
  auto checks = check_home(home);
  auto machine = check_machine();
  checks.insert(checks.end(), machine.begin(), machine.end());
  if (!bundle.empty()) {
    if (auto written = write_bundle(bundle, home, checks); !written)
      return report(written.error());
    std::cerr
        << bundle
        << " holds versions, configuration, logs and events, without the values of secrets and "
        << "environments; look into it before you hand it on\n";
  }
  if (common.output == "json")
    print_json(to_value(checks));
  else
    print(checks);
  return count_of(checks, CheckLevel::problem) == 0 ? exit_fine : exit_failed;
}

}  // namespace

std::string name_of(CheckLevel level) {
  switch (level) {
    case CheckLevel::fine: return "fine";
    case CheckLevel::information: return "information";
    case CheckLevel::warning: return "warning";
    case CheckLevel::problem: return "problem";
  }
  return "";
}

Value to_value(const Checks& checks) {
  Array list;
  for (const auto& [name, level, found, advice] : checks)
    list.push_back(
        Object{{"name", name}, {"level", name_of(level)}, {"found", found}, {"advice", advice}});
  return Object{{"checks", list},
                {"problems", Value::integer(count_of(checks, CheckLevel::problem))},
                {"warnings", Value::integer(count_of(checks, CheckLevel::warning))}};
}

void add_doctor(CLI::App& app, Common& common, int& exit_code) {
  auto bundle = std::make_shared<std::string>();
  auto* verb =
      add_verb(app, common, "doctor", "Check this machine and the home, and say what to do");
  refuse_server(*verb, "run it where the server runs, with the server's --home");
  verb->add_option("--bundle", *bundle, "Also write a .tar.gz for a bug report, without secrets")
      ->type_name("FILE");
  add_output_option(*verb, common, {"json"});
  verb->callback([&common, &exit_code, bundle] { exit_code = diagnose(common, *bundle); });
}

}  // namespace autotune::cli
