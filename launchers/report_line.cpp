#include "launchers/report_line.hpp"

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <optional>

#include "messages/value.hpp"

namespace autotune {

namespace {

using Metrics = google::protobuf::RepeatedPtrField<pb::Metric>;

/// NaN and the infinities in words; nothing for other words.
std::optional<double> special(std::string_view word) {
  bool minus = word.starts_with('-');
  if (minus)
    word.remove_prefix(1);
  if (word == "NaN" || word == "nan")
    return std::numeric_limits<double>::quiet_NaN();
  if (word == "Infinity" || word == "inf" || word == "infinity")
    return minus ? -std::numeric_limits<double>::infinity()
                 : std::numeric_limits<double>::infinity();
  return std::nullopt;
}

/// Reads the common shape without allocating; whatever it does not know it leaves to the real parser.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : at_(text.data()), end_(text.data() + text.size()) {}

  void space() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\t'))
      ++at_;
  }
  bool take(char wanted) {
    space();
    if (at_ == end_ || *at_ != wanted)
      return false;
    ++at_;
    return true;
  }
  /// A string without escapes and control characters.
  bool string(std::string_view& out) {
    if (!take('"'))
      return false;
    const char* begin = at_;
    for (; at_ != end_ && *at_ != '"'; ++at_)
      if (*at_ == '\\' || static_cast<unsigned char>(*at_) < 0x20 ||
          static_cast<unsigned char>(*at_) >= 0x80)
        return false;
    if (at_ == end_)
      return false;
    out = {begin, static_cast<std::size_t>(at_++ - begin)};
    return true;
  }
  bool number(double& out) {
    space();
    if (at_ != end_ && *at_ == '"') {
      std::string_view word;
      if (!string(word))
        return false;
      auto found = special(word);
      out = found.value_or(0);
      return found.has_value();
    }
    const char* begin = at_;
    while (at_ != end_ && *at_ != ',' && *at_ != '}' && *at_ != ' ')
      ++at_;
    auto [stop, code] = std::from_chars(begin, at_, out);
    if (code == std::errc{} && stop == at_)
      return true;
    if (code == std::errc::result_out_of_range && stop == at_) {
      out = std::strtod(std::string(begin, at_).c_str(), nullptr);  // 0 or an infinity
      return true;
    }
    auto found = special({begin, static_cast<std::size_t>(at_ - begin)});
    out = found.value_or(0);
    return found.has_value();
  }
  bool integer(std::int64_t& out) {
    space();
    auto [stop, code] = std::from_chars(at_, end_, out);
    if (code != std::errc{})
      return false;
    at_ = stop;
    space();
    return at_ != end_ && (*at_ == ',' || *at_ == '}');
  }
  bool peek(char wanted) {
    space();
    return at_ != end_ && *at_ == wanted;
  }
  bool finished() {
    space();
    return at_ == end_;
  }

 private:
  const char* at_;
  const char* end_;
};

bool known_type(std::string_view type, ReportLine& line) {
  if (type == "intermediate")
    line.kind = pb::REPORT_KIND_INTERMEDIATE;
  else if (type == "final")
    line.kind = pb::REPORT_KIND_FINAL;
  else
    return false;
  return true;
}

void add(Metrics& metrics, std::string_view name, double value) {
  auto* metric = metrics.Add();
  metric->set_name(name.data(), name.size());
  metric->set_value(value);
}

bool scan_object(Scanner& scanner, Metrics& metrics) {
  scanner.take('{');
  do {
    std::string_view name;
    double value = 0;
    if (!scanner.string(name) || !scanner.take(':') || !scanner.number(value))
      return false;
    for (const auto& one : metrics)
      if (one.name() == name)
        return false;
    add(metrics, name, value);
  } while (scanner.take(','));
  return scanner.take('}');
}

bool scan(std::string_view text, ReportLine& line, Metrics& metrics) {
  Scanner scanner(text);
  if (!scanner.take('{'))
    return false;
  do {
    std::string_view name;
    if (!scanner.string(name) || !scanner.take(':'))
      return false;
    if (name == "type") {
      std::string_view type;
      if (!scanner.string(type) || !known_type(type, line))
        return false;
    } else if (name == "step") {
      if (line.has_step || !scanner.integer(line.step))
        return false;
      line.has_step = true;
    } else if (name == "value") {
      double value = 0;
      if (!metrics.empty())
        return false;
      if (scanner.peek('{')) {
        if (!scan_object(scanner, metrics))
          return false;
      } else if (scanner.number(value)) {
        add(metrics, "default", value);
      } else {
        return false;
      }
    } else {
      double ignored =
          0;  // of others' making: numbers are common, the rest is left to the real parser
      if (!scanner.number(ignored))
        return false;
    }
  } while (scanner.take(','));
  return scanner.take('}') && scanner.finished();
}

std::optional<double> number_of(const Value& value) {
  if (const auto* word = value.as_string())
    return special(*word);
  return value.to_double();
}

bool read_members(const Value& value, Metrics& metrics) {
  for (const auto& [name, member] : *value.as_object()) {
    auto number = number_of(member);
    if (number)
      add(metrics, name, *number);
    else if (name == "default")
      return false;
  }
  return !metrics.empty();
}

bool parse(std::string_view text, ReportLine& line, Metrics& metrics) {
  auto read = parse_json(text);
  if (!read || read->as_object() == nullptr)
    return false;
  const auto* type = read->find("type");
  const auto* value = read->find("value");
  if (type == nullptr || type->as_string() == nullptr || !known_type(*type->as_string(), line) ||
      value == nullptr)
    return false;
  if (const auto* step = read->find("step"); step != nullptr && !step->is_null()) {
    auto number = step->to_integer();
    if (!number)
      return false;
    line.has_step = true;
    line.step = *number;
  }
  if (value->as_object() != nullptr)
    return read_members(*value, metrics);
  auto number = number_of(*value);
  if (number)
    add(metrics, "default", *number);
  return number.has_value();
}

}  // namespace

bool parse_report(std::string_view text, ReportLine& line, Metrics& metrics) {
  line = {};
  metrics.Clear();
  if (!scan(text, line, metrics) || line.kind == pb::REPORT_KIND_UNSPECIFIED || metrics.empty()) {
    line = {};
    metrics.Clear();
    if (!parse(text, line, metrics))
      return false;
  }
  return line.step >= 0;
}

std::string report_to_line(std::string_view type, double value) {
  auto number = Value::real(value);
  return "{\"type\":\"" + std::string(type) + "\",\"value\":" + to_json(number) + "}\n";
}

}  // namespace autotune
