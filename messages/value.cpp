#include "messages/value.hpp"

#include <charconv>
#include <cmath>
#include <limits>

#include <nlohmann/json.hpp>

namespace autotune {

namespace {

constexpr std::size_t depth_max = 256;  // deeper input would only serve to exhaust the stack

/// The last of two members with one name wins, as in Python and JavaScript.
void put_member(Object& object, std::string name, Value value) {
  for (auto& [known, old] : object) {
    if (known == name) {
      old = std::move(value);
      return;
    }
  }
  object.emplace_back(std::move(name), std::move(value));
}

/// Reads what parameters and reports look like: every trial brings some, and a restart reads them all again. It gives
/// up on what is rare (escapes, text beyond ASCII, numbers whose text or range needs thought) and on all that is wrong,
/// which the whole parser then reads from the start; so it has no errors to word.
class PlainReader {
 public:
  explicit PlainReader(std::string_view text) : at_(text.data()), end_(at_ + text.size()) {}

  std::optional<Value> read() {
    Value value;
    skip_blanks();
    if (!read_value(value, 0))
      return std::nullopt;
    skip_blanks();
    return at_ == end_ ? std::optional<Value>(std::move(value)) : std::nullopt;
  }

 private:
  static constexpr int plain_depth_max = 16;
  static constexpr std::ptrdiff_t integer_digits_max = 18;  // fits 64 bits with either sign
  static constexpr std::ptrdiff_t number_length_max = 64;   // with 1e99 far from a double's limits

  static bool is_digit(char c) { return c >= '0' && c <= '9'; }
  static bool is_plain(char c) { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; }
  bool is_next(char c) const { return at_ != end_ && *at_ == c; }
  bool take(char c) {
    bool there = is_next(c);
    at_ += there ? 1 : 0;
    return there;
  }
  void skip_blanks() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\t' || *at_ == '\r'))
      ++at_;
  }

  bool read_value(Value& out, int depth) {
    if (at_ == end_ || depth > plain_depth_max)
      return false;
    switch (*at_) {
      case '{': return read_object(out.data.emplace<Object>(), depth);
      case '[': return read_array(out.data.emplace<Array>(), depth);
      case '"': return read_string(out.data.emplace<std::string>());
      case 't': out.data = true; return read_word("true");
      case 'f': out.data = false; return read_word("false");
      case 'n': return read_word("null");
      default: return read_number(out);
    }
  }

  bool read_word(std::string_view word) {
    if (!std::string_view(at_, static_cast<std::size_t>(end_ - at_)).starts_with(word))
      return false;
    at_ += word.size();
    return true;
  }

  bool read_string(std::string& out) {
    const auto* start = ++at_;
    while (at_ != end_ && is_plain(*at_))
      ++at_;
    out.assign(start, at_);
    return take('"');
  }

  bool skip_digits() {
    const auto* start = at_;
    while (at_ != end_ && is_digit(*at_))
      ++at_;
    return at_ != start;
  }

  bool read_number(Value& out) {
    const auto* start = at_;
    bool negative = take('-');
    const auto* digits = at_;
    bool zero = is_next('0');
    if (!skip_digits() || (zero && at_ - digits > 1))
      return false;
    bool whole = !is_next('.') && !is_next('e') && !is_next('E');
    if (whole && (at_ - digits > integer_digits_max || (negative && zero)))
      return false;
    if (take('.') && !skip_digits())
      return false;
    if (take('e') || take('E')) {
      if (!take('+'))
        take('-');
      const auto* exponent = at_;
      if (!skip_digits() || at_ - exponent > 2)
        return false;
    }
    if (at_ - start > number_length_max)
      return false;
    out.data.emplace<Number>().text.assign(start, at_);
    return true;
  }

  bool read_array(Array& out, int depth) {
    ++at_;
    skip_blanks();
    if (take(']'))
      return true;
    do {
      skip_blanks();
      if (!read_value(out.emplace_back(), depth + 1))
        return false;
      skip_blanks();
    } while (take(','));
    return take(']');
  }

  bool read_object(Object& out, int depth) {
    ++at_;
    skip_blanks();
    if (take('}'))
      return true;
    do {
      std::string name;
      Value value;
      skip_blanks();
      if (!is_next('"') || !read_string(name))
        return false;
      skip_blanks();
      if (!take(':'))
        return false;
      skip_blanks();
      if (!read_value(value, depth + 1))
        return false;
      put_member(out, std::move(name), std::move(value));
      skip_blanks();
    } while (take(','));
    return take('}');
  }

  const char* at_;
  const char* end_;
};

/// Builds a Value from the parser's callbacks, which hand over the text of numbers.
class Builder {
 public:
  using json = nlohmann::json;

  bool null() { return put(nullptr); }
  bool boolean(bool x) { return put(x); }
  bool number_integer(json::number_integer_t x) { return put(Number{std::to_string(x)}); }
  bool number_unsigned(json::number_unsigned_t x) { return put(Number{std::to_string(x)}); }
  bool number_float(json::number_float_t, const std::string& text) { return put(Number{text}); }
  bool string(std::string& x) { return put(std::move(x)); }
  bool binary(json::binary_t&) { return false; }
  bool start_object(std::size_t) { return open(Object{}); }
  bool start_array(std::size_t) { return open(Array{}); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }
  bool key(std::string& name) {
    keys_.back() = std::move(name);
    return true;
  }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception& e) {
    position_ = position;
    message_ = e.what();
    return false;
  }

