#include "messages/redaction.hpp"

#include <algorithm>
#include <sstream>
#include <utility>

#include "messages/value.hpp"

namespace autotune {

namespace {

// Shorter lines of a key file ("-----") are in many texts.
constexpr std::size_t line_bytes_min = 8;

std::string base64(std::string_view bytes) {
  constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    for (std::size_t k = 0; k < 3; ++k)
      group = group << 8 | (k < count ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    for (std::size_t k = 0; k < 4; ++k)
      text += k <= count ? digits[group >> (18 - 6 * k) & 63] : '=';
  }
  return text;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n";
  auto begin = text.find_first_not_of(blanks);
  if (begin == std::string_view::npos)
    return {};
  return text.substr(begin, text.find_last_not_of(blanks) + 1 - begin);
}

}  // namespace

void Redaction::hide_exactly(std::string text) {
  if (text.size() < value_bytes_min ||
      std::find(hidden_.begin(), hidden_.end(), text) != hidden_.end())
    return;
  bytes_max_ = std::max(bytes_max_, text.size());
  hidden_.push_back(std::move(text));
}

void Redaction::hide(std::string_view value) {
  auto add = [this](std::string_view text) {
    hide_exactly(std::string(text));
    auto quoted = quote_json(text);
    hide_exactly(quoted.substr(1, quoted.size() - 2));
    if (text.size() >= value_bytes_min)
      hide_exactly(base64(text));
  };
  add(value);
  add(trimmed(value));
  std::istringstream lines{std::string(value)};
  for (std::string line; std::getline(lines, line);)
    if (trimmed(line).size() >= line_bytes_min)
      add(trimmed(line));
}

std::string Redaction::clean(std::string_view text, std::size_t begin, std::size_t end) const {
  end = std::min(end, text.size());
  std::vector<std::pair<std::size_t, std::size_t>> spans;
  for (const auto& value : hidden_)
    for (auto at = text.find(value); at != std::string_view::npos; at = text.find(value, at + 1))
      if (at < end && at + value.size() > begin)
        spans.emplace_back(at, at + value.size());
  std::sort(spans.begin(), spans.end());
  std::string cleaned;
  auto shown = begin;  // all before it is in `cleaned`, or hidden
  for (auto [from, to] : spans) {
    if (from >= shown || cleaned.empty()) {  // else it overlaps the one before it
      if (from > shown)
        cleaned += text.substr(shown, from - shown);
      cleaned += mark;
    }
    shown = std::max(shown, to);
  }
  if (shown < end)
    cleaned += text.substr(shown, end - shown);
  return cleaned;
}

}  // namespace autotune
