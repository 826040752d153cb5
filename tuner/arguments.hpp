// The arguments of an algorithm: tables that say what is legal, and the checked values.
#pragma once

#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "messages/value.hpp"

namespace autotune {

/// A mistake in what an experiment says of its algorithms.
struct AlgorithmError {
  std::string path;     ///< into the spec: "tuner.classArgs.gamma"
  std::string message;  ///< what is wrong and what would be right

  friend bool operator==(const AlgorithmError&, const AlgorithmError&) = default;
};

enum class ArgumentKind { boolean, integer, real, word, text, group };

/// One argument of an algorithm, as `autotune algorithms` prints it and as it is checked.
struct ArgumentInfo {
  std::string name;
  ArgumentKind kind = ArgumentKind::real;
  Value fallback = {};       ///< the default; null: none (what then happens stands in `meaning`)
  std::string meaning = {};  ///< one sentence
  double least = -std::numeric_limits<double>::infinity();
  double most = std::numeric_limits<double>::infinity();
  bool least_excluded = false;
  std::vector<std::string> words = {};     ///< what a word may be
  bool nullable = false;                   ///< null may be written (a word "none" counts as null)
  std::vector<ArgumentInfo> members = {};  ///< of a group

  /// "a number in (0.0, 1.0]"; "one of min, max, mean or null".
  std::string range() const;
};

/// Checks `given` (an object) against the table; paths start with `path`. All mistakes at once.
std::vector<AlgorithmError> check_arguments(const Value& given,
                                            const std::vector<ArgumentInfo>& table,
                                            const std::string& path);

/// Checked arguments with the table's defaults filled in. A name that the table lacks is a bug of
/// the caller.
class Arguments {
 public:
  Arguments(Value given, const std::vector<ArgumentInfo>& table)
      : given_(std::move(given)), table_(&table) {}

  /// True where the file itself gives the argument a value other than null.
  bool given(std::string_view name) const {
    const auto* value = given_.find(name);
    return value != nullptr && !value->is_null();
  }
  /// True where the file itself names the argument, be it with null.
  bool names(std::string_view name) const { return given_.find(name) != nullptr; }
  double real(std::string_view name) const { return value(name).to_double().value_or(0); }
  std::int64_t integer(std::string_view name) const { return value(name).to_integer().value_or(0); }
  bool boolean(std::string_view name) const;
  /// The word in lower case; empty for null.
  std::string word(std::string_view name) const;
  /// The text as it was written; empty for null.
  std::string text(std::string_view name) const;
  /// The arguments inside a group.
  Arguments group(std::string_view name) const;

 private:
  const Value& value(std::string_view name) const;

  Value given_;
  const std::vector<ArgumentInfo>* table_;
};

/// The candidate with the fewest changed letters, where they are few enough to be a slip; else
/// empty.
std::string nearest_name(std::string_view name, const std::vector<std::string>& candidates);

/// Lower case of ASCII letters.
std::string lower_case(std::string_view text);

}  // namespace autotune