  Value take() { return std::move(root_); }
  std::size_t position() const { return position_; }
  const std::string& message() const { return message_; }

 private:
  bool put(Value value) {
    if (stack_.empty()) {
      root_ = std::move(value);
      return true;
    }
    auto& top = *stack_.back();
    if (auto* array = std::get_if<Array>(&top.data))
      array->push_back(std::move(value));
    else
      put_member(std::get<Object>(top.data), keys_.back(), std::move(value));
    return true;
  }

  bool open(Value container) {
    if (stack_.size() >= depth_max) {
      message_ = "nested more than 256 levels deep";
      return false;
    }
    put(std::move(container));
    Value* inside = &root_;
    if (!stack_.empty()) {
      auto& top = *stack_.back();
      if (auto* array = std::get_if<Array>(&top.data)) {
        inside = &array->back();
      } else {
        for (auto& [name, member] : std::get<Object>(top.data))
          if (name == keys_.back())
            inside = &member;
      }
    }
    stack_.push_back(inside);
    keys_.emplace_back();
    return true;
  }

  bool close() {
    stack_.pop_back();
    keys_.pop_back();
    return true;
  }

  Value root_;
  std::vector<Value*> stack_;  // stays valid: only the innermost container grows
  std::vector<std::string> keys_;
  std::size_t position_ = 0;
  std::string message_;
};

std::string place_of(std::string_view text, std::size_t position) {
  std::size_t line = 1;
  std::size_t column = 1;
  for (std::size_t i = 0; i + 1 < position && i < text.size(); ++i) {
    if (text[i] == '\n') {
      ++line;
      column = 1;
    } else {
      ++column;
    }
  }
  return "line " + std::to_string(line) + ", column " + std::to_string(column);
}

/// The parser's own words without its prefix "[json.exception....] parse error at line 1, column 2: ".
std::string plain_message(const std::string& what) {
  auto colon = what.find(": ");
  return colon == std::string::npos ? what : what.substr(colon + 2);
}

void write(const Value& value, std::string& out);

struct Writer {
  std::string& out;
  void operator()(std::nullptr_t) const { out += "null"; }
  void operator()(bool x) const { out += x ? "true" : "false"; }
  void operator()(const Number& x) const { out += x.text; }
  void operator()(const std::string& x) const { out += quote_json(x); }
  void operator()(const Array& xs) const {
    out += '[';
    for (std::size_t i = 0; i < xs.size(); ++i) {
      if (i > 0)
        out += ',';
      write(xs[i], out);
    }
    out += ']';
  }
  void operator()(const Object& xs) const {
    out += '{';
    for (std::size_t i = 0; i < xs.size(); ++i) {
      if (i > 0)
        out += ',';
      out += quote_json(xs[i].first);
      out += ':';
      write(xs[i].second, out);
    }
    out += '}';
  }
};

void write(const Value& value, std::string& out) { std::visit(Writer{out}, value.data); }

std::optional<double> double_of(const std::string& text) {
  double x = 0;
  auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), x);
  if (end != text.data() + text.size())
    return std::nullopt;
  if (code == std::errc::result_out_of_range)
    return std::strtod(text.c_str(), nullptr);  // 0 or infinity, as the language reads it
  if (code != std::errc{})
    return std::nullopt;
  return x;
}

}  // namespace

bool operator==(const Number& a, const Number& b) {
  return a.text == b.text || double_of(a.text) == double_of(b.text);
}

Value Value::integer(std::int64_t x) { return Number{std::to_string(x)}; }

Value Value::real(double x) {
  if (std::isnan(x))
    return std::string("NaN");
  if (std::isinf(x))
    return std::string(x > 0 ? "Infinity" : "-Infinity");
  char buffer[40];
  auto [end, code] = std::to_chars(buffer, buffer + sizeof buffer, x);
  std::string text(buffer, end);
  if (text.find_first_of(".e") == std::string::npos)
    text += ".0";
  return Number{std::move(text)};
}

std::optional<double> Value::to_double() const {
  const auto* number = as_number();
  return number == nullptr ? std::nullopt : double_of(number->text);
}

std::optional<std::int64_t> Value::to_integer() const {
  const auto* number = as_number();
  if (number == nullptr)
    return std::nullopt;
  const auto& text = number->text;
  std::int64_t x = 0;
  auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), x);
  if (code == std::errc{} && end == text.data() + text.size())
    return x;
  auto real = double_of(text);
  constexpr double whole_max = 9007199254740992.0;  // 2^53: beyond it a double may have lost digits
  if (!real || std::trunc(*real) != *real || std::abs(*real) > whole_max)
    return std::nullopt;
  return static_cast<std::int64_t>(*real);
}

const Value* Value::find(std::string_view name) const {
  const auto* object = as_object();
  if (object == nullptr)
    return nullptr;
  for (const auto& [key, value] : *object)
    if (key == name)
      return &value;
  return nullptr;
}

Result<Value> parse_json(std::string_view text) {
  if (auto plain = PlainReader(text).read())
    return *std::move(plain);
  Builder builder;
  if (nlohmann::json::sax_parse(text, &builder))
    return builder.take();
  return fail(ErrorCode::invalid_argument,
              place_of(text, builder.position()) + ": " + plain_message(builder.message()));
}

std::string to_json(const Value& value) {
  std::string out;
  write(value, out);
  return out;
}

std::string quote_json(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace autotune
