// What all readers of a specification share: where mistakes go, and fields that check themselves.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/diagnostic.hpp"
#include "config/node.hpp"
#include "config/source.hpp"

namespace autotune::config {

/// Names that a mapping may have, or words that a field may hold.
using Names = std::span<const std::string_view>;

inline constexpr std::size_t diagnostics_max =
    200;  // nobody reads more; the count of the rest is told

/// Takes the mistakes of one document, and the places of its paths.
class Reader {
 public:
  Reader(const Source& source, std::string file, std::vector<std::string> overrides);

  const Source& source() const { return source_; }

  void error(const Place& place, std::string path, std::string message);
  void warn(const Place& place, std::string path, std::string message);

  /// True while mistakes are still told; beyond, finding good words for them would be wasted.
  bool is_listening() const { return diagnostics_.size() < diagnostics_max; }

  PathPlaces places;

  /// The mistakes in the order of the file (those of overrides first).
  std::vector<Diagnostic> take_diagnostics();

 private:
  void add(Severity severity, const Place& place, std::string path, std::string message);

  const Source& source_;
  std::vector<Diagnostic> diagnostics_;
  std::size_t left_out_ = 0;
};

enum class Unknown {
  is_error,    ///< named with the nearest known field
  is_accepted  ///< whatever stands there
};

/// A mapping of which the fields are known. Its constructor tells what is wrong with its shape; a field that is
/// null counts as absent.
class Fields {
 public:
  Fields(Reader& reader, const Node& node, std::string path, Names known,
         Unknown unknown = Unknown::is_error);

  Reader& reader() const { return reader_; }
  const Node& node() const { return node_; }
  const std::string& path() const { return path_; }
  std::string path_of(std::string_view name) const {
    return path_.empty() ? std::string(name) : path_ + "." + std::string(name);
  }

  /// False where the value is no mapping, which has been told.
  bool is_mapping() const { return node_.kind == Kind::object; }

  /// The field's value; null where it is absent.
  const Node* find(std::string_view name) const;
  bool has(std::string_view name) const { return find(name) != nullptr; }

  // Each of these gives nothing where the field is absent, or is wrong, which has been told.
  std::optional<std::int64_t> whole(std::string_view name, std::int64_t min,
                                    std::int64_t max) const;
  std::optional<double> real(std::string_view name, double min, double max) const;
  std::optional<bool> flag(std::string_view name) const;
  std::optional<std::string> text(std::string_view name) const;
  std::optional<std::string> word(std::string_view name, Names known) const;
  std::vector<std::string> texts(std::string_view name) const;
  /// texts(), of which each can be a word of a command: no NUL, with which the system would end it. The first names a
  /// program and must not be blank where `has_program`.
  std::vector<std::string> command_words(std::string_view name, bool has_program) const;
  /// The items of a list field; empty where absent or wrong.
  std::span<const Node> items(std::string_view name) const;

  /// text(), and an error where the field is absent; `what` says what to write.
  std::optional<std::string> required_text(std::string_view name, std::string_view what) const;

  void error(std::string_view name, std::string message) const;
  void missing(std::string_view name, std::string_view what) const;

 private:
  Reader& reader_;
  const Node& node_;
  std::string path_;
};

/// "path[3]".
std::string path_at(const std::string& path, std::size_t index);

// The values of single nodes, told where they are wrong.
std::optional<std::int64_t> read_whole(Reader& reader, const Node& node, const std::string& path,
                                       std::int64_t min, std::int64_t max);
std::optional<double> read_real(Reader& reader, const Node& node, const std::string& path);
std::optional<std::string> read_text(Reader& reader, const Node& node, const std::string& path);
std::optional<std::string> read_word(Reader& reader, const Node& node, const std::string& path,
                                     Names known);

/// The mapping that a field holds as JSON text or as it is; `storage` keeps what was read from text. Null where it
/// is neither, which has been told.
const Node* read_json_field(Reader& reader, const Node& node, const std::string& path,
                            std::optional<Node>& storage);

}  // namespace autotune::config
