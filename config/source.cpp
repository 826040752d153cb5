#include "config/source.hpp"

#include <algorithm>

namespace autotune::config {

namespace {

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

/// How many bytes the character starting with `lead` has; 0 where none starts so.
int length_of(unsigned char lead) {
  if (lead < 0x80)
    return 1;
  if (lead >= 0xC2 && lead < 0xE0)
    return 2;
  if (lead >= 0xE0 && lead < 0xF0)
    return 3;
  return lead >= 0xF0 && lead < 0xF5 ? 4 : 0;
}

/// Overlong forms, surrogates and what lies beyond U+10FFFF differ from others in their second byte.
bool is_second_byte_legal(unsigned char lead, unsigned char second) {
  switch (lead) {
    case 0xE0: return second >= 0xA0;
    case 0xED: return second < 0xA0;
    case 0xF0: return second >= 0x90;
    case 0xF4: return second < 0x90;
    default: return true;
  }
}

bool is_forbidden_control(unsigned char c) {
  return c < 0x20 && c != '\t' && c != '\n' && c != '\r';
}

}  // namespace

Source::Source(std::string_view text, int override_index)
    : text_(text), override_index_(override_index) {
  line_starts_.push_back(0);
  for (std::size_t i = 0; i < text.size(); ++i)
    if (text[i] == '\n')
      line_starts_.push_back(i + 1);
}

Place Source::place_at(std::size_t offset) const {
  if (override_index_ >= 0)
    return {0, 0, override_index_};
  offset = std::min(offset, text_.size());
  auto next = std::upper_bound(line_starts_.begin(), line_starts_.end(), offset);
  auto line = static_cast<int>(next - line_starts_.begin());
  auto start = *(next - 1);
  int column = 1;
  if (line == counted_place_.line && counted_offset_ <= offset) {
    start = counted_offset_;
    column = counted_place_.column;
  }
  for (auto i = start; i < offset; ++i)
    if (!is_continuation(text_[i]))
      ++column;
  counted_offset_ = offset;
  counted_place_ = {line, column};
  return counted_place_;
}

std::size_t first_illegal_byte(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    auto lead = static_cast<unsigned char>(text[i]);
    auto length = static_cast<std::size_t>(length_of(lead));
    if (length == 0 || is_forbidden_control(lead) || i + length > text.size())
      return i;
    for (std::size_t k = 1; k < length; ++k)
      if (!is_continuation(text[i + k]))
        return i;
    if (length > 1 && !is_second_byte_legal(lead, static_cast<unsigned char>(text[i + 1])))
      return i;
    i += length;
  }
  return std::string_view::npos;
}

std::string words_for_illegal_byte(char byte) {
  return static_cast<unsigned char>(byte) < 0x80 ? "a control character; only text may stand here"
                                                 : "not UTF-8; save the file as UTF-8";
}

}  // namespace autotune::config
