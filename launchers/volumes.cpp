#include "launchers/volumes.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <filesystem>

namespace autotune {

namespace {

namespace fs = std::filesystem;

constexpr const char* secrets_folder = "/secrets";

const pb::Volume* find_volume(const pb::Task& task, const std::string& name) {
  for (const auto& volume : task.volumes())
    if (volume.name() == name)
      return &volume;
  return nullptr;
}

bool is_there(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

bool is_folder(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

/// "a/b" but not "/a", "a/../b": a part of a volume stays inside it.
bool stays_inside(const std::string& part) {
  fs::path path(part);
  if (path.is_absolute())
    return false;
  return std::none_of(path.begin(), path.end(), [](const fs::path& one) { return one == ".."; });
}

std::string without_slash(std::string path) {
  while (path.size() > 1 && path.back() == '/')
    path.pop_back();
  return path;
}

bool is_under(const std::string& path, const std::string& above) {
  return path == above || (path.starts_with(above) && (above == "/" || path[above.size()] == '/'));
}

std::string real_path(const std::string& path) {
  char resolved[PATH_MAX];
  return ::realpath(path.c_str(), resolved) != nullptr ? resolved : path;
}

Result<std::string> claim_folder(const AttemptContext& attempt, const std::string& claim) {
  const auto& known = attempt.plan->options().volumes();
  auto found = known.find(claim);
  if (found == known.end()) {
    std::string names;
    for (const auto& one : known)
      names += (names.empty() ? "" : ", ") + one.first;
    return fail(ErrorCode::invalid_argument,
                "the PersistentVolumeClaim '" + claim +
                    "' is not known on this machine: say where it is with --volume " + claim +
                    "=DIR; known are: " + (names.empty() ? "none" : names));
  }
  if (!is_folder(found->second))
    return fail(ErrorCode::invalid_argument,
                "--volume " + claim + "=" + found->second + ": there is no such folder");
  return real_path(found->second);
}

/// A Secret's keys as files that only their user can read.
Result<std::string> secret_files(const AttemptContext& attempt, const ReplicaPlace& replica,
                                 const pb::Volume& volume) {
  for (const auto& secret : attempt.plan->secrets()) {
    if (secret.name() != volume.secret_name())
      continue;
    auto folder = attempt.folder->replica(replica.name) + secrets_folder + "/" + volume.name();
    if (auto made = make_folders(folder); !made)
      return tl::unexpected(made.error());
    for (const auto& [key, value] : secret.data()) {
      if (!stays_inside(key) || key.find('/') != std::string::npos || key.empty())
        return fail(ErrorCode::invalid_argument, "the key '" + key + "' of the Secret '" +
                                                     secret.name() +
                                                     "' cannot be the name of a file");
      if (auto written = write_whole_file(folder + "/" + key, value); !written)
        return tl::unexpected(written.error());
    }
    return folder;
  }
  return fail(ErrorCode::invalid_argument, "volume '" + volume.name() + "' names the Secret '" +
                                               volume.secret_name() + "', which is unknown");
}

Result<std::string> source_of(const AttemptContext& attempt, const ReplicaPlace& replica,
                              const pb::Volume& volume) {
  switch (volume.source_case()) {
    case pb::Volume::kClaimName: return claim_folder(attempt, volume.claim_name());
    case pb::Volume::kHostPath:
      if (!is_there(volume.host_path()))
        return fail(ErrorCode::invalid_argument, "volume '" + volume.name() +
                                                     "': there is no hostPath " +
                                                     volume.host_path() + " on this machine");
      return real_path(volume.host_path());
    case pb::Volume::kEmptyDir: {
      auto folder = attempt.folder->replica(replica.name) + "/volumes/" + volume.name();
      if (auto made = make_folders(folder); !made)
        return tl::unexpected(made.error());
      return folder;
    }
    case pb::Volume::kSecretName: return secret_files(attempt, replica, volume);
    default:
      return fail(ErrorCode::invalid_argument,
                  "volume '" + volume.name() +
                      "' is of a kind that this launcher does not know; known are "
                      "persistentVolumeClaim, emptyDir, "
                      "hostPath, secret");
  }
}

/// Why a source cannot be mounted at this path; empty: it can.
std::string obstacle(const AttemptContext& attempt, const PlacedVolume& volume, bool can_mount) {
  if (!can_mount)
    return "this machine does not allow mounts to us";
  if (!is_there(volume.mount_path))
    return "there is no such folder on this machine to mount it at";
  if (is_folder(volume.mount_path) != is_folder(volume.source))
    return "one of them is a folder, the other is not";
  if (is_under(real_path(attempt.folder->attempt()), real_path(volume.mount_path)))
    return "the trial's own folder is below that path";
  return {};
}

bool is_path_character(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-' || c == '.' ||
         c == '/';
}

/// Whether a text has this path at this place, as a path or the beginning of one.
bool has_path_at(const std::string& text, std::size_t at, const std::string& path) {
  auto end = at + path.size();
  return text.compare(at, path.size(), path) == 0 &&
         (at == 0 || !is_path_character(text[at - 1])) &&
         (end >= text.size() || text[end] == '/' || !is_path_character(text[end]));
}

}  // namespace

std::string PlacedVolumes::outside(const std::string& path) const {
  const PlacedVolume* best = nullptr;  // the innermost mount wins
  for (const auto& volume : volumes)
    if (is_under(path, volume.mount_path) &&
        (best == nullptr || volume.mount_path.size() > best->mount_path.size()))
      best = &volume;
  return best == nullptr ? path : best->source + path.substr(best->mount_path.size());
}

std::string PlacedVolumes::map(const std::string& text) const {
  std::string out;
  // In one pass, so that what one volume's path became is not taken for another's.
  for (std::size_t at = 0; at < text.size();) {
    auto found = std::find_if(volumes.begin(), volumes.end(), [&](const PlacedVolume& volume) {
      return volume.mapped && has_path_at(text, at, volume.mount_path);
    });
    if (found == volumes.end()) {
      out += text[at++];
      continue;
    }
    out += found->source;
    at += found->mount_path.size();
  }
  return out;
}

std::vector<pb::KeeperMount> PlacedVolumes::mounts() const {
  std::vector<pb::KeeperMount> found;
  for (const auto& volume : volumes) {
    if (volume.mapped || real_path(volume.mount_path) == volume.source)
      continue;
    auto& mount = found.emplace_back();
    mount.set_source(volume.source);
    mount.set_target(volume.mount_path);
    mount.set_read_only(volume.read_only);
  }
  return found;
}

Result<PlacedVolumes> place_volumes(const AttemptContext& attempt, const ReplicaPlace& replica,
                                    bool can_mount) {
  PlacedVolumes placed;
  for (const auto& mount : replica.task->container().volume_mounts()) {
    const auto* volume = find_volume(*replica.task, mount.name());
    if (volume == nullptr)
      return fail(ErrorCode::invalid_argument, "volumeMounts names the volume '" + mount.name() +
                                                   "', which `volumes` does not have");
    PlacedVolume one;
    one.mount_path = without_slash(mount.mount_path());
    one.read_only = mount.read_only();
    if (one.mount_path.empty() || one.mount_path[0] != '/' || one.mount_path == "/")
      return fail(ErrorCode::invalid_argument, "volume '" + mount.name() + "': mountPath '" +
                                                   mount.mount_path() +
                                                   "' is to be an absolute path below /");
    auto source = source_of(attempt, replica, *volume);
    if (!source)
      return tl::unexpected(source.error());
    one.source = *source;
    if (!mount.sub_path().empty()) {
      if (!stays_inside(mount.sub_path()))
        return fail(ErrorCode::invalid_argument, "volume '" + mount.name() + "': subPath '" +
                                                     mount.sub_path() + "' leads out of it");
      one.source += "/" + mount.sub_path();
      if (!is_there(one.source))
        if (auto made = make_folders(one.source); !made)
          return tl::unexpected(made.error());
    }
    if (auto why = obstacle(attempt, one, can_mount); !why.empty()) {
      one.mapped = one.mount_path != one.source;
      if (one.mapped)
        placed.notices.push_back(
            "volume '" + mount.name() + "' is not mounted at " + one.mount_path + " (" + why +
            "): in workingDir, command and args that path is replaced by " + one.source);
    }
    placed.volumes.push_back(std::move(one));
  }
  // The outer path is mounted first; of paths that are replaced, the longer one is looked for first.
  std::stable_sort(placed.volumes.begin(), placed.volumes.end(),
                   [](const PlacedVolume& a, const PlacedVolume& b) {
                     if (a.mapped != b.mapped)
                       return b.mapped;
                     return a.mapped ? a.mount_path.size() > b.mount_path.size()
                                     : a.mount_path.size() < b.mount_path.size();
                   });
  return placed;
}

void remove_secret_files(const std::string& replica_folder) {
  auto folder = replica_folder + secrets_folder;
  if (!is_there(folder))
    return;
  std::error_code ignored;  // it may be gone with the trial's folder
  fs::remove_all(folder, ignored);
}

}  // namespace autotune
