// What is wrong in a file, where, and what would be right.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "config/source.hpp"

namespace autotune {

enum class Severity { error, warning };

/// One mistake (or one thing that a user should know).
struct Diagnostic {
  std::string file;  ///< the file's name, or "--set PATH=VALUE"
  int line = 0;      ///< from 1; 0 where `file` has no lines
  int column = 0;    ///< from 1, in characters
  Severity severity = Severity::error;
  std::string path;  ///< "spec.searchSpace.lr._value[1]"; may be empty
  std::string message;

  friend bool operator==(const Diagnostic&, const Diagnostic&) = default;
};

/// "file:line:column: error: path: message" on one line, without a newline.
std::string format(const Diagnostic& diagnostic);

/// Where each path of one experiment was written, so that what other layers find wrong can be shown there.
class PathPlaces {
 public:
  PathPlaces() = default;
  PathPlaces(std::string file, std::vector<std::string> overrides);

  void set(std::string path, config::Place place);

  /// The place of the path, else that of its nearest parent; line 0 where none is known.
  config::Place place_of(std::string_view path) const;

  /// A diagnostic at the place of `path`.
  Diagnostic diagnostic(Severity severity, std::string path, std::string message) const;

  /// The file's name, or "--set PATH=VALUE" for a place that an override wrote.
  std::string file_of(const config::Place& place) const;

  std::size_t size() const { return places_.size(); }

 private:
  std::string file_;
  std::vector<std::string> overrides_;
  std::unordered_map<std::string, config::Place> places_;
};

/// The path one level up: "a.b[1]" -> "a.b" -> "a" -> "".
std::string_view parent_path(std::string_view path);

}  // namespace autotune
