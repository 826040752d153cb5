#include "config/nearest_name.hpp"

#include <algorithm>
#include <array>
#include <numeric>

namespace autotune::config {

namespace {

constexpr std::size_t name_length_max = 64;  // longer names are no typing mistakes

std::string folded(std::string_view name) {
  std::string out;
  for (char c : name) {
    if (c == '_' || c == '-')
      continue;
    out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return out;
}

/// Edit distance with swaps of neighbours counted once (optimal string alignment).
std::size_t distance(std::string_view a, std::string_view b) {
  using Row = std::array<std::size_t, name_length_max + 1>;
  Row before{};
  Row above{};
  Row row{};
  std::iota(above.begin(), above.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      auto replaced = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({replaced, above[j] + 1, row[j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before = above;
    above = row;
  }
  return above[b.size()];
}

/// "workingDirectory" for workingDir: one begins with the other.
bool is_cut(std::string_view a, std::string_view b) {
  constexpr std::size_t letters_min = 4;
  return std::min(a.size(), b.size()) >= letters_min && (a.starts_with(b) || b.starts_with(a));
}

}  // namespace

std::optional<std::string> nearest_name(std::string_view name,
                                        std::span<const std::string_view> known) {
  auto wanted = folded(name);
  if (wanted.empty() || wanted.size() > name_length_max)
    return std::nullopt;
  auto best = std::max<std::size_t>(wanted.size() / 3, 1) + 1;  // a third of the letters may differ
  std::string_view nearest;
  for (auto candidate : known) {
    auto text = folded(candidate);
    if (is_cut(text, wanted) && best > 1) {
      best = 1;
      nearest = candidate;
    }
    auto [shorter, longer] = std::minmax({text.size(), wanted.size()});
    if (text.size() > name_length_max || longer - shorter >= best)
      continue;
    auto d = distance(wanted, text);
    if (d < best) {
      best = d;
      nearest = candidate;
    }
  }
  return nearest.empty() ? std::nullopt : std::optional<std::string>(nearest);
}

std::string list_of(std::span<const std::string_view> names) {
  constexpr std::size_t names_max = 12;
  std::string out;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i == names_max)
      return out + ", ...";
    if (i > 0)
      out += ", ";
    out += names[i];
  }
  return out;
}

std::string hint_for(std::string_view name, std::span<const std::string_view> known) {
  if (auto nearest = nearest_name(name, known))
    return "; did you mean '" + *nearest + "'?";
  return known.empty() ? std::string() : "; known are " + list_of(known);
}

}  // namespace autotune::config
