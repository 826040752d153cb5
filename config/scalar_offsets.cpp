#include "config/scalar_offsets.hpp"

#include <algorithm>

namespace autotune::config {

namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

/// Walks through the file beside the content and notes where each byte of it came from.
class Walk {
 public:
  Walk(std::string_view file, std::size_t start, std::string_view content)
      : file_(file), content_(content), at_(start) {
    offsets_.reserve(content.size() + 1);
  }

  /// Plain, single-quoted and block text: indentation, folding and chomping only ever add or remove white space, so
  /// the bytes between it stand in the file in the same order.
  bool by_bytes(bool single_quoted) {
    while (!done()) {
      if (is_space(next())) {
        pass_space();
        continue;
      }
      skip_space();
      if (here() != next())
        return false;
      note(1);
      at_ += single_quoted && file_[at_] == '\'' ? 2 : 1;  // '' stands for one quote
    }
    return true;
  }

  /// Double-quoted text: white space can be escaped too, so it is followed exactly.
  bool by_escapes() {
    ++at_;
    while (!done()) {
      auto c = here();
      if (c == '"' || at_ >= file_.size())
        return false;
      if (c == '\\')
        escape();
      else if (is_space(c))
        space();
      else if (!same())
        return false;
    }
    return true;
  }

  void to_block_text() {
    auto end = file_.find('\n', at_);
    at_ = end == std::string_view::npos ? file_.size() : end + 1;
  }

  void to_quoted_text() { ++at_; }

  std::vector<std::uint32_t> take(std::size_t otherwise) {
    offsets_.resize(content_.size(), static_cast<std::uint32_t>(otherwise));
    offsets_.push_back(static_cast<std::uint32_t>(std::min(at_, file_.size())));
    return std::move(offsets_);
  }

 private:
  bool done() const { return offsets_.size() >= content_.size(); }
  char next() const { return content_[offsets_.size()]; }
  char here() const { return at_ < file_.size() ? file_[at_] : '\0'; }

  void note(std::size_t bytes) {
    auto n = std::min(bytes, content_.size() - offsets_.size());
    offsets_.insert(offsets_.end(), n, static_cast<std::uint32_t>(at_));
  }

  void skip_space() {
    while (at_ < file_.size() && is_space(file_[at_]))
      ++at_;
  }

  /// White space of the content: told exactly within a line, roughly at a line's ends.
  void pass_space() {
    if (next() == '\n')
      at_ = std::min(file_.find_first_not_of(" \t\r", at_), file_.size());
    bool is_same = here() == next();
    note(1);
    at_ += is_same ? 1 : 0;
  }

  bool same() {
    if (here() != next())
      return false;
    note(1);
    ++at_;
    return true;
  }

  /// A run of white space: kept within a line; a line's end becomes a space, n empty lines become n line ends.
  void space() {
    auto end = std::min(file_.find_first_not_of(" \t\r\n", at_), file_.size());
    auto run = file_.substr(at_, end - at_);
    auto breaks = static_cast<std::size_t>(std::count(run.begin(), run.end(), '\n'));
    if (breaks > 0) {
      note(std::max<std::size_t>(breaks - 1, 1));
      at_ = end;
    }
    for (; at_ < end; ++at_)
      note(1);
  }

  void escape() {
    auto c = at_ + 1 < file_.size() ? file_[at_ + 1] : '\0';
    if (c == '\n' || c == '\r') {  // joins the line with the next one
      ++at_;
      skip_space();
      return;
    }
    auto lead = static_cast<unsigned char>(next());
    note(lead < 0xC0 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4);
    bool is_pair = c == 'u' && lead >= 0xF0;  // JSON writes such a character as two escapes
    auto digits = c == 'x' ? 2U : is_pair ? 10U : c == 'u' ? 4U : c == 'U' ? 8U : 0U;
    at_ = std::min(at_ + 2 + digits, file_.size());
  }

  std::string_view file_;
  std::string_view content_;
  std::size_t at_;
  std::vector<std::uint32_t> offsets_;
};

}  // namespace

std::vector<std::uint32_t> scalar_offsets(std::string_view file, std::size_t start,
                                          std::string_view content) {
  Walk walk(file, start, content);
  auto first = start < file.size() ? file[start] : '\0';
  if (first == '"') {
    walk.by_escapes();
  } else {
    if (first == '|' || first == '>')
      walk.to_block_text();
    else if (first == '\'')
      walk.to_quoted_text();
    walk.by_bytes(first == '\'');
  }
  return walk.take(start);
}

}  // namespace autotune::config
