// completion, version, and the hidden verb that a shell asks what may stand next.
#include <algorithm>
#include <iostream>
#include <sstream>

#include "cli/columns.hpp"
#include "cli/completion.hpp"
#include "cli/local_server.hpp"
#include "cli/versions.hpp"
#include "tuner/algorithms.hpp"

namespace autotune::cli {

namespace {

constexpr const char* bash_script =
    R"sh(# Completion of autotune for bash: source it, or put it among bash-completion's own.
_autotune() {
  local IFS=$'\n' word="${COMP_WORDS[COMP_CWORD]}" found
  [[ "$word" == "=" ]] && word=""
  found=$("${COMP_WORDS[0]}" __complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null) || return
  COMPREPLY=()
  local line
  for line in $found; do
    case "$line" in
      :files) compopt -o default 2>/dev/null ;;
      :folders) compopt -o dirnames 2>/dev/null ;;
      :more) compopt -o nospace 2>/dev/null ;;
      *) line="${line%%$'\t'*}"
         [[ "$line" == "$word"* ]] && COMPREPLY+=("$line") ;;
    esac
  done
}
complete -F _autotune autotune
)sh";

constexpr const char* zsh_script = R"sh(#compdef autotune
# Completion of autotune for zsh: put it as _autotune into a folder of $fpath, or source it
# after compinit.
_autotune() {
  local line files=0 folders=0
  local -a found plain suffixed
  found=("${(@f)$("${words[1]}" __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
  for line in "${found[@]}"; do
    case "$line" in
      ('') ;;
      (:files) files=1 ;;
      (:folders) folders=1 ;;
      (:more) suffixed=(-S '') ;;
      (*) plain+=("${${line%%$'\t'*}//:/\\:}${${(M)line%$'\t'*}/$'\t'/:}") ;;
    esac
  done
  (( ${#plain} )) && _describe -V 'autotune' plain "${suffixed[@]}"
  (( files )) && _files
  (( folders )) && _files -/
}
if [[ "${funcstack[1]}" == _autotune ]]; then
  _autotune "$@"
else
  compdef _autotune autotune
fi
)sh";

constexpr const char* fish_script =
    R"sh(# Completion of autotune for fish: put it as autotune.fish into ~/.config/fish/completions.
function __autotune_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    for line in ($words[1] __complete -- $words[2..-1] "$current" 2>/dev/null)
        switch $line
            case ':files'
                __fish_complete_path "$current"
            case ':folders'
                __fish_complete_directories "$current"
            case ':more'
            case '*'
                echo $line
        end
    end
end
complete -c autotune -f -a '(__autotune_complete)'
)sh";

int print_script(const std::string& shell) {
  std::cout << (shell == "bash" ? bash_script : shell == "zsh" ? zsh_script : fish_script);
  return exit_fine;
}

int print_versions(const Common& common) {
  if (common.output == "json") {
    Object object;
    for (auto& [name, version] : versions())
      object.emplace_back(name, std::move(version));
    print_json(object);
    return exit_fine;
  }
  Columns columns;
  for (auto& [name, version] : versions())
    columns.add({name, version});
  columns.print(std::cout);
  return exit_fine;
}

}  // namespace

// ---- what may stand next ----

namespace {

using Candidates = std::vector<Candidate>;

/// The words between braces of "TEXT:{csv,json}", as CLI11 describes a choice.
std::vector<std::string> words_of(const CLI::Option& option) {
  auto text = option.get_type_name();
  auto open = text.rfind('{');
  auto close = text.rfind('}');
  std::vector<std::string> words;
  if (open == std::string::npos || close == std::string::npos || close < open)
    return words;
  std::istringstream in(text.substr(open + 1, close - open - 1));
  for (std::string word; std::getline(in, word, ',');)
    words.push_back(word);
  return words;
}

void add_experiments(const std::filesystem::path& home, Candidates& found) {
  auto reader = reader_of(home);
  if (!reader)
    return;
  auto experiments = (*reader)->experiments();
  if (!experiments)
    return;
  std::vector<std::string> names;
  for (auto one = experiments->rbegin(); one != experiments->rend(); ++one) {
    if (std::find(names.begin(), names.end(), one->name()) == names.end()) {
      names.push_back(one->name());
      found.push_back({one->name(), "newest of that name"});
    }
    found.push_back({one->id(), "experiment"});
  }
}

/// "mnist/" -> the trials of mnist.
void add_trials(const std::filesystem::path& home, const std::string& word, Candidates& found) {
  auto name = word.substr(0, word.find('/'));
  auto reader = reader_of(home);
  auto experiment = reader ? (*reader)->experiment(name) : tl::unexpected(reader.error());
  auto trials =
      experiment ? (*reader)->trials(experiment->id()) : tl::unexpected(experiment.error());
  if (!trials)
    return;
  for (const auto& trial : *trials)
    found.push_back({name + "/" + std::to_string(trial.sequence()), trial.id()});
}

/// Values of an option or a positional, by its choices or by what its name says that it is.
void add_values(const CLI::Option& option, const std::filesystem::path& home,
                const std::string& word, Candidates& found) {
  for (const auto& choice : words_of(option))
    found.push_back({choice, ""});
  const auto& name = option.get_single_name();
  auto type = option.get_type_name();
  if (name == "EXP" || name == "TRIAL" || name == "WHAT") {
    if (word.find('/') != std::string::npos)
      return add_trials(home, word, found);
    auto first = found.size();
    add_experiments(home, found);
    if (name == "TRIAL" && found.size() > first) {
      for (auto i = first; i < found.size(); ++i)
        found[i].text += "/";
      found.push_back({":more", ""});
    }
  } else if (name == "NAME" && option.get_positional()) {
    for (const auto& info : algorithms())
      found.push_back({info.name, std::string(name_of(info.kind))});
  } else if (name == "FILE" || name == "filename" || type == "FILE") {
    found.push_back({":files", ""});
  } else if (type == "DIR") {
    found.push_back({":folders", ""});
  }
}

void add_options(const CLI::App& verb, Candidates& found) {
  for (const auto* option :
       verb.get_options([](const CLI::Option* o) { return !o->get_group().empty(); }))
    for (const auto& name : option->get_lnames())
      found.push_back({"--" + name, option->get_description()});
}

bool takes_value(const CLI::Option& option) { return option.get_items_expected_max() > 0; }

/// The option that this word names and whose value is still to come; null otherwise.
const CLI::Option* waiting_option(const CLI::App& verb, const std::string& word) {
  if (word.size() < 2 || word[0] != '-')
    return nullptr;
  const auto* option = verb.get_option_no_throw(word);
  return option != nullptr && takes_value(*option) ? option : nullptr;
}

/// The positional whose turn it is after `given` words.
const CLI::Option* positional_at(const CLI::App& verb, std::size_t given) {
  std::size_t index = 0;
  for (const auto* option : verb.get_options())
    if (option->get_positional()) {
      auto most = static_cast<std::size_t>(std::max(1, option->get_items_expected_max()));
      if (given < index + most)
        return option;
      index += most;
    }
  return nullptr;
}

/// The verb of that name or alias; null where there is none.
const CLI::App* verb_named(const CLI::App& app, const std::string& word) {
  auto found = app.get_subcommands([&](const CLI::App* one) { return one->check_name(word); });
  return found.empty() ? nullptr : found.front();
}

void add_verbs(const CLI::App& app, Candidates& found) {
  for (const auto* verb :
       app.get_subcommands([](const CLI::App* one) { return !one->get_group().empty(); }))
    found.push_back({verb->get_name(), verb->get_description()});
}

}  // namespace

std::vector<Candidate> candidates(const CLI::App& root, const std::vector<std::string>& words,
                                  Common common) {
  Candidates found;
  const auto* app = &root;
  const CLI::Option* waiting = nullptr;
  std::size_t positionals = 0;
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    const auto& word = words[i];
    if (waiting != nullptr && word == "=")
      continue;  // bash takes "--home=x" apart at the "="
    if (waiting != nullptr) {
      if (waiting->get_single_name() == "home")
        common.home = word;
      waiting = nullptr;
    } else if (word.rfind("--home=", 0) == 0) {
      common.home = word.substr(7);
    } else if (!word.empty() && word[0] == '-') {
      waiting = waiting_option(*app, word);
    } else if (const auto* verb = positionals == 0 ? verb_named(*app, word) : nullptr) {
      app = verb;
    } else {
      ++positionals;
    }
  }
  std::string word = words.empty() || words.back() == "=" ? "" : words.back();
  auto home = home_folder(common);
  if (waiting != nullptr)
    add_values(*waiting, home, word, found);
  else if (!word.empty() && word[0] == '-')
    add_options(*app, found);
  else {
    if (positionals == 0)
      add_verbs(*app, found);
    if (const auto* option = positional_at(*app, positionals))
      add_values(*option, home, word, found);
  }
  std::erase_if(found, [&](const Candidate& one) {
    return one.text[0] != ':' && one.text.rfind(word, 0) != 0;
  });
  return found;
}

void add_completion(CLI::App& app, Common& common, int& exit_code) {
  auto shell = std::make_shared<std::string>();
  auto* script = add_verb(app, common, "completion",
                          "Print the script that completes autotune's words in your shell");
  script->add_option("SHELL", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  script->callback([&exit_code, shell] { exit_code = print_script(*shell); });

  refuse_server(*script, "it needs no server: leave --server out");
  auto* version =
      add_verb(app, common, "version", "Say which version this is, and of what it is made");
  add_output_option(*version, common, {"json"});
  refuse_server(*version, "it needs no server: leave --server out");
  version->callback([&common, &exit_code] { exit_code = print_versions(common); });

  auto given = std::make_shared<std::vector<std::string>>();
  auto* ask = app.add_subcommand("__complete", "What may stand next")->group("");
  ask->set_help_flag();  // a --help among the words is a word
  auto* words =
      ask->add_option("WORDS", *given, "Behind --: the words so far, the last of them unfinished");
  ask->callback([&app, &common, words, given] {
    for (const auto& [text, meaning] : candidates(app, words->results(), common))
      std::cout << text << (meaning.empty() ? "" : "\t" + meaning) << "\n";
  });
}

}  // namespace autotune::cli
