// The text of a file, and what line and column an offset into it has.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace autotune::config {

/// Where something was written. Counted from 1, columns in characters; 0 where it was not in the file.
struct Place {
  int line = 0;
  int column = 0;
  int override_index = -1;  ///< of the `--set` that wrote it; -1: the file did

  friend bool operator==(const Place&, const Place&) = default;
};

/// A text and its lines. Not safe for use by several threads: it remembers where it counted last.
class Source {
 public:
  /// Keeps a view: `text` must outlive it.
  explicit Source(std::string_view text, int override_index = -1);

  std::string_view text() const { return text_; }

  /// The place of the byte at `offset`; the end of the text where it is beyond.
  /// Going forwards through a text costs time linear in its length, however long its lines are.
  Place place_at(std::size_t offset) const;

 private:
  std::string_view text_;
  int override_index_;
  std::vector<std::size_t> line_starts_;
  mutable std::size_t counted_offset_ = 0;
  mutable Place counted_place_{1, 1};
};

/// The offset of the first byte that is not UTF-8 or a control character which YAML forbids; npos: none.
std::size_t first_illegal_byte(std::string_view text);

/// What to say about the byte that was found.
std::string words_for_illegal_byte(char byte);

}  // namespace autotune::config
