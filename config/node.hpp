// A value of a file together with where it was written.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/source.hpp"
#include "messages/value.hpp"

namespace autotune::config {

enum class Kind { null, boolean, number, text, array, object };

struct Member;

/// One value. A number's text is valid JSON, as it was written where that was JSON.
struct Node {
  static constexpr std::uint32_t nowhere = UINT32_MAX;

  Kind kind = Kind::null;
  Place place;
  std::string text;               ///< of a number, a text, "true" or "false"
  std::vector<Node> items;        ///< of an array
  std::vector<Member> members;    ///< of an object, in order, each name once
  std::uint32_t start = nowhere;  ///< offset in the file of a text's first byte: `|`, `"`, ...

  bool is_null() const { return kind == Kind::null; }
  /// The member of that name; null where there is none.
  const Node* find(std::string_view name) const;
  const Member* find_member(std::string_view name) const;
};

struct Member {
  std::string key;
  Place key_place;
  Node value;
};

/// The value without its places.
Value to_value(const Node& node);

/// "a whole number", "text", ...: what a person would call it.
std::string_view name_of(const Node& node);

/// Turns plain text into null, boolean, number or text as YAML's core schema does ("0x1F" becomes "31").
void resolve_plain(Node& node);

/// True where the text is a number as JSON writes it.
bool is_json_number(std::string_view text);

/// False where the number is beyond all reals: "1e999".
bool is_finite_number(const std::string& text);

/// `text`, cut at 60 bytes and without line breaks, in single quotes: for messages.
std::string quoted(std::string_view text);

/// A scalar as messages show it; "a list", "a mapping" for others.
std::string shown(const Node& node);

}  // namespace autotune::config
