#include "tuner/dimension.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <string_view>

#include "tuner/rng.hpp"

namespace autotune {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double unit_min = 1e-15;  // keeps the quantile of a normal finite: about 8 sigma
constexpr double tolerance =
    1e-9;  // relative; by how much a told number may miss a bound or the grid

/// 10^d where q has d <= 12 decimals ("0.05": 100), else 0.
double decimal_scale(double q) {
  char buffer[400];
  auto [end, code] = std::to_chars(buffer, buffer + sizeof buffer, q, std::chars_format::fixed);
  if (code != std::errc{})
    return 0;
  std::string_view text(buffer, static_cast<std::size_t>(end - buffer));
  auto point = text.find('.');
  auto decimals = point == std::string_view::npos ? 0 : text.size() - point - 1;
  return decimals <= 12 ? std::pow(10.0, static_cast<double>(decimals)) : 0;
}

bool close(double a, double b, double scale) {
  return std::abs(a - b) <= tolerance * std::max(scale, 1e-300);
}

/// An input_choice of which no candidate may be chosen.
bool chooses_none(const Parameter& p) {
  return std::find(p.n_chosen.begin(), p.n_chosen.end(), 0) != p.n_chosen.end();
}

std::string text_of(double x) { return to_json(Value::real(x)); }

}  // namespace

Dimension::Dimension(const Parameter& parameter) : parameter_(&parameter), levels_(infinity) {
  const auto& p = parameter;
  using T = ParameterType;
  log_ = p.type == T::loguniform || p.type == T::qloguniform || p.type == T::lognormal ||
         p.type == T::qlognormal;
  normal_ = p.type == T::normal || p.type == T::qnormal || p.type == T::lognormal ||
            p.type == T::qlognormal;
  bounded_ = p.type == T::uniform || p.type == T::quniform || p.type == T::loguniform ||
             p.type == T::qloguniform;
  if (listed()) {
    discrete_ = true;
    levels_ = static_cast<double>(p.branches.empty() ? p.choices.size() : p.branches.size());
    if (p.type == T::input_choice && chooses_none(p))
      levels_ =
          p.n_chosen.size() > 1 ? levels_ + 1 : 1;  // "none" is the last level, or the only one
  } else if (p.type == T::randint) {
    discrete_ = true;
    offset_ = std::ceil(p.low);
    levels_ = std::max(1.0, std::ceil(p.high) - offset_);
  } else if (normal_) {
    offset_ = p.mu;
    width_ = p.sigma;
  } else {
    offset_ = log_ ? std::log(p.low) : p.low;
    width_ = (log_ ? std::log(p.high) : p.high) - offset_;
  }
  if (!discrete_ && width_ <= 0 && p.q <= 0) {
    discrete_ = true;  // equal bounds, or no spread: one value
    levels_ = 1;
  }
  if (p.q > 0) {
    discrete_ = true;
    scale_ = decimal_scale(p.q);
    if (bounded_) {
      first_level_ = std::nearbyint(p.low / p.q);
      levels_ = std::nearbyint(p.high / p.q) - first_level_ + 1;
    }
  }
}

bool Dimension::listed() const {
  using T = ParameterType;
  return parameter_->type == T::choice || parameter_->type == T::layer_choice ||
         parameter_->type == T::input_choice;
}

double Dimension::latent_at(double u) const {
  if (normal_)
    return offset_ + width_ * normal_quantile(std::clamp(u, unit_min, 1 - unit_min));
  return offset_ + width_ * std::clamp(u, 0.0, 1.0);
}

double Dimension::unit_of_latent(double y) const {
  if (normal_)
    return width_ > 0 ? normal_cdf((y - offset_) / width_) : 0.5;
  return width_ > 0 ? std::clamp((y - offset_) / width_, 0.0, 1.0) : 0.5;
}

double Dimension::number_of_latent(double y) const {
  double x = log_ ? std::exp(y) : y;
  if (!bounded_)
    return std::clamp(x, std::numeric_limits<double>::lowest(), std::numeric_limits<double>::max());
  return std::clamp(x, parameter_->low, parameter_->high);
}

double Dimension::emit_level(double k) const {
  const auto& p = *parameter_;
  double x = k * p.q;
  double whole = x * scale_;
  if (scale_ > 0 && std::abs(whole) < 0x1.0p53)
    x = std::nearbyint(whole) /
        scale_;  // both exact, so this is the double nearest to the decimal: 0.3, not 0.3...04
  if (bounded_)
    x = std::clamp(x, p.low, p.high);
  return x + 0.0;  // no negative zero
}

double Dimension::level_at(double u) const {
  const auto& p = *parameter_;
  if (p.q > 0) {
    double k =
        std::nearbyint(number_of_latent(latent_at(u)) / p.q);  // half to even, as Python's round
    return bounded_ ? std::clamp(k - first_level_, 0.0, levels_ - 1) : k;
  }
  return std::clamp(std::floor(u * levels_), 0.0, levels_ - 1);
}

std::pair<double, double> Dimension::cell(double level) const {
  const auto& p = *parameter_;
  if (p.q <= 0)
    return {level / levels_, (level + 1) / levels_};
  double k = level + first_level_;
  auto unit = [&](double x) {
    if (!log_)
      return unit_of_latent(x);
    return x > 0 ? unit_of_latent(std::log(x)) : 0.0;
  };
  double from = bounded_ && level <= 0 ? 0.0 : unit((k - 0.5) * p.q);
  double to = bounded_ && level >= levels_ - 1 ? 1.0 : unit((k + 0.5) * p.q);
  return {from, std::max(from, to)};
}

