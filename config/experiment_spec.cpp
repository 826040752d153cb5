#include "config/experiment_spec.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <tuple>
#include <unordered_set>
#include <utility>

#include "config/algorithm_reader.hpp"
#include "config/extensions_reader.hpp"
#include "config/initial_trials.hpp"
#include "config/kubernetes_fields.hpp"
#include "config/nearest_name.hpp"
#include "config/overrides.hpp"
#include "config/secret_document.hpp"
#include "config/training_config.hpp"
#include "config/yaml_reader.hpp"
#include "messages/ids.hpp"

namespace autotune {

namespace config {

namespace {

constexpr std::string_view experiment_kind = "AutoTuneExperiment";
constexpr std::string_view api_version = "tensorstack.dev/v1beta1";
constexpr std::int64_t seconds_max = 1'000'000'000;  // thirty years
constexpr std::int64_t trials_max = 1'000'000'000;
constexpr std::int64_t concurrency_max = 100'000;
constexpr std::size_t file_diagnostics_max = 1'000;  // of all documents; one has diagnostics_max

constexpr std::array<std::string_view, 18> spec_names = {"maxExecSeconds",
                                                         "maxTrialNum",
                                                         "trialConcurrency",
                                                         "storage",
                                                         "aistore",
                                                         "em",
                                                         "aimd",
                                                         "searchSpace",
                                                         "trainingConfig",
                                                         "tuner",
                                                         "assessor",
                                                         "advisor",
                                                         "seed",
                                                         "objective",
                                                         "trialPolicy",
                                                         "metricsCollector",
                                                         "launcher",
                                                         "initialTrials"};

void collect_names(const std::vector<Parameter>& parameters, std::vector<std::string_view>& out) {
  for (const auto& parameter : parameters) {
    out.push_back(parameter.name);
    for (const auto& branch : parameter.branches)
      collect_names(branch.parameters, out);
  }
}

/// Reads one document of kind AutoTuneExperiment.
class ExperimentReader {
 public:
  ExperimentReader(Reader& reader, const LoadOptions& options, LoadedExperiment& out)
      : reader_(reader), options_(options), out_(out), spec_(out.spec) {}

  void read(const Node& document) {
    static constexpr std::array<std::string_view, 5> known = {"apiVersion", "kind", "metadata",
                                                              "spec", "status"};
    Fields fields(reader_, document, "", known);
    version_and_kind(fields);
    metadata(fields);
    const auto* node = fields.find("spec");
    if (node == nullptr)
      return fields.missing("spec", "what to tune: searchSpace, trainingConfig, tuner, ...");
    Fields spec(reader_, *node, "spec", spec_names);
    if (spec.is_mapping())
      read_spec(spec);
  }

 private:
  void version_and_kind(const Fields& fields) {
    auto version = fields.text("apiVersion");
    if (version && *version != api_version)
      fields.error("apiVersion",
                   "must be " + std::string(api_version) + ", not " + quoted(*version));
    else if (!fields.has("apiVersion"))
      fields.missing("apiVersion", api_version);
    static constexpr std::array<std::string_view, 1> kinds = {experiment_kind};
    if (!fields.has("kind"))
      fields.missing("kind", experiment_kind);
    else
      fields.word("kind", kinds);
  }

  void metadata(const Fields& fields) {
    const auto* node = fields.find("metadata");
    if (node == nullptr)
      return fields.missing("metadata", "with the experiment's name");
    // What a cluster exports beside the name is accepted, whatever it is.
    Fields metadata(reader_, *node, "metadata", kubernetes::object_meta(), Unknown::is_accepted);
    auto name = metadata.required_text("name", "the experiment's name");
    if (name && !is_dns_label(*name))
      metadata.error("name", quoted(*name) +
                                 " is no name; use at most 63 of a-z, 0-9 and '-', "
                                 "with no '-' at either end");
    spec_.set_name(name.value_or(""));
    spec_.set_namespace_(metadata.text("namespace").value_or(""));
    texts_by_name(metadata, "labels", *spec_.mutable_labels());
    texts_by_name(metadata, "annotations", *spec_.mutable_annotations());
  }

  void texts_by_name(const Fields& metadata, std::string_view name,
                     google::protobuf::Map<std::string, std::string>& out) {
    const auto* node = metadata.find(name);
    if (node == nullptr)
      return;
    Fields fields(reader_, *node, metadata.path_of(name), {}, Unknown::is_accepted);
    for (const auto& member : node->members)
      if (auto text = read_text(reader_, member.value, fields.path_of(member.key)))
        out[member.key] = *text;
  }

