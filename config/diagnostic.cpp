#include "config/diagnostic.hpp"

#include <utility>

namespace autotune {

std::string format(const Diagnostic& diagnostic) {
  auto out = diagnostic.file;
  if (diagnostic.line > 0)
    out += ":" + std::to_string(diagnostic.line) + ":" + std::to_string(diagnostic.column);
  out += diagnostic.severity == Severity::error ? ": error: " : ": warning: ";
  if (!diagnostic.path.empty())
    out += diagnostic.path + ": ";
  return out + diagnostic.message;
}

PathPlaces::PathPlaces(std::string file, std::vector<std::string> overrides)
    : file_(std::move(file)), overrides_(std::move(overrides)) {}

void PathPlaces::set(std::string path, config::Place place) {
  places_.insert_or_assign(std::move(path), place);
}

config::Place PathPlaces::place_of(std::string_view path) const {
  for (;; path = parent_path(path)) {
    auto found = places_.find(std::string(path));
    if (found != places_.end())
      return found->second;
    if (path.empty())
      return {};
  }
}

Diagnostic PathPlaces::diagnostic(Severity severity, std::string path, std::string message) const {
  auto place = place_of(path);
  return {file_of(place), place.line, place.column, severity, std::move(path), std::move(message)};
}

std::string PathPlaces::file_of(const config::Place& place) const {
  auto index = static_cast<std::size_t>(place.override_index);
  return place.override_index >= 0 && index < overrides_.size() ? "--set " + overrides_[index]
                                                                : file_;
}

std::string_view parent_path(std::string_view path) {
  auto cut = path.find_last_of(".[");
  return cut == std::string_view::npos ? std::string_view{} : path.substr(0, cut);
}

}  // namespace autotune
