// A JSON value that keeps the text of its numbers: 16 stays 16, 0.1 stays 0.1, 1e-4 stays 1e-4.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "messages/result.hpp"

namespace autotune {

/// A number as it was written. Two numbers are equal when their values are, whatever their text.
struct Number {
  std::string text;
  friend bool operator==(const Number& a, const Number& b);
};

struct Value;
using Array = std::vector<Value>;
/// Members in the order in which they were written.
using Object = std::vector<std::pair<std::string, Value>>;

struct Value {
  std::variant<std::nullptr_t, bool, Number, std::string, Array, Object> data = nullptr;

  Value() = default;
  template <class T>
  requires(!std::is_same_v<std::remove_cvref_t<T>, Value>) Value(T&& x)
      : data(std::forward<T>(x)) {}  // NOLINT: a value is what it holds

  /// A whole number: "16".
  static Value integer(std::int64_t x);
  /// A real number in its shortest text that reads back the same, always with a point or an exponent: "3.0".
  /// NaN and infinities become the strings "NaN", "Infinity", "-Infinity".
  static Value real(double x);

  bool is_null() const { return std::holds_alternative<std::nullptr_t>(data); }
  const bool* as_bool() const { return std::get_if<bool>(&data); }
  const Number* as_number() const { return std::get_if<Number>(&data); }
  const std::string* as_string() const { return std::get_if<std::string>(&data); }
  const Array* as_array() const { return std::get_if<Array>(&data); }
  const Object* as_object() const { return std::get_if<Object>(&data); }
  Object* as_object() { return std::get_if<Object>(&data); }

  /// The number's value; nothing for other kinds.
  std::optional<double> to_double() const;
  /// The number's value where it is whole and fits ("16", "16.0", "1e3").
  std::optional<std::int64_t> to_integer() const;
  /// The member of an object with that name; null for other kinds or where there is none.
  const Value* find(std::string_view name) const;

  friend bool operator==(const Value&, const Value&) = default;
};

/// Reads one JSON document (RFC 8259; at most 256 levels deep). The error names line and column.
Result<Value> parse_json(std::string_view text);

/// Compact JSON text; numbers as they were written.
std::string to_json(const Value& value);

/// The text as a JSON string, quotes included; bytes that are not UTF-8 are replaced.
std::string quote_json(std::string_view text);

}  // namespace autotune
