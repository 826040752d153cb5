#include "cli/columns.hpp"

#include <algorithm>
#include <cmath>
#include <iostream>

namespace autotune::cli {

namespace {

/// Characters, not bytes: UTF-8's continuation bytes take no room.
std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

void write_indented(const Value& value, int depth, std::string& out) {
  auto new_line = [&out](int level) {
    out += "\n" + std::string(static_cast<std::size_t>(level) * 2, ' ');
  };
  if (const auto* array = value.as_array(); array != nullptr && !array->empty()) {
    out += "[";
    for (std::size_t i = 0; i < array->size(); ++i) {
      out += i == 0 ? "" : ",";
      new_line(depth + 1);
      write_indented((*array)[i], depth + 1, out);
    }
    new_line(depth);
    out += "]";
  } else if (const auto* object = value.as_object(); object != nullptr && !object->empty()) {
    out += "{";
    bool first = true;
    for (const auto& [name, member] : *object) {
      out += first ? "" : ",";
      first = false;
      new_line(depth + 1);
      out += quote_json(name) + ": ";
      write_indented(member, depth + 1, out);
    }
    new_line(depth);
    out += "}";
  } else {
    out += to_json(value);
  }
}

}  // namespace

void Columns::print(std::ostream& out) const {
  std::vector<std::size_t> widths;
  for (const auto& row : rows_)
    for (std::size_t i = 0; i + 1 < row.size(); ++i) {
      widths.resize(std::max(widths.size(), i + 1));
      widths[i] = std::max(widths[i], width_of(row[i]));
    }
  for (const auto& row : rows_) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size())
        line += std::string(widths[i] - width_of(row[i]) + 2, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out << line << "\n";
  }
}

void print_json(const Value& value) {
  std::string text;
  write_indented(value, 0, text);
  std::cout << text << "\n";
}

void add_output_option(CLI::App& verb, Common& common, const std::vector<std::string>& formats) {
  verb.add_option("-o,--output", common.output, "Format of what is printed")
      ->type_name("FORMAT")
      ->check(CLI::IsMember(formats));
}

Value plain_number(double x) {
  constexpr double whole_max = 9007199254740992.0;  // 2^53
  return std::trunc(x) == x && std::abs(x) <= whole_max
             ? Value::integer(static_cast<std::int64_t>(x))
             : Value::real(x);
}

}  // namespace autotune::cli
