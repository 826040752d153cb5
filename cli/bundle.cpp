#include "cli/bundle.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>

#include <google/protobuf/util/json_util.h>
#include <sys/utsname.h>

#include "cli/archive.hpp"
#include "cli/local_server.hpp"
#include "cli/redaction.hpp"
#include "cli/versions.hpp"
#include "config/spec_printer.hpp"
#include "config/yaml_reader.hpp"
#include "launchers/keeper_protocol.hpp"

namespace autotune::cli {

namespace {

namespace fs = std::filesystem;

// What somebody can still read and send; the newest of each is what matters.
constexpr std::size_t experiments_max = 20;
constexpr std::size_t events_max = 20'000;
constexpr std::size_t trials_max = 20'000;
constexpr std::size_t log_bytes_max = 4u << 20;

/// One bundle in the making.
struct Bundle {
  Archive archive;
  Redaction redaction;
  std::string notes;  ///< what is missing, and why

  void add(const std::string& name, std::string text) {
    archive.add("bundle/" + name, redaction.clean(std::move(text)));
  }
  void note(const std::string& text) { notes += "- " + text + "\n"; }
};

std::string json_of(const google::protobuf::Message& message) {
  std::string text;
  auto status = google::protobuf::util::MessageToJsonString(message, &text);
  return status.ok() ? text : "{}";
}

void add_versions(Bundle& bundle) {
  Object object;
  for (auto& [name, version] : versions())
    object.emplace_back(name, std::move(version));
  utsname system{};
  if (::uname(&system) == 0)
    object.emplace_back("kernel",
                        std::string(system.sysname) + " " + system.release + " " + system.machine);
  bundle.add("versions.json", to_json(object) + "\n");
}

/// The end of a file, from a whole line on.
std::string tail_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  if (!in)
    return {};
  auto size = static_cast<std::size_t>(std::max<std::streamoff>(0, in.tellg()));
  auto start = size > log_bytes_max ? size - log_bytes_max : 0;
  in.seekg(static_cast<std::streamoff>(start));
  std::string text(std::istreambuf_iterator<char>(in), {});
  return start == 0 ? text : text.substr(std::min(text.size(), text.find('\n') + 1));
}

void add_configuration(Bundle& bundle, const fs::path& home) {
  auto path = home / "config.yaml";
  std::error_code code;
  if (!fs::exists(path, code))
    return bundle.note("config.yaml: the home has none");
  auto text = tail_of(path);
  auto read = config::read_yaml(config::Source(text));
  if (!read.mistakes.empty())
    return bundle.note("config.yaml: cannot be read, so it was left out");
  for (const auto& document : read.documents) {
    auto value = config::to_value(document);
    remove_credentials(value);
    bundle.add("config.json", to_json(value) + "\n");
  }
}

void add_logs(Bundle& bundle, const fs::path& home) {
  std::error_code code;
  bool any = false;
  for (fs::directory_iterator it(home / "logs", code), end; !code && it != end;
       it.increment(code)) {
    if (!it->is_regular_file(code))
      continue;
    bundle.add("logs/" + it->path().filename().string(), tail_of(it->path()));
    any = true;
  }
  if (!any)
    bundle.note("logs: the home has none");
}

/// Every secret and every value of an environment that the store knows, of all experiments.
void learn_secrets(Bundle& bundle, StoreReader& reader,
                   const std::vector<pb::ExperimentSummary>& experiments) {
  constexpr std::size_t environment_bytes_min =
      6;  // "true" and "1000" are no secrets, and in every text
  for (const auto& summary : experiments) {
    for (const auto& value : environment_values(summary.spec()))
      if (value.size() >= environment_bytes_min)
        bundle.redaction.hide(value);
    auto secrets = reader.secrets(summary.id());
    if (!secrets) {
      bundle.note(
          "secrets of " + summary.id() +
          " cannot be read, so nothing could be searched for them: " + secrets.error().message);
      continue;
    }
    for (const auto& secret : *secrets)
      for (const auto& [name, value] : secret.data())
        bundle.redaction.hide(value);
  }
}

void add_experiment(Bundle& bundle, StoreReader& reader, pb::ExperimentSummary summary) {
  const auto folder = summary.id() + "/";
  remove_environment(*summary.mutable_spec());
  remove_environment(*summary.mutable_options());
  bundle.add(folder + "spec.yaml", print_spec(summary.spec()));
  summary.clear_spec();
  bundle.add(folder + "experiment.json", json_of(summary) + "\n");
  if (auto trials = reader.trials(summary.id())) {
    std::string text;
    for (auto i = trials->size() - std::min(trials->size(), trials_max); i < trials->size(); ++i)
      text += json_of((*trials)[i]) + "\n";
    bundle.add(folder + "trials.jsonl", std::move(text));
  } else {
    bundle.note("trials of " + summary.id() + ": " + trials.error().message);
  }
  if (auto events = reader.events(summary.id())) {
    std::string text;
    for (auto i = events->size() - std::min(events->size(), events_max); i < events->size(); ++i) {
      remove_environment((*events)[i].event);
      text += json_of((*events)[i].event) + "\n";
    }
    bundle.add(folder + "events.jsonl", std::move(text));
  } else {
    bundle.note("events of " + summary.id() + ": " + events.error().message);
  }
}

void add_experiments(Bundle& bundle, StoreReader& reader,
                     const std::vector<pb::ExperimentSummary>& experiments) {
  auto first = experiments.size() - std::min(experiments.size(), experiments_max);
  if (first > 0)
    bundle.note(std::to_string(first) + " older experiments were left out");
  for (auto i = first; i < experiments.size(); ++i)
    add_experiment(bundle, reader, experiments[i]);
}

}  // namespace

Result<void> write_bundle(const fs::path& file, const fs::path& home, const Checks& checks) {
  Bundle bundle;
  auto reader = reader_of(home);
  auto experiments = reader ? (*reader)->experiments() : tl::unexpected(reader.error());
  if (experiments)
    learn_secrets(bundle, **reader, *experiments);  // before anything is added
  else
    bundle.note("experiments: " + experiments.error().message);
  add_versions(bundle);
  bundle.add("doctor.json", to_json(to_value(checks)) + "\n");
  add_configuration(bundle, home);
  add_logs(bundle, home);
  if (experiments)
    add_experiments(bundle, **reader, *experiments);
  bundle.add(
      "README.md",
      "What `autotune doctor --bundle` gathered for a bug report. Values of secrets and of the "
      "trials' environment\nwere removed; parameters and metrics are there. Programs' own output "
      "(stdout, stderr) is not.\n\nNot in it:\n" +
          (bundle.notes.empty() ? "- nothing is missing\n" : bundle.notes));
  return bundle.archive.write(file, wall_clock_ms() / 1000);
}

}  // namespace autotune::cli