  void read_spec(const Fields& spec) {
    limits(spec);
    read_storage(spec, spec_);
    read_aistore(spec, spec_);
    read_launcher(spec, options_.default_launcher, options_.launchers, spec_);
    search_space(spec);
    read_algorithms(spec, spec_);
    training(spec);
    auto int64_min = std::numeric_limits<std::int64_t>::min();
    auto int64_max = std::numeric_limits<std::int64_t>::max();
    if (auto seed = spec.whole("seed", int64_min, int64_max))
      spec_.set_seed(*seed);
    read_trial_policy(spec, spec_);
    read_metrics_collector(spec, spec_);
    read_initial_trials(spec, space_, spec_);
    out_.search_space = std::move(space_.space);
    warn_ignored_fields();
  }

  void limits(const Fields& spec) {
    spec_.set_max_exec_seconds(
        static_cast<double>(spec.whole("maxExecSeconds", 1, seconds_max).value_or(0)));
    spec_.set_max_trial_num(spec.whole("maxTrialNum", 1, trials_max).value_or(0));
    spec_.set_trial_concurrency(
        static_cast<std::int32_t>(spec.whole("trialConcurrency", 1, concurrency_max).value_or(1)));
    if (!spec.has("maxTrialNum") && !spec.has("maxExecSeconds"))
      reader_.warn(spec.node().place, "spec",
                   "has neither maxTrialNum nor maxExecSeconds, so only an exhausted search space "
                   "or you end the experiment");
  }

  void search_space(const Fields& spec) {
    const auto* node = spec.find("searchSpace");
    if (node == nullptr)
      return spec.missing(
          "searchSpace",
          R"(JSON text, say '{"lr": {"_type": "loguniform", "_value": [0.0001, 0.1]}}')");
    auto path = spec.path_of("searchSpace");
    std::optional<Node> storage;
    const auto* mapping = read_json_field(reader_, *node, path, storage);
    if (mapping == nullptr)
      return;
    spec_.set_search_space_json(to_json(to_value(*mapping)));
    space_ = read_search_space(reader_, *mapping, path);
  }

  /// Nothing is run where trials are simulated, and what an embedder's launcher does only it knows.
  bool takes_no_command() const {
    const auto& kind = spec_.launcher().kind();
    return kind == "simulated" || is_embedders(kind);
  }

  bool is_embedders(const std::string& kind) const {
    return std::count(options_.launchers.begin(), options_.launchers.end(), kind) > 0;
  }

  void training(const Fields& spec) {
    const auto* node = spec.find("trainingConfig");
    if (node == nullptr) {
      if (!takes_no_command())
        return spec.missing("trainingConfig", "what a trial runs: {type, tasks: [...]}");
      // Somebody has to report: one worker, which runs nothing.
      auto& training = *spec_.mutable_training_config();
      training.set_type("generic");
      auto& task = *training.add_tasks();
      task.set_role("worker");
      task.set_replicas(1);
      task.mutable_container()->set_name("worker");
      task.set_template_json(R"({"spec":{"containers":[{"name":"worker"}]}})");
      return;
    }
    TrainingContext context;
    context.launcher = spec_.launcher().kind();
    context.needs_command = !takes_no_command();
    context.has_parameters = !space_.space.parameters.empty();
    collect_names(space_.space.parameters, context.parameter_names);
    context.parameter_names.insert(context.parameter_names.end(), space_.unreadable.begin(),
                                   space_.unreadable.end());
    read_training_config(reader_, *node, spec.path_of("trainingConfig"), context,
                         *spec_.mutable_training_config());
  }

  void warn_ignored_fields() {
    const auto& launcher = spec_.launcher().kind();
    if (launcher.empty() || is_embedders(launcher))
      return;
    std::string list;
    for (const auto& name :
         ignored_fields(spec_.training_config(), launcher, options_.honor_run_as_user))
      list += (list.empty() ? "" : ", ") + name;
    const std::string path = "spec.trainingConfig.tasks";
    if (!list.empty())
      reader_.warn(reader_.places.place_of(path), path,
                   "the " + launcher + " launcher ignores: " + list);
  }

  Reader& reader_;
  const LoadOptions& options_;
  LoadedExperiment& out_;
  pb::ExperimentSpec& spec_;
  ReadSpace space_;
};

/// Reads the documents of one file, one after the other.
class FileReader {
 public:
  FileReader(const Source& source, std::string name, const std::vector<std::string>& overrides,
             const LoadOptions& options)
      : source_(source), name_(std::move(name)), overrides_(overrides), options_(options) {}

