#include "config/extensions_reader.hpp"

#include <algorithm>
#include <array>
#include <exception>
#include <limits>
#include <optional>
#include <regex>
#include <utility>
#include <vector>

#include "config/nearest_name.hpp"
#include "config/quantity.hpp"
#include "messages/objective.hpp"

namespace autotune::config {

namespace {

constexpr double seconds_max = 1e9;         // thirty years
constexpr std::size_t pattern_max = 1'000;  // the compiler of patterns recurses
constexpr int count_digits_max = 9;         // it reads counts into an int, unchecked

// Where `kind: file` gives no pattern, a line that is a number counts.
constexpr std::string_view number_line =
    R"(^\s*([-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)\s*$)";

/// Whether a count ({3} or {3,7}) or a back-reference (\1) of the pattern is too long a number. Between [ and ] the
/// same is refused, though it counts nothing there.
bool counts_too_far(std::string_view pattern) {
  int digits = 0;
  bool escaped = false;
  bool in_braces = false;
  for (char c : pattern) {
    if (c >= '0' && c <= '9' && (escaped || in_braces)) {
      if (++digits > count_digits_max)
        return true;
      continue;
    }
    escaped = escaped && digits == 0;  // \1 ends where its digits end
    digits = 0;
    if (!escaped && c == '{')
      in_braces = true;
    else if (c != ',')
      in_braces = false;
    escaped = !escaped && c == '\\';
  }
  return false;
}

/// Why the pattern cannot be used; empty where it can.
std::string mistake_in_pattern(const std::string& pattern) {
  if (pattern.size() > pattern_max)
    return "must not be longer than " + std::to_string(pattern_max) + " bytes";
  if (counts_too_far(pattern))
    return "must not count to a number of more than " + std::to_string(count_digits_max) +
           " digits; say {3} or {3,7}";
  try {
    auto groups = std::regex(pattern, std::regex::ECMAScript).mark_count();
    if (groups != 1)
      return "must have exactly one group ( ), which holds the number; it has " +
             std::to_string(groups) + ". Groups written (?: ) do not count";
  } catch (const std::exception& e) {
    return "is no ECMAScript regular expression: " + std::string(e.what());
  }
  return {};
}

}  // namespace

void read_storage(const Fields& spec_fields, pb::ExperimentSpec& spec) {
  const auto* node = spec_fields.find("storage");
  if (node == nullptr)
    return;
  if (node->kind != Kind::text && node->kind != Kind::number)
    return spec_fields.error("storage", "must be a quantity, say 100Mi, not " + shown(*node));
  auto bytes = read_bytes(node->text);
  if (!bytes)
    spec_fields.error("storage", bytes.error().message);
  else if (*bytes == 0)
    spec_fields.error("storage", "must be greater than 0; leave it out for no quota");
  else
    spec.set_storage_bytes(*bytes);
}

void read_aistore(const Fields& spec_fields, pb::ExperimentSpec& spec) {
  static constexpr std::array<std::string_view, 3> names = {"aistore", "em", "aimd"};
  static constexpr std::array<std::string_view, 3> known = {"secret", "folder", "url"};
  std::string_view used;
  for (auto name : names) {
    if (!spec_fields.has(name))
      continue;
    if (!used.empty()) {
      spec_fields.error(name, "is another name of '" + std::string(used) + "'; remove one");
      continue;
    }
    used = name;
    Fields fields(spec_fields.reader(), *spec_fields.find(name), spec_fields.path_of(name), known);
    auto& store = *spec.mutable_aistore();
    store.set_secret(
        fields.required_text("secret", "the Secret that holds the API key").value_or(""));
    store.set_folder(fields.required_text("folder", "the folder's ID").value_or(""));
    store.set_url(fields.text("url").value_or(""));
    if (!store.url().empty() && !store.url().starts_with("http://") &&
        !store.url().starts_with("https://"))
      fields.error("url", "must start with https:// or http://, not be " + quoted(store.url()));
  }
}

void read_trial_policy(const Fields& spec_fields, pb::ExperimentSpec& spec) {
  static constexpr std::array<std::string_view, 4> known = {"maxRetries", "retryOn",
                                                            "maxTrialSeconds", "backoffSeconds"};
  static constexpr std::array<std::string_view, 3> reasons = {"Failed", "DeadlineExceeded",
                                                              "NoFinalResult"};
  auto& policy = *spec.mutable_trial_policy();
  policy.set_backoff_seconds(1);
  const auto* node = spec_fields.find("trialPolicy");
  if (node == nullptr) {
    policy.add_retry_on("Failed");
    return;
  }
  Fields fields(spec_fields.reader(), *node, spec_fields.path_of("trialPolicy"), known);
  auto retries = fields.whole("maxRetries", 0, std::numeric_limits<std::int32_t>::max());
  policy.set_max_retries(static_cast<std::int32_t>(retries.value_or(0)));
  policy.set_backoff_seconds(fields.real("backoffSeconds", 0, 60).value_or(1));
  auto seconds = fields.real("maxTrialSeconds", 0, seconds_max);
  if (seconds && *seconds <= 0)
    fields.error("maxTrialSeconds", "must be greater than 0; leave it out for no limit");
  policy.set_max_trial_seconds(seconds.value_or(0));
  if (!fields.has("retryOn"))
    policy.add_retry_on("Failed");
  auto items = fields.items("retryOn");
  for (std::size_t i = 0; i < items.size(); ++i) {
    auto word =
        read_word(fields.reader(), items[i], path_at(fields.path_of("retryOn"), i), reasons);
    if (word && std::find(policy.retry_on().begin(), policy.retry_on().end(), *word) ==
                    policy.retry_on().end())
      policy.add_retry_on(*word);
  }
}

void read_metrics_collector(const Fields& spec_fields, pb::ExperimentSpec& spec) {
  static constexpr std::array<std::string_view, 4> known = {"kind", "pattern", "path", "tag"};
  static constexpr std::array<std::string_view, 4> kinds = {"sdk", "stdout", "file", "tensorboard"};
  auto& collector = *spec.mutable_metrics_collector();
  collector.set_kind("sdk");
  const auto* node = spec_fields.find("metricsCollector");
  if (node == nullptr)
    return;
  Fields fields(spec_fields.reader(), *node, spec_fields.path_of("metricsCollector"), known);
  if (!fields.has("kind"))
    fields.missing("kind", list_of(kinds));
  auto kind = fields.word("kind", kinds);
  if (!kind)
    return;
  collector.set_kind(*kind);
  auto take = [&](std::string_view name, bool is_taken, bool is_required, std::string_view what) {
    if (is_taken && is_required)
      return fields.required_text(name, what).value_or("");
    if (!is_taken && fields.has(name))
      fields.error(name, "means nothing to a collector of kind " + *kind + "; remove it");
    return is_taken ? fields.text(name).value_or("") : std::string();
  };
  bool is_stdout = *kind == "stdout";
  bool is_file = *kind == "file";
  bool is_tensorboard = *kind == "tensorboard";
  auto pattern = take("pattern", is_stdout || is_file, is_stdout,
                      "a regular expression with one group, say 'accuracy=([0-9.eE+-]+)'");
  collector.set_path(
      take("path", is_file || is_tensorboard, true,
           is_file ? "the file that the program writes" : "the folder of the event files"));
  collector.set_tag(take("tag", is_tensorboard, true, "the scalar's name, say 'val_accuracy'"));
  // A line of a file without a pattern may be a report of several metrics.
  const auto metrics = Objective(spec.objective()).metrics();
  const std::vector<std::string_view> names(metrics.begin(), metrics.end());
  if (names.size() > 1 && (is_stdout || is_tensorboard || fields.has("pattern")))
    fields.reader().warn(fields.find("kind")->place, fields.path_of("kind"),
                         *kind + " gives one number, but spec.objective asks for " +
                             list_of(names) +
                             ": a trial counts only if it also reports a final result that is an "
                             "object which holds them");
  if (is_file && !fields.has("pattern"))
    pattern = number_line;
  collector.set_pattern(pattern);
  if (!fields.has("pattern") || pattern.empty())
    return;
  if (auto mistake = mistake_in_pattern(pattern); !mistake.empty())
    fields.error("pattern", std::move(mistake));
}

void read_launcher(const Fields& spec_fields, const std::string& otherwise,
                   const std::vector<std::string>& more, pb::ExperimentSpec& spec) {
  std::vector<std::string_view> kinds = {"process", "slurm", "kubernetes", "container",
                                         "simulated"};
  kinds.insert(kinds.end(), more.begin(), more.end());
  const auto* node = spec_fields.find("launcher");
  auto& launcher = *spec.mutable_launcher();
  launcher.set_kind(otherwise);
  launcher.set_options_json("{}");
  if (node == nullptr)
    return;
  auto& reader = spec_fields.reader();
  auto path = spec_fields.path_of("launcher");
  if (node->kind == Kind::text) {
    launcher.set_kind(read_word(reader, *node, path, kinds).value_or(otherwise));
    return;
  }
  // What stands beside the kind is the launcher's to judge.
  Fields fields(reader, *node, path, {}, Unknown::is_accepted);
  if (!fields.has("kind"))
    fields.missing("kind", list_of(kinds));
  launcher.set_kind(fields.word("kind", kinds).value_or(otherwise));
  Object options;
  for (const auto& member : node->members)
    if (member.key != "kind")
      options.emplace_back(member.key, to_value(member.value));
  launcher.set_options_json(to_json(Value(std::move(options))));
}

}  // namespace autotune::config
