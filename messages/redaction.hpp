// Takes values that nobody else may see out of texts.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace autotune {

/// Replaces hidden values, wherever they stand in a text, by `Redaction::mark`.
class Redaction {
 public:
  static constexpr std::string_view mark = "***";
  /// Shorter values are left: they keep nothing secret, and every text is full of them.
  static constexpr std::size_t value_bytes_min = 4;

  /// The value itself, also without the blanks around it (a file's last newline), its lines, and all of these as JSON
  /// and as base64 show them.
  void hide(std::string_view value);

  std::string clean(std::string_view text) const { return clean(text, 0, text.size()); }

  /// What `text` shows from byte `begin` to byte `end`: a value that reaches over one of them is replaced whole, so
  /// that no half of it is left standing. Read `bytes_max()` more than is shown, on the side where the text goes on.
  std::string clean(std::string_view text, std::size_t begin, std::size_t end) const;

  /// Of the longest hidden value; 0: there is none.
  std::size_t bytes_max() const { return bytes_max_; }

 private:
  void hide_exactly(std::string text);

  std::vector<std::string> hidden_;
  std::size_t bytes_max_ = 0;
};

}  // namespace autotune