  LoadedFile read() {
    auto read = read_yaml(source_);
    auto reader = new_reader();
    for (auto& mistake : read.mistakes)
      reader.error(mistake.place, "", std::move(mistake.message));
    if (read.documents.empty() && read.mistakes.empty())
      reader.error({1, 1}, "", "holds no document; write an AutoTuneExperiment");
    take(reader);
    for (auto& document : read.documents)
      list_or_document(document);
    in_order();
    if (left_out_ > 0)
      file_.diagnostics.push_back(
          {name_, 0, 0, Severity::error, "",
           std::to_string(left_out_) + " more documents were not looked at"});
    return std::move(file_);
  }

 private:
  Reader new_reader() const { return {source_, name_, overrides_}; }

  void take(Reader& reader) {
    auto diagnostics = reader.take_diagnostics();
    std::move(diagnostics.begin(), diagnostics.end(), std::back_inserter(file_.diagnostics));
  }

  void list_or_document(Node& document) {
    const auto* kind = document.find("kind");
    bool is_list =
        kind != nullptr && (kind->text == "AutoTuneExperimentList" || kind->text == "List");
    if (!is_list)
      return one(document);
    for (auto& member : document.members)
      if (member.key == "items" && member.value.kind == Kind::array)
        for (auto& item : member.value.items)
          one(item);
  }

  void one(Node& document) {
    static constexpr std::array<std::string_view, 4> kinds = {experiment_kind, "Secret",
                                                              "AutoTuneExperimentList", "List"};
    if (file_.diagnostics.size() >= file_diagnostics_max) {
      ++left_out_;
      return;
    }
    const auto* kind = document.find("kind");
    auto reader = new_reader();
    if (kind != nullptr && kind->text == "Secret") {
      secret(reader, document);
    } else if (kind == nullptr || kind->text == experiment_kind ||
               document.find("spec") == nullptr ||
               nearest_name(kind->text, kinds) == std::string(experiment_kind)) {
      experiment(reader, document);
    } else {
      reader.error(kind->place, "kind",
                   quoted(kind->text) + " is unknown; known are " + list_of(kinds));
    }
    take(reader);
  }

  void secret(Reader& reader, const Node& document) {
    pb::SecretDocument out;
    read_secret(reader, document, out);
    if (!out.name().empty() && !secret_names_.insert(out.name()).second)
      reader.error(reader.places.place_of("metadata.name"), "metadata.name",
                   quoted(out.name()) + " names another Secret of this file already");
    file_.secrets.push_back(std::move(out));
  }

  void experiment(Reader& reader, Node& document) {
    for (std::size_t i = 0; i < overrides_.size(); ++i)
      for (auto& mistake : apply_override(source_, overrides_[i], static_cast<int>(i), document))
        reader.error(mistake.place, "", std::move(mistake.message));
    LoadedExperiment out;
    ExperimentReader(reader, options_, out).read(document);
    out.places = std::move(reader.places);
    reader.places = PathPlaces(name_, overrides_);
    file_.experiments.push_back(std::move(out));
  }

  /// The file's order; what an override did wrong in each of several experiments is told once.
  void in_order() {
    auto& all = file_.diagnostics;
    std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
      return std::tie(a.line, a.column) < std::tie(b.line, b.column);
    });
    std::vector<Diagnostic> once;
    for (auto& diagnostic : all) {
      bool is_override = diagnostic.line == 0;
      if (!is_override || std::find(once.begin(), once.end(), diagnostic) == once.end())
        once.push_back(std::move(diagnostic));
    }
    all = std::move(once);
  }

  const Source& source_;
  std::string name_;
  const std::vector<std::string>& overrides_;
  const LoadOptions& options_;
  LoadedFile file_;
  std::unordered_set<std::string> secret_names_;
  std::size_t left_out_ = 0;
};

}  // namespace

}  // namespace config

bool LoadedFile::ok() const {
  return std::none_of(diagnostics.begin(), diagnostics.end(),
                      [](const auto& d) { return d.severity == Severity::error; });
}

LoadedFile load_text(std::string_view text, std::string file_name,
                     const std::vector<std::string>& overrides, const LoadOptions& options) {
  constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
  if (text.starts_with(byte_order_mark))
    text.remove_prefix(byte_order_mark.size());
  config::Source source(text);
  return config::FileReader(source, std::move(file_name), overrides, options).read();
}

}  // namespace autotune
