// validate, algorithms, tuner-stdio: verbs that need neither a home nor a server.
#include <algorithm>
#include <iostream>
#include <iterator>
#include <sstream>

#include "cli/columns.hpp"
#include "cli/experiment_file.hpp"
#include "config/yaml_reader.hpp"
#include "tuner/factory.hpp"
#include "tuner/stdio.hpp"

namespace autotune::cli {

namespace {

// ---- validate ----

std::string counted(std::int64_t count, const std::string& word) {
  return std::to_string(count) + " " + word + (count == 1 ? "" : "s");
}

/// "mnist: TPE, 4 parameters, 20 trials, 3 at a time".
std::string in_one_line(const LoadedExperiment& loaded) {
  const auto& spec = loaded.spec;
  auto text =
      spec.name() + ": " + deciding_algorithm(spec) + ", " +
      counted(static_cast<std::int64_t>(loaded.search_space.parameters.size()), "parameter") +
      ", " +
      (spec.max_trial_num() > 0 ? counted(spec.max_trial_num(), "trial") : "trials without limit") +
      ", " + std::to_string(spec.trial_concurrency()) + " at a time";
  if (spec.max_exec_seconds() > 0)
    text += ", at most " + to_json(plain_number(spec.max_exec_seconds())) + " s";
  return text;
}

Value to_value(const LoadedExperiment& loaded) {
  const auto& spec = loaded.spec;
  return Object{{"name", spec.name()},
                {"algorithm", deciding_algorithm(spec)},
                {"parameterCount",
                 Value::integer(static_cast<std::int64_t>(loaded.search_space.parameters.size()))},
                {"maxTrialNum", Value::integer(spec.max_trial_num())},
                {"trialConcurrency", Value::integer(spec.trial_concurrency())},
                {"maxExecSeconds", plain_number(spec.max_exec_seconds())}};
}

Value to_value(const Diagnostic& diagnostic) {
  return Object{{"file", diagnostic.file},
                {"line", Value::integer(diagnostic.line)},
                {"column", Value::integer(diagnostic.column)},
                {"severity", diagnostic.severity == Severity::error ? "error" : "warning"},
                {"path", diagnostic.path},
                {"message", diagnostic.message}};
}

Value verdict(const LoadedFile& file) {
  Array experiments, diagnostics;
  for (const auto& loaded : file.experiments)
    experiments.push_back(to_value(loaded));
  for (const auto& diagnostic : file.diagnostics)
    diagnostics.push_back(to_value(diagnostic));
  return Object{{"valid", file.ok()}, {"experiments", experiments}, {"diagnostics", diagnostics}};
}

/// The specs with their defaults, one YAML document each.
std::string as_yaml(const LoadedFile& file) {
  std::string text;
  for (const auto& loaded : file.experiments)
    text += (text.empty() ? "" : "---\n") + print_spec(loaded.spec);
  return text;
}

/// The same as one JSON document: a list where there are several.
Value as_json(const LoadedFile& file) {
  Array items;
  for (const auto& loaded : file.experiments) {
    auto text = print_spec(loaded.spec);
    for (const auto& document : config::read_yaml(config::Source(text)).documents)
      items.push_back(config::to_value(document));
  }
  if (items.size() == 1)
    return items.front();
  return Object{{"apiVersion", "tensorstack.dev/v1beta1"},
                {"kind", "AutoTuneExperimentList"},
                {"items", items}};
}

/// What is no mistake in the file but would keep `run` from starting it on this machine.
void warn_of_claims(const LoadedFile& file, const pb::RunOptions& options) {
  for (const auto& loaded : file.experiments)
    if (auto found = check_claims(loaded.spec, options); !found)
      std::cerr << "notice: " << loaded.spec.name() << ": " << found.error().message << "\n";
}

int validate(const Common& common, const FileOptions& options, bool print) {
  auto run_options = options_of(options);
  if (!run_options)
    return report(run_options.error());
  auto file = load_file(options);
  if (!file)
    return report(file.error());
  std::size_t errors = 0;
  for (const auto& diagnostic : file->diagnostics) {
    std::cerr << format(diagnostic) << "\n";
    errors += diagnostic.severity == Severity::error ? 1 : 0;
  }
  bool json = common.output == "json";
  if (errors > 0) {
    if (json && !print)
      print_json(verdict(*file));
    return report({ErrorCode::invalid_argument,
                   counted(static_cast<std::int64_t>(errors), "mistake") + " in " + options.file});
  }
  warn_of_claims(*file, *run_options);
  if (print && json)
    print_json(as_json(*file));
  else if (print)
    std::cout << as_yaml(*file);
  else if (json)
    print_json(verdict(*file));
  else
    for (const auto& loaded : file->experiments)
      std::cout << in_one_line(loaded) << "\n";
  return exit_fine;
}

// ---- algorithms ----

std::string joined(const std::vector<std::string>& words, const std::string& otherwise = "") {
  std::string text;
  for (const auto& word : words)
    text += (text.empty() ? "" : ", ") + word;
  return text.empty() ? otherwise : text;
}

std::vector<std::string> names_of_types(const AlgorithmInfo& info) {
  std::vector<std::string> names;
  for (auto type : info.types)
    names.emplace_back(name_of(type));
  if (info.nested)
    names.emplace_back("nested choice");
  return names;
}

/// The types on one line of the overview: the ten that most algorithms take have a name.
std::string short_types(const AlgorithmInfo& info) {
  if (info.types.empty())
    return "-";  // an assessor looks at results alone
  constexpr auto last_common = ParameterType::qlognormal;
  auto names = names_of_types(info);
  auto common = std::count_if(info.types.begin(), info.types.end(),
                              [](auto type) { return type <= last_common; });
  if (common != static_cast<std::ptrdiff_t>(last_common) + 1)
    return joined(names);
  return info.nested ? "all, nested" : "all";
}

std::string word_for(ArgumentKind kind) {
  switch (kind) {
    case ArgumentKind::boolean: return "boolean";
    case ArgumentKind::integer: return "integer";
    case ArgumentKind::real: return "number";
    case ArgumentKind::word: return "word";
    case ArgumentKind::text: return "text";
    case ArgumentKind::group: return "object";
  }
  return "";
}

Value texts(const std::vector<std::string>& words) {
  Array array;
  for (const auto& word : words)
    array.emplace_back(word);
  return array;
}

Value arguments_value(const std::vector<ArgumentInfo>& table) {
  Array array;
  for (const auto& argument : table) {
    Object object{{"name", argument.name},
                  {"type", word_for(argument.kind)},
                  {"range", argument.range()},
                  {"default", argument.fallback},
                  {"meaning", argument.meaning}};
    if (!argument.words.empty())
      object.emplace_back("words", texts(argument.words));
    if (!argument.members.empty())
      object.emplace_back("members", arguments_value(argument.members));
    array.emplace_back(std::move(object));
  }
  return array;
}

Value to_value(const AlgorithmInfo& info) {
  Object object{{"name", info.name},
                {"kind", std::string(name_of(info.kind))},
                {"aliases", texts(info.aliases)},
                {"summary", info.summary},
                {"source", info.source},
                {"types", texts(names_of_types(info))}};
  object.emplace_back("defaultDirection", info.default_direction
                                              ? Value(std::string(name_of(*info.default_direction)))
                                              : Value());
  if (info.make_tuner) {
    object.emplace_back("severalGoals", info.several_goals);
    object.emplace_back("heedsConstraints", info.constraints);
  }
  object.emplace_back("arguments", arguments_value(info.arguments));
  return object;
}

void add_rows(Columns& columns, const std::vector<ArgumentInfo>& table, const std::string& above) {
  for (const auto& argument : table) {
    auto name = above + argument.name;
    auto fallback = argument.kind == ArgumentKind::group || argument.fallback.is_null()
                        ? std::string("-")
                        : to_json(argument.fallback);
    columns.add({name, argument.range(), fallback, argument.meaning});
    add_rows(columns, argument.members, name + ".");
  }
}

void print_algorithm(const AlgorithmInfo& info) {
  std::cout << info.name << " (" << name_of(info.kind) << ")\n" << info.summary << "\n\n";
  Columns facts;
  facts.add({"Source:", info.source});
  if (!info.aliases.empty())
    facts.add({"Also named:", joined(info.aliases)});
  if (!info.types.empty())
    facts.add({"Types:", joined(names_of_types(info))});
  if (info.default_direction)
    facts.add(
        {"Direction:", std::string(name_of(*info.default_direction)) + " unless told otherwise"});
  if (info.make_tuner) {
    facts.add({"Goals:", info.several_goals ? "one or several" : "one"});
    facts.add({"Constraints:", info.constraints ? "by how much a trial breaks them"
                                                : "a trial that breaks one counts as failed"});
  }
  facts.print(std::cout);
  if (info.arguments.empty()) {
    std::cout << "\nIt takes no classArgs.\n";
    return;
  }
  std::cout << "\n";
  Columns arguments({"CLASSARGS", "VALUES", "DEFAULT", "MEANING"});
  add_rows(arguments, info.arguments, "");
  arguments.print(std::cout);
}

/// All with that name or alias: ASHA is an advisor and an assessor.
std::vector<AlgorithmInfo> named(const std::string& name) {
  std::vector<AlgorithmInfo> found;
  for (auto kind : {AlgorithmKind::tuner, AlgorithmKind::advisor, AlgorithmKind::assessor})
    if (const auto* info = find_algorithm(name, {kind}))
      found.push_back(*info);
  return found;
}

void print_algorithms(const std::vector<AlgorithmInfo>& infos, bool json) {
  Array array;
  for (const auto& info : infos) {
    if (json)
      array.push_back(to_value(info));
    else
      print_algorithm(info);
    if (!json && &info != &infos.back())
      std::cout << "\n";
  }
  if (json)
    print_json(array);
}

int unknown_algorithm(const std::string& name) {
  if (known_but_absent(name))
    return report(
        {ErrorCode::not_found, "'" + name +
                                   "' is a name of the file format that this version does not "
                                   "have; `autotune algorithms` lists those it has"});
  std::vector<std::string> known;
  for (const auto& info : algorithms())
    known.push_back(info.name);
  auto near = nearest_name(name, known);
  auto are = near.empty() ? "known are: " : "did you mean '" + near + "'? Known are: ";
  return report(
      {ErrorCode::not_found, "algorithm '" + name + "' is unknown; " + are + joined(known)});
}

int show_algorithms(const Common& common, const std::string& name) {
  bool json = common.output == "json";
  if (!name.empty()) {
    auto infos = named(name);
    if (infos.empty())
      return unknown_algorithm(name);
    print_algorithms(infos, json);
    return exit_fine;
  }
  if (json) {
    print_algorithms(algorithms(), true);
    return exit_fine;
  }
  Columns columns({"NAME", "KIND", "TYPES", "SUMMARY"});
  for (const auto& info : algorithms())
    columns.add({info.name, std::string(name_of(info.kind)), short_types(info), info.summary});
  columns.print(std::cout);
  return exit_fine;
}

// ---- tuner-stdio ----

constexpr std::size_t line_bytes_max =
    16u << 20;  // a search space of a thousand parameters is a hundredth of it

enum class Line { whole, too_long, none };

/// The next line without its end; of one that is too long nothing but the fact.
Line next_line(std::istream& in, std::string& line) {
  line.clear();
  bool any = false, too_long = false;
  for (int c = in.get(); c != std::char_traits<char>::eof(); c = in.get()) {
    any = true;
    if (c == '\n')
      break;
    if (line.size() < line_bytes_max)
      line += static_cast<char>(c);
    else
      too_long = true;
  }
  return !any ? Line::none : too_long ? Line::too_long : Line::whole;
}

/// Answers each line of `in` by a line of `out`, until there are no more or one of them says stop.
int serve_tuner(std::istream& in, std::ostream& out) {
  StdioSession session([](std::string_view json) { return read_search_space(json); });
  std::string line;
  while (!session.stopped()) {
    auto read = next_line(in, line);
    if (read == Line::none)
      return exit_fine;
    auto answer = read == Line::whole ? session.answer(line)
                                      : R"({"error":"the line is longer than )" +
                                            std::to_string(line_bytes_max) + " bytes\"}";
    if (answer.empty())
      continue;
    if (!(out << answer << "\n" << std::flush))
      return report({ErrorCode::unavailable, "answers cannot be written any more"});
  }
  return exit_fine;
}

}  // namespace

