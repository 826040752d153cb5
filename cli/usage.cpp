#include "cli/usage.hpp"

#include <algorithm>
#include <string_view>
#include <vector>

#include "config/nearest_name.hpp"

namespace autotune::cli {

namespace {

using Names = std::vector<std::string>;

/// All of them; `list_of` would stop at twelve.
std::string joined(const Names& names) {
  std::string text;
  for (const auto& name : names)
    text += (text.empty() ? "" : ", ") + name;
  return text;
}

/// "; did you mean 'run'? Known are: run, ...".
std::string what_is_known(const std::string& word, const Names& near, const Names& known) {
  std::vector<std::string_view> views(near.begin(), near.end());
  auto nearest = config::nearest_name(word, views);
  return (nearest ? "; did you mean '" + *nearest + "'? Known are: " : "; known are: ") +
         joined(known);
}

/// The verbs that --help lists, and with them what else they are called.
void add_verbs(const CLI::App& app, Names& shown, Names& all) {
  for (const auto* verb :
       app.get_subcommands([](const CLI::App* one) { return !one->get_group().empty(); })) {
    shown.push_back(verb->get_name());
    all.push_back(verb->get_name());
    for (const auto& alias : verb->get_aliases())
      all.push_back(alias);
  }
}

/// "autotune get trials".
std::string called(const CLI::App& verb) {
  const auto* above = verb.get_parent();
  return above == nullptr ? "autotune" : called(*above) + " " + verb.get_name();
}

std::string unknown_option(const CLI::App& verb, const std::string& word) {
  Names names;
  for (const auto* option : verb.get_options())
    for (const auto& name : option->get_lnames())
      names.push_back("--" + name);
  auto name = word.substr(0, word.find('='));
  return "'" + name + "' is no option of `" + called(verb) + "`" +
         (verb.get_parent() == nullptr ? " (those of a verb stand behind it)" : "") +
         what_is_known(name, names, names);
}

std::string unknown_verb(const CLI::App& app, const std::string& word) {
  Names shown, all;
  add_verbs(app, shown, all);
  auto name = app.get_parent() == nullptr
                  ? "'" + word + "' is no verb of autotune"
                  : "'" + word + "' is nothing that `" + called(app) + "` knows";
  return name + what_is_known(word, all, shown);
}

std::string too_much(const CLI::App& verb, const std::string& word) {
  std::string usage;
  for (const auto* option : verb.get_options())
    if (option->get_positional())
      usage += " " + option->get_name(true, false);
  return "'" + word + "' is one word too many: `" + called(verb) + usage + "` takes no more";
}

}  // namespace

std::string usage_mistake(const CLI::App& app, const CLI::ParseError& error) {
  const auto* verb = &app;
  auto is_option = [](const std::string& word) { return word.size() > 1 && word[0] == '-'; };
  while (!verb->get_subcommands().empty()) {
    auto before = verb->remaining();
    auto option = std::find_if(before.begin(), before.end(), is_option);
    if (option != before.end())
      return unknown_option(*verb, *option);
    verb = verb->get_subcommands().back();
  }
  // What is unknown comes before what is missing: the one is often the other, misspelt.
  auto rest = verb->remaining();
  auto option = std::find_if(rest.begin(), rest.end(), is_option);
  bool has_verbs = verb->get_require_subcommand_min() > 0;
  if (has_verbs && !rest.empty() && option != rest.begin())
    return unknown_verb(*verb, rest.front());
  if (option != rest.end())
    return unknown_option(*verb, *option);
  if (has_verbs) {
    Names shown, all;
    add_verbs(*verb, shown, all);
    return "what to " + std::string(verb == &app ? "do" : verb->get_name()) +
           " is missing; known are: " + joined(shown);
  }
  if (!rest.empty())
    return too_much(*verb, rest.front());
  return error.what();
}

}  // namespace autotune::cli
