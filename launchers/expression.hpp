// Formulas over a trial's parameters, for simulated trials: "1 - (x - 0.3)^2 + if(activation == 'relu', 0.1, 0)".
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <variant>

#include "messages/result.hpp"
#include "messages/value.hpp"

namespace autotune {

/// What a name stands for, or a part of a formula comes to.
using Term = std::variant<double, std::string>;

/// Numbers, names (dots lead into nested parameters), 'text', + - * / % ^, comparisons (1 or 0), && ||, parentheses,
/// pi, e, and sin cos tan exp log log10 sqrt abs floor ceil round tanh min max pow if.
/// Errors: invalid_argument (no such name or function, a mistake in the text), naming the place.
Result<double> evaluate(std::string_view formula,
                        const std::function<std::optional<Term>(std::string_view name)>& lookup);

/// A parameter as a term: numbers, booleans (1 or 0) and strings; nothing for others and for names that are unknown.
std::optional<Term> term_of(const Value& parameters, std::string_view path);

}  // namespace autotune
