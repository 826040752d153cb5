// Plain text in columns, and JSON for scripts: how verbs that print facts print them.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "cli/cli.hpp"
#include "messages/value.hpp"

namespace autotune::cli {

/// Rows whose cells stand below each other; the last cell of a row is as long as it likes.
class Columns {
 public:
  Columns() = default;
  explicit Columns(std::vector<std::string> heading) : rows_{std::move(heading)} {}

  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  /// Two spaces between columns, none at the end of a line.
  void print(std::ostream& out) const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

/// Prints the document on stdout, indented by two, with a newline at its end. Numbers as they were
/// written.
void print_json(const Value& value);

/// `-o`, limited to these words.
void add_output_option(CLI::App& verb, Common& common, const std::vector<std::string>& formats);

/// A whole number without a point, another with one: for seconds and the like.
Value plain_number(double x);

}  // namespace autotune::cli
