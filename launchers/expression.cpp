#include "launchers/expression.hpp"

#include <charconv>
#include <cmath>
#include <numbers>
#include <vector>

namespace autotune {

namespace {

constexpr int depth_max = 100;  // deeper formulas would only serve to exhaust the stack

bool is_name_start(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_'; }
bool is_name_part(char c) {
  return is_name_start(c) || std::isdigit(static_cast<unsigned char>(c)) != 0 || c == '.';
}

/// Evaluates while it reads; a formula is short and used once a report.
class Evaluation {
 public:
  using Lookup = std::function<std::optional<Term>(std::string_view)>;

  Evaluation(std::string_view text, const Lookup& lookup) : text_(text), lookup_(lookup) {}

  Result<double> run() {
    auto value = either();
    skip();
    if (error_.empty() && at_ < text_.size())
      complain("something is left over");
    auto number = as_number(value);
    if (!error_.empty())
      return fail(ErrorCode::invalid_argument, error_);
    return number;
  }

 private:
  void complain(const std::string& what) {
    if (error_.empty())
      error_ = "formula '" + std::string(text_) + "', at character " + std::to_string(at_ + 1) +
               ": " + what;
    at_ = text_.size();
  }
  void skip() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_])) != 0)
      ++at_;
  }
  bool take(std::string_view token) {
    skip();
    if (!text_.substr(at_).starts_with(token))
      return false;
    at_ += token.size();
    return true;
  }
  double as_number(const Term& term) {
    if (const auto* number = std::get_if<double>(&term))
      return *number;
    complain("'" + std::get<std::string>(term) + "' is a text, where a number is wanted");
    return 0;
  }

  Term either() {
    auto left = both();
    while (take("||")) {
      auto right = as_number(both());
      left = as_number(left) != 0 || right != 0 ? 1.0 : 0.0;
    }
    return left;
  }
  Term both() {
    auto left = comparison();
    while (take("&&")) {
      auto right = as_number(comparison());
      left = as_number(left) != 0 && right != 0 ? 1.0 : 0.0;
    }
    return left;
  }
  Term comparison() {
    auto left = sum();
    if (take("=="))
      return left == sum() ? 1.0 : 0.0;
    if (take("!="))
      return left != sum() ? 1.0 : 0.0;
    if (take("<="))
      return as_number(left) <= as_number(sum()) ? 1.0 : 0.0;
    if (take(">="))
      return as_number(left) >= as_number(sum()) ? 1.0 : 0.0;
    if (take("<"))
      return as_number(left) < as_number(sum()) ? 1.0 : 0.0;
    if (take(">"))
      return as_number(left) > as_number(sum()) ? 1.0 : 0.0;
    return left;
  }
  Term sum() {
    auto left = product();
    for (;;) {
      if (take("+"))
        left = as_number(left) + as_number(product());
      else if (take("-"))
        left = as_number(left) - as_number(product());
      else
        return left;
    }
  }
  Term product() {
    auto left = sign();
    for (;;) {
      if (take("*"))
        left = as_number(left) * as_number(sign());
      else if (take("/"))
        left = as_number(left) / as_number(sign());
      else if (take("%"))
        left = std::fmod(as_number(left), as_number(sign()));
      else
        return left;
    }
  }
  Term sign() {
    if (++depth_ > depth_max)
      complain("nested too deep");
    Term value;
    if (error_.empty() && take("-"))
      value = -as_number(sign());
    else if (error_.empty() && take("+"))
      value = as_number(sign());
    else
      value = power();
    --depth_;
    return value;
  }
  Term power() {
    auto base = atom();
    if (!take("^"))
      return base;
    return std::pow(as_number(base), as_number(sign()));  // to the right: 2^3^2 is 2^9
  }
  Term atom() {
    skip();
    if (at_ >= text_.size()) {
      complain("a value is missing");
      return 0.0;
    }
    char c = text_[at_];
    if (take("(")) {
      auto value = either();
      if (!take(")"))
        complain("')' is missing");
      return value;
    }
    if (c == '\'' || c == '"')
      return quoted(c);
    if (is_name_start(c))
      return name();
    double number = 0;
    auto [end, code] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), number);
    if (code != std::errc{}) {
      complain("a value is missing");
      return 0.0;
    }
    at_ = static_cast<std::size_t>(end - text_.data());
    return number;
  }
  Term quoted(char quote) {
    auto end = text_.find(quote, at_ + 1);
    if (end == std::string_view::npos) {
      complain("the quote has no end");
      return 0.0;
    }
    std::string found(text_.substr(at_ + 1, end - at_ - 1));
    at_ = end + 1;
    return found;
  }
  Term name() {
    auto begin = at_;
    while (at_ < text_.size() && is_name_part(text_[at_]))
      ++at_;
    auto word = text_.substr(begin, at_ - begin);
    if (take("("))
      return call(word);
    if (auto found = lookup_(word))
      return *found;
    if (word == "pi")
      return std::numbers::pi;
    if (word == "e")
      return std::numbers::e;
    complain("'" + std::string(word) + "' is unknown");
    return 0.0;
  }
  Term call(std::string_view function) {
    std::vector<Term> arguments;
    if (!take(")")) {
      do {
        arguments.push_back(either());
      } while (take(","));
      if (!take(")"))
        complain("')' is missing");
    }
    if (function == "if" && arguments.size() == 3)
      return as_number(arguments[0]) != 0 ? arguments[1] : arguments[2];
    std::vector<double> x;
    for (const auto& argument : arguments)
      x.push_back(as_number(argument));
    if (x.size() == 1)
      return one(function, x[0]);
    if (x.size() == 2 && function == "min")
      return std::min(x[0], x[1]);
    if (x.size() == 2 && function == "max")
      return std::max(x[0], x[1]);
    if (x.size() == 2 && function == "pow")
      return std::pow(x[0], x[1]);
    complain("there is no function " + std::string(function) + " of " + std::to_string(x.size()) +
             " arguments");
    return 0.0;
  }
  double one(std::string_view function, double x) {
    constexpr std::pair<std::string_view, double (*)(double)> known[] = {
        {"sin", std::sin},     {"cos", std::cos},     {"tan", std::tan},     {"exp", std::exp},
        {"log", std::log},     {"log10", std::log10}, {"sqrt", std::sqrt},   {"abs", std::fabs},
        {"floor", std::floor}, {"ceil", std::ceil},   {"round", std::round}, {"tanh", std::tanh}};
    for (const auto& [name, apply] : known)
      if (name == function)
        return apply(x);
    complain("there is no function " + std::string(function) + " of 1 argument");
    return 0;
  }

  std::string_view text_;
  const Lookup& lookup_;
  std::size_t at_ = 0;
  int depth_ = 0;
  std::string error_;
};

}  // namespace

Result<double> evaluate(std::string_view formula,
                        const std::function<std::optional<Term>(std::string_view name)>& lookup) {
  return Evaluation(formula, lookup).run();
}

std::optional<Term> term_of(const Value& parameters, std::string_view path) {
  const auto* object = parameters.as_object();
  if (object == nullptr)
    return std::nullopt;
  for (const auto& [name, value] : *object) {
    if (name == path) {
      if (auto number = value.to_double())
        return *number;
      if (const auto* truth = value.as_bool())
        return *truth ? 1.0 : 0.0;
      if (const auto* text = value.as_string())
        return *text;
      return std::nullopt;
    }
    if (path.size() > name.size() && path.starts_with(name) && path[name.size()] == '.')
      if (auto found = term_of(value, path.substr(name.size() + 1)))
        return found;
  }
  return std::nullopt;
}

}  // namespace autotune