double Dimension::unit_of_level(double level) const {
  const auto& p = *parameter_;
  if (p.q <= 0)
    return (level + 0.5) / levels_;
  double x = emit_level(level + first_level_);
  if (!log_)
    return unit_of_latent(x);
  if (x > 0)
    return unit_of_latent(std::log(x));
  auto [from, to] = cell(level);  // qlognormal's 0
  return (from + to) / 2;
}

double Dimension::number_at(double u) const {
  if (parameter_->type == ParameterType::randint)
    return offset_ + level_at(u);
  if (parameter_->q > 0)
    return emit_level(level_at(u) + first_level_);
  return number_of_latent(latent_at(u));
}

Value Dimension::value_at(double u) const {
  if (parameter_->type == ParameterType::randint)
    return Value::integer(static_cast<std::int64_t>(number_at(u)));
  if (listed())
    return nested() ? Value() : listed_value(static_cast<std::size_t>(level_at(u)));
  return Value::real(number_at(u));
}

std::optional<double> Dimension::unit_of_number(double x) const {
  const auto& p = *parameter_;
  if (!std::isfinite(x))
    return std::nullopt;
  if (p.type == ParameterType::randint) {
    double level = x - offset_;
    if (level != std::floor(level) || level < 0 || level >= levels_)
      return std::nullopt;
    return unit_of_level(level);
  }
  double slack = tolerance * std::max({std::abs(p.low), std::abs(p.high), p.high - p.low});
  if (bounded_ && (x < p.low - slack || x > p.high + slack))
    return std::nullopt;
  if (bounded_)
    x = std::clamp(x, p.low, p.high);
  if (p.q > 0) {
    double k = std::nearbyint(x / p.q);
    if (!close(emit_level(k), x, std::max(std::abs(x), p.q)))
      return std::nullopt;
    return unit_of_level(k - first_level_);
  }
  if (!log_)
    return unit_of_latent(x);
  return x > 0 ? std::optional(unit_of_latent(std::log(x))) : std::nullopt;
}

/// A layer_choice is {"_value": name, "_idx": i}, an input_choice the same with lists of one or none;
/// where none is all that may be chosen, an empty list.
Value Dimension::listed_value(std::size_t level) const {
  const auto& p = *parameter_;
  if (p.type == ParameterType::choice)
    return p.choices[level];
  if (p.type == ParameterType::layer_choice)
    return Object{{"_value", p.choices[level]},
                  {"_idx", Value::integer(static_cast<std::int64_t>(level))}};
  if (chooses_none(p) && p.n_chosen.size() == 1)
    return Array{};
  if (level == p.choices.size())
    return Object{{"_value", Array{}}, {"_idx", Array{}}};
  return Object{{"_value", Array{p.choices[level]}},
                {"_idx", Array{Value::integer(static_cast<std::int64_t>(level))}}};
}

std::optional<double> Dimension::unit_of_listed(const Value& value) const {
  const auto& p = *parameter_;
  if (p.type == ParameterType::choice) {
    auto found = std::find(p.choices.begin(), p.choices.end(), value);
    if (found == p.choices.end())
      return std::nullopt;
    return unit_of_level(static_cast<double>(found - p.choices.begin()));
  }
  const auto* object = value.as_object();
  for (std::size_t level = 0; level < static_cast<std::size_t>(levels_); ++level) {
    auto own = listed_value(level);
    bool same = value == own;
    if (const auto* names = own.find("_value"); names != nullptr && object != nullptr) {
      const auto* given = value.find("_value");
      const auto* index = value.find("_idx");
      same = object->size() == 2 && given != nullptr && *given == *names && index != nullptr &&
             *index == *own.find("_idx");
    }
    if (same)
      return unit_of_level(static_cast<double>(level));
  }
  return std::nullopt;
}

std::optional<double> Dimension::unit_of(const Value& value) const {
  const auto& p = *parameter_;
  if (nested()) {
    const auto* name = value.find("_name");
    const auto* text = name == nullptr ? nullptr : name->as_string();
    for (std::size_t i = 0; text != nullptr && i < p.branches.size(); ++i)
      if (p.branches[i].name == *text)
        return unit_of_level(static_cast<double>(i));
    return std::nullopt;
  }
  if (listed())
    return unit_of_listed(value);
  auto number = value.to_double();
  return number ? unit_of_number(*number) : std::nullopt;
}

std::string Dimension::expectation() const {
  const auto& p = *parameter_;
  if (nested()) {
    std::string text = "an object whose _name is one of";
    for (const auto& b : p.branches)
      text += " " + quote_json(b.name);
    return text;
  }
  if (p.type == ParameterType::randint)
    return "a whole number from " + to_json(Value::integer(static_cast<std::int64_t>(offset_))) +
           " to " + to_json(Value::integer(static_cast<std::int64_t>(offset_ + levels_ - 1)));
  if (p.type == ParameterType::choice)
    return "one of " + to_json(Value(Array(p.choices)));
  if (listed())
    return "of the form " + to_json(listed_value(0)) + ", with one of " +
           to_json(Value(Array(p.choices)));
  std::string text = p.q > 0             ? "a multiple of " + text_of(p.q)
                     : log_ && !bounded_ ? "a positive number"
                                         : "a number";
  if (bounded_)
    text += " in [" + text_of(p.low) + ", " + text_of(p.high) + "]";
  return text;
}

}  // namespace autotune