void add_files(CLI::App& app, Common& common, int& exit_code) {
  auto options = std::make_shared<FileOptions>();
  auto print = std::make_shared<bool>(false);
  auto* check = add_verb(app, common, "validate",
                         "Say all that is wrong with an experiment's file; start nothing");
  refuse_server(*check, "it needs no server: leave --server out");
  add_file_options(*check, *options);
  check->add_flag("--print", *print, "Print the experiment with its defaults filled in");
  add_output_option(*check, common, {"json"});
  check->callback(
      [&common, &exit_code, options, print] { exit_code = validate(common, *options, *print); });

  auto name = std::make_shared<std::string>();
  auto* list = add_verb(app, common, "algorithms",
                        "List tuners, assessors and advisors, or tell all of one");
  refuse_server(*list, "it needs no server: leave --server out");
  list->add_option("NAME", *name, "The one to tell all of")->type_name("");
  add_output_option(*list, common, {"json"});
  list->callback([&common, &exit_code, name] { exit_code = show_algorithms(common, *name); });

  auto* serve = add_verb(app, common, "tuner-stdio",
                         "Ask and tell a tuner by lines of JSON on stdin and stdout");
  refuse_server(*serve, "it needs no server: leave --server out");
  serve->callback([&exit_code] {
    std::ios::sync_with_stdio(false);
    exit_code = serve_tuner(std::cin, std::cout);
  });
}

}  // namespace autotune::cli
