// The log of actors, gateway and cli: kebab-case event names, then key=value.
#pragma once

#include <string_view>

#include <spdlog/spdlog.h>

namespace autotune::log {

template <class... Ts>
void debug(std::string_view event, fmt::format_string<Ts...> text, Ts&&... xs) {
  spdlog::debug("{}: {}", event, fmt::format(text, std::forward<Ts>(xs)...));
}
template <class... Ts>
void info(std::string_view event, fmt::format_string<Ts...> text, Ts&&... xs) {
  spdlog::info("{}: {}", event, fmt::format(text, std::forward<Ts>(xs)...));
}
template <class... Ts>
void warn(std::string_view event, fmt::format_string<Ts...> text, Ts&&... xs) {
  spdlog::warn("{}: {}", event, fmt::format(text, std::forward<Ts>(xs)...));
}
template <class... Ts>
void error(std::string_view event, fmt::format_string<Ts...> text, Ts&&... xs) {
  spdlog::error("{}: {}", event, fmt::format(text, std::forward<Ts>(xs)...));
}

}  // namespace autotune::log
