#include "cli/csv_reader.hpp"

#include <optional>

namespace autotune::cli {

namespace {

std::string_view trimmed(std::string_view text) {
  auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos)
    return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

class CsvReader {
 public:
  CsvReader(std::string_view text, const std::string& name) : text_(text), name_(name) {
    if (text_.starts_with("\xef\xbb\xbf"))
      text_.remove_prefix(3);
  }

  /// The next row that is not empty; nothing at the end.
  Result<std::optional<CsvRow>> row() {
    while (at_ < text_.size()) {
      CsvRow row{line_, {}};
      bool more = true;
      while (more) {
        auto cell = next_cell(more);
        if (!cell)
          return tl::unexpected(cell.error());
        row.cells.push_back(std::move(*cell));
      }
      if (row.cells.size() > 1 || !row.cells.front().empty())
        return std::optional(std::move(row));
    }
    return std::optional<CsvRow>();
  }

 private:
  Error wrong(std::size_t line, const std::string& what) const {
    return {ErrorCode::invalid_argument, name_ + ":" + std::to_string(line) + ": " + what};
  }

  /// Reads a cell and the comma or line end behind it; `more`: it was a comma.
  Result<std::string> next_cell(bool& more) {
    auto start = text_.find_first_not_of(" \t", at_);
    std::string cell;
    if (start != std::string_view::npos && text_[start] == '"') {
      at_ = start + 1;
      if (auto read = quoted(cell); !read)
        return tl::unexpected(read.error());
    } else {
      auto end = std::min(text_.find_first_of(",\r\n", at_), text_.size());
      cell = trimmed(text_.substr(at_, end - at_));
      at_ = end;
    }
    return finish(std::move(cell), more);
  }

  Result<void> quoted(std::string& cell) {
    auto begun = line_;
    while (true) {
      if (at_ >= text_.size())
        return tl::unexpected(wrong(begun, "a quote is not closed"));
      char c = text_[at_++];
      if (c == '\n')
        ++line_;
      if (c == '"') {
        if (at_ >= text_.size() || text_[at_] != '"')
          return {};
        ++at_;
      }
      cell += c;
    }
  }

  Result<std::string> finish(std::string cell, bool& more) {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t'))
      ++at_;
    more = at_ < text_.size() && text_[at_] == ',';
    if (more) {
      ++at_;
      return cell;
    }
    if (at_ < text_.size() && text_[at_] != '\r' && text_[at_] != '\n')
      return tl::unexpected(wrong(line_,
                                  "text follows a closing quote; write a quote inside of "
                                  "quotes twice"));
    if (at_ < text_.size() && text_[at_] == '\r')
      ++at_;
    if (at_ < text_.size() && text_[at_] == '\n')
      ++at_;
    ++line_;
    return cell;
  }

  std::string_view text_;
  const std::string& name_;
  std::size_t at_ = 0;
  std::size_t line_ = 1;
};

}  // namespace

Result<CsvTable> read_csv(std::string_view text, const std::string& name) {
  CsvReader reader(text, name);
  CsvTable table;
  auto heading = reader.row();
  if (!heading)
    return tl::unexpected(heading.error());
  if (!*heading)
    return fail(ErrorCode::invalid_argument, name + " is empty; its first line names the columns");
  table.heading = std::move(**heading);
  while (true) {
    auto row = reader.row();
    if (!row)
      return tl::unexpected(row.error());
    if (!*row)
      return table;
    if ((*row)->cells.size() != table.heading.cells.size())
      return fail(ErrorCode::invalid_argument, name + ":" + std::to_string((*row)->line) +
                                                   ": has " + std::to_string((*row)->cells.size()) +
                                                   " cells, the heading " +
                                                   std::to_string(table.heading.cells.size()) +
                                                   "; put a cell that holds a comma into quotes");
    table.rows.push_back(std::move(**row));
  }
}

}  // namespace autotune::cli
