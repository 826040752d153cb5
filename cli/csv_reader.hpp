// Reads CSV (RFC 4180) as programs and people write it. Pure: rows out of text.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "messages/result.hpp"

namespace autotune::cli {

struct CsvRow {
  std::size_t line = 1;  ///< on which it begins, from 1
  std::vector<std::string> cells;
};

struct CsvTable {
  CsvRow heading;
  std::vector<CsvRow> rows;  ///< each has as many cells as the heading
};

/// Lines may end in LF or CRLF, a byte order mark is passed over, and so are empty lines. Blanks around a cell that is
/// not in quotes do not belong to it. Errors: invalid_argument ("NAME:LINE: ...").
Result<CsvTable> read_csv(std::string_view text, const std::string& name);

}  // namespace autotune::cli
