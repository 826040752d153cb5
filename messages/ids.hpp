// Names of experiments, trials and attempts.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <random>
#include <string>

namespace autotune {

/// Number of a trial in order of creation, from 0.
using Sequence = std::int64_t;

/// One attempt at one trial. The number rises at each (re)start of the whole trial, from 1.
struct AttemptKey {
  std::string experiment_id;
  Sequence sequence = 0;
  std::int32_t attempt = 1;

  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 takes the 0 that `a < b` compares with for a pointer.
  friend auto operator<=>(const AttemptKey&, const AttemptKey&) = default;
};

/// Draws `n` characters of a-z0-9; the generator is the caller's, so that tests can repeat it.
std::string short_id(std::mt19937_64& random, int n = 5);

/// "quickstart-p4iyq": an experiment's ID from its name.
std::string experiment_id(const std::string& name, std::mt19937_64& random);

/// True for a DNS-1123 label: a-z0-9 and '-', at most 63, no '-' at either end.
bool is_dns_label(const std::string& text);

}  // namespace autotune

template <>
struct std::hash<autotune::AttemptKey> {
  std::size_t operator()(const autotune::AttemptKey& key) const noexcept {
    auto h = std::hash<std::string>{}(key.experiment_id);
    h = h * 1000003 + std::hash<std::int64_t>{}(key.sequence);
    return h * 1000003 + static_cast<std::size_t>(key.attempt);
  }
};
