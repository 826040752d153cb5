#include "cli/experiment_file.hpp"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <set>
#include <sstream>
#include <thread>

#include "actors/placement_core.hpp"

namespace autotune::cli {

namespace {

constexpr std::uintmax_t file_bytes_max =
    64u << 20;  // no experiment is that long; a log by mistake may be

Result<std::string> text_of(const std::string& path) {
  if (path == "-")
    return std::string(std::istreambuf_iterator<char>(std::cin), {});
  std::error_code code;
  if (std::filesystem::is_directory(path, code))
    return fail(ErrorCode::not_found, path + " is a folder; name the experiment's YAML file in it");
  auto size = std::filesystem::file_size(path, code);
  if (!code && size > file_bytes_max)
    return fail(ErrorCode::invalid_argument,
                path + " is larger than 64 MiB: is that an experiment file?");
  std::ifstream in(path, std::ios::binary);
  if (!in)
    return fail(ErrorCode::not_found, path + ": " + std::strerror(errno));
  return std::string(std::istreambuf_iterator<char>(in), {});
}

void warn_about(const pb::ExperimentSpec& spec, const LoadedFile& file) {
  const auto& secret = spec.aistore().secret();
  bool known = secret.empty() || std::any_of(file.secrets.begin(), file.secrets.end(),
                                             [&](const auto& one) { return one.name() == secret; });
  if (!known)
    std::cerr << "warning: spec.aistore: Secret '" << secret
              << "' is not known here, so nothing is recorded there; the results stay with the "
                 "experiment\n";
  double cpu = 0;
  for (const auto& task : spec.training_config().tasks())
    cpu += task.replicas() * task.container().requests().cpu();
  cpu *= spec.trial_concurrency();
  auto cores = std::max(1u, std::thread::hardware_concurrency());
  if (cpu > cores)
    std::cerr << "notice: the trials that run together ask for " << cpu
              << " cores, this machine has " << cores
              << "; they share them (--strict-resources makes trials wait instead)\n";
}

}  // namespace

Result<pb::RunOptions> options_of(const FileOptions& options) {
  pb::RunOptions result;
  for (const auto& text : options.volumes) {
    auto equals = text.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == text.size())
      return fail(ErrorCode::invalid_argument, "--volume wants CLAIM=DIR, not '" + text + "'");
    auto dir = std::filesystem::absolute(text.substr(equals + 1)).lexically_normal();
    if (!std::filesystem::is_directory(dir))
      return fail(ErrorCode::invalid_argument,
                  "--volume " + text + ": there is no folder " + dir.string());
    (*result.mutable_volumes())[text.substr(0, equals)] = dir.string();
  }
  for (const auto& text : options.overrides)
    result.add_overrides(text);
  auto folder = options.file == "-"
                    ? std::filesystem::current_path()
                    : std::filesystem::absolute(options.file).lexically_normal().parent_path();
  result.set_folder(folder.string());
  result.set_honor_run_as_user(options.honor_run_as_user);
  result.set_strict_resources(options.strict_resources);
  return result;
}

Result<void> check_claims(const pb::ExperimentSpec& spec, const pb::RunOptions& options,
                          const std::set<std::string>& held) {
  if (spec.launcher().kind() == "simulated" || spec.launcher().kind() == "kubernetes")
    return {};
  std::set<std::string> missing;
  for (const auto& task : spec.training_config().tasks())
    for (const auto& volume : task.volumes())
      if (!volume.claim_name().empty() && options.volumes().count(volume.claim_name()) == 0 &&
          held.count(volume.claim_name()) == 0)
        missing.insert(volume.claim_name());
  if (missing.empty())
    return {};
  std::string text;
  for (const auto& claim : missing)
    text += (text.empty() ? "" : " ") + ("--volume " + claim + "=DIR");
  return fail(
      ErrorCode::invalid_argument,
      "the file mounts a PersistentVolumeClaim; say which folder of this machine it is: " + text);
}

Result<LoadedFile> load_file(const FileOptions& options) {
  auto text = text_of(options.file);
  if (!text)
    return tl::unexpected(text.error());
  auto overrides = options.overrides;
  if (!options.name.empty())
    overrides.push_back("metadata.name=" + options.name);
  auto file = load_and_check(*text, options.file, overrides,
                             {.honor_run_as_user = options.honor_run_as_user});
  if (options.seed)
    for (auto& loaded : file.experiments)
      loaded.spec.set_seed(*options.seed);
  if (file.ok() && file.experiments.empty())
    return fail(ErrorCode::invalid_argument, options.file + " holds no AutoTuneExperiment");
  return file;
}

Result<LoadedFile> read_file(const FileOptions& options) {
  auto loaded = load_file(options);
  if (!loaded)
    return loaded;
  auto& file = *loaded;
  std::size_t errors = 0;
  for (const auto& diagnostic : file.diagnostics) {
    std::cerr << format(diagnostic) << "\n";
    errors += diagnostic.severity == Severity::error ? 1 : 0;
  }
  if (errors > 0)
    return fail(ErrorCode::invalid_argument, std::to_string(errors) +
                                                 (errors == 1 ? " mistake" : " mistakes") + " in " +
                                                 options.file + "; nothing was started");
  return loaded;
}

Result<std::vector<pb::Submit>> submissions_of(const FileOptions& options) {
  auto run_options = options_of(options);
  if (!run_options)
    return tl::unexpected(run_options.error());
  auto file = read_file(options);
  if (!file)
    return tl::unexpected(file.error());
  std::vector<pb::Submit> submissions;
  for (auto& loaded : file->experiments) {
    pb::Submit submit;
    *submit.mutable_spec() = std::move(loaded.spec);
    *submit.mutable_options() = *run_options;
    if (auto found = check_claims(submit.spec(), *run_options, options.claims_held); !found)
      return tl::unexpected(found.error());
    warn_about(submit.spec(), *file);
    for (const auto& secret : file->secrets)
      *submit.add_secrets() = secret;
    submissions.push_back(std::move(submit));
  }
  return submissions;
}

}  // namespace autotune::cli
