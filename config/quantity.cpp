#include "config/quantity.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <string>
#include <utility>

#include "config/node.hpp"

namespace autotune::config {

namespace {

constexpr std::array<std::pair<std::string_view, double>, 16> suffixes = {{
    {"", 1},
    {"n", 1e-9},
    {"u", 1e-6},
    {"m", 1e-3},
    {"k", 1e3},
    {"M", 1e6},
    {"G", 1e9},
    {"T", 1e12},
    {"P", 1e15},
    {"E", 1e18},
    {"Ki", 1024.0},
    {"Mi", 1048576.0},
    {"Gi", 1073741824.0},
    {"Ti", 1099511627776.0},
    {"Pi", 1125899906842624.0},
    {"Ei", 1152921504606846976.0},
}};

/// The number at the front without a suffix; `rest` is what follows it.
bool read_front(std::string_view text, double& number, std::string_view& rest) {
  auto end = text.find_first_not_of("0123456789.");
  if (end == std::string_view::npos)
    end = text.size();
  // "5E" is five exa, "5E3" five thousand.
  if (end + 1 < text.size() && (text[end] == 'e' || text[end] == 'E')) {
    auto digits = end + (text[end + 1] == '-' || text[end + 1] == '+' ? 2 : 1);
    auto stop = std::min(text.find_first_not_of("0123456789", digits), text.size());
    if (stop > digits)
      end = stop;
  }
  auto [stop, code] = std::from_chars(text.data(), text.data() + end, number);
  rest = text.substr(end);
  return code == std::errc{} && stop == text.data() + end && std::isfinite(number);
}

/// "100MB" and "100mi" have a form that was meant.
std::string suggestion_for(std::string_view front, std::string_view suffix) {
  std::string wanted(suffix.substr(0, 1));
  if (wanted == "K")
    return std::string(front) + "k or " + std::string(front) + "Ki";
  if (wanted == "g" || wanted == "t" || (wanted == "m" && suffix.size() > 1))
    wanted[0] = static_cast<char>(wanted[0] - 'a' + 'A');
  if (wanted.empty() || std::string_view("kMGTP").find(wanted[0]) == std::string_view::npos)
    return "a number with one of m, k, M, G, T, Ki, Mi, Gi, Ti";
  auto binary = wanted == "k" ? std::string("Ki") : wanted + "i";
  return std::string(front) + wanted + " or " + std::string(front) + binary;
}

}  // namespace

Result<double> read_quantity(std::string_view text) {
  if (!text.empty() && text[0] == '-')
    return fail(ErrorCode::invalid_argument, "must not be negative, as " + quoted(text) + " is");
  double number = 0;
  std::string_view suffix;
  if (!read_front(text, number, suffix))
    return fail(ErrorCode::invalid_argument,
                quoted(text) +
                    " is no quantity; write a number with one of m, k, M, G, T, Ki, Mi, "
                    "Gi, Ti, say 100Mi");
  for (const auto& [name, factor] : suffixes)
    if (suffix == name && std::isfinite(number * factor))
      return number * factor;
  auto front = text.substr(0, text.size() - suffix.size());
  return fail(ErrorCode::invalid_argument,
              quoted(text) + " is no quantity; write " + suggestion_for(front, suffix));
}

Result<std::int64_t> read_bytes(std::string_view text) {
  constexpr double bytes_max = 9.2e18;
  auto bytes = read_quantity(text);
  if (!bytes)
    return tl::unexpected(bytes.error());
  if (*bytes > bytes_max)
    return fail(ErrorCode::invalid_argument, quoted(text) + " is more than any machine has");
  return static_cast<std::int64_t>(std::ceil(*bytes));
}

}  // namespace autotune::config
