#include "config/json_reader.hpp"

#include <algorithm>
#include <unordered_set>
#include <utility>

namespace autotune::config {

namespace {

/// Thrown inside this file alone, where the text cannot be read on.
struct Stop {};

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '+' || c == '-' || c == '.';
}

void append_utf8(std::string& out, std::uint32_t code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | (code >> 6));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0 | (code >> 12));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | (code >> 18));
    out += static_cast<char>(0x80 | ((code >> 12) & 0x3F));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  }
}

class JsonReader {
 public:
  JsonReader(const Source& source, std::string_view text, const std::vector<std::uint32_t>* offsets)
      : source_(source), text_(text), offsets_(offsets) {}

  ReadTree read() {
    ReadTree tree;
    try {
      skip_space();
      if (at_end())
        stop("JSON text is missing here");
      auto root = value();
      skip_space();
      if (!at_end())
        stop("the JSON text ends before this; nothing may follow it");
      tree.root = std::move(root);
    } catch (const Stop&) {
    }
    tree.mistakes = std::move(mistakes_);
    return tree;
  }

 private:
  bool at_end() const { return at_ >= text_.size(); }
  char here() const { return at_end() ? '\0' : text_[at_]; }

  Place place() const {
    if (offsets_ == nullptr)
      return source_.place_at(at_);
    return source_.place_at((*offsets_)[std::min(at_, offsets_->size() - 1)]);
  }

  [[noreturn]] void stop(std::string message) {
    mistakes_.push_back({place(), std::move(message)});
    throw Stop{};
  }

  void skip_space() {
    while (!at_end() && is_space(text_[at_]))
      ++at_;
    if (here() == '#' || text_.substr(std::min(at_, text_.size()), 2) == "//")
      stop("JSON has no comments; remove this one");
  }

  Node value() {
    Node node;
    node.place = place();
    switch (here()) {
      case '{': object(node); return node;
      case '[': array(node); return node;
      case '"':
        node.kind = Kind::text;
        if (offsets_ == nullptr)
          node.start = static_cast<std::uint32_t>(at_);
        node.text = string();
        return node;
      default: word(node); return node;
    }
  }

  void word(Node& node) {
    auto end = at_;
    while (end < text_.size() && is_word(text_[end]))
      ++end;
    auto word = text_.substr(at_, end - at_);
    if (word.empty())
      stop(nothing_readable());
    node.text = word;
    if (word == "true" || word == "false")
      node.kind = Kind::boolean;
    else if (word == "null")
      node.text.clear();
    else if (is_json_number(word))
      node.kind = Kind::number;
    else
      stop(wrong_word(word));
    if (node.kind == Kind::number && !is_finite_number(node.text))
      stop(std::string(quoted(word)) + " is too large for a number");
    at_ = end;
  }

  std::string nothing_readable() const {
    if (at_end())
      return "the JSON text ends where a value is missing";
    if (here() == '\'')
      return "JSON puts text into double quotes (\"), not single ones";
    if (here() == ',' || here() == ']' || here() == '}')
      return std::string("a value is missing before this '") + here() + "'";
    return "a JSON value is expected here, not " + quoted(rest_of_line());
  }

  std::string_view rest_of_line() const { return text_.substr(at_, text_.substr(at_).find('\n')); }

  static std::string wrong_word(std::string_view word) {
    if (word == "True" || word == "TRUE" || word == "False" || word == "FALSE")
      return "JSON writes " + std::string(word[0] == 'T' ? "true" : "false") + ", not " +
             std::string(word);
    if (word == "None" || word == "Null" || word == "NULL")
      return "JSON writes null, not " + std::string(word);
    Node plain;
    plain.text = word;
    resolve_plain(plain);
    if (plain.kind == Kind::number)
      return quoted(word) + " is not a JSON number; write " + plain.text;
    if (word == "NaN" || word.find("nf") != std::string_view::npos)
      return quoted(word) + " is not a JSON number";
    return quoted(word) + " is no JSON value; put text into double quotes: \"" +
           std::string(word.substr(0, 60)) + "\"";
  }

  void enter() {
    if (++depth_ > json_depth_max)
      stop("nested more than " + std::to_string(json_depth_max) + " levels deep");
  }

  void array(Node& node) {
    node.kind = Kind::array;
    enter();
    ++at_;
    skip_space();
    if (here() == ']') {
      leave();
      return;
    }
    for (;;) {
      node.items.push_back(value());
      skip_space();
      if (here() == ']')
        break;
      next_or_stop(']');
      if (here() == ']')
        stop("JSON allows no ',' before ']'; remove it");
    }
    leave();
  }

  void object(Node& node) {
    node.kind = Kind::object;
    enter();
    ++at_;
    skip_space();
    if (here() == '}') {
      leave();
      return;
    }
    std::unordered_set<std::string> names;
    for (;;) {
      member(node, names);
      skip_space();
      if (here() == '}')
        break;
      next_or_stop('}');
      if (here() == '}')
        stop("JSON allows no ',' before '}'; remove it");
    }
    leave();
  }

  void leave() {
    --depth_;
    ++at_;
  }

  void member(Node& node, std::unordered_set<std::string>& names) {
    Member member;
    member.key_place = place();
    if (here() != '"')
      stop(at_end() ? "the JSON text ends before '}'"
           : here() == '\''
               ? "JSON puts names into double quotes (\"), not single ones"
               : "a name in double quotes is expected here, not " + quoted(rest_of_line()));
    member.key = string();
    if (member.key.size() > name_bytes_max)
      mistakes_.push_back({member.key_place, "a name of more than 500 bytes"});
    bool is_new = names.insert(member.key).second;
    if (!is_new)
      mistakes_.push_back({member.key_place, quoted(member.key) + " stands here a second time"});
    skip_space();
    if (here() != ':')
      stop("':' is missing after the name " + quoted(member.key));
    ++at_;
    skip_space();
    member.value = value();
    if (is_new)
      node.members.push_back(std::move(member));
  }

  void next_or_stop(char closing) {
    if (at_end())
      stop(std::string("the JSON text ends before '") + closing + "'");
    if (here() != ',')
      stop(std::string("',' or '") + closing + "' is missing before this");
    ++at_;
    skip_space();
  }

  std::string string() {
    std::string out;
    ++at_;
    for (;;) {
      if (at_end())
        stop("the JSON text ends inside a text; '\"' is missing");
      auto c = text_[at_];
      if (c == '"')
        break;
      if (c == '\n' || c == '\r')
        stop("a line ends inside a JSON text; '\"' is missing");
      if (static_cast<unsigned char>(c) < 0x20)
        stop("a tab or control character inside a JSON text; write it as \\t or \\u0000");
      if (c == '\\') {
        escape(out);
      } else {
        out += c;
        ++at_;
      }
    }
    ++at_;
    return out;
  }

  void escape(std::string& out) {
    constexpr std::string_view names = "\"\\/bfnrt";
    constexpr std::string_view meanings = "\"\\/\b\f\n\r\t";
    auto c = at_ + 1 < text_.size() ? text_[at_ + 1] : '\0';
    if (c == 'u') {
      unicode(out);
      return;
    }
    auto which = c == '\0' ? std::string_view::npos : names.find(c);
    if (which == std::string_view::npos)
      stop("JSON knows no such escape; write \\\\ for a backslash");
    out += meanings[which];
    at_ += 2;
  }

  void unicode(std::string& out) {
    auto code = hex4(at_ + 2);
    auto length = std::size_t{6};
    if (code >= 0xD800 && code < 0xDC00 && text_.substr(at_ + 6, 2) == "\\u") {
      auto low = hex4(at_ + 8);
      if (low >= 0xDC00 && low < 0xE000) {
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        length = 12;
      }
    }
    if (code >= 0xD800 && code < 0xE000)
      stop("half of a surrogate pair is no character");
    append_utf8(out, code);
    at_ += length;
  }

  std::uint32_t hex4(std::size_t from) {
    std::uint32_t code = 0;
    for (std::size_t i = from; i < from + 4; ++i) {
      auto c = i < text_.size() ? text_[i] : '\0';
      auto digit = std::string_view("0123456789abcdef").find(c >= 'A' && c <= 'F' ? c + 32 : c);
      if (digit == std::string_view::npos || c == '\0')
        stop("\\u needs four hexadecimal digits");
      code = code * 16 + static_cast<std::uint32_t>(digit);
    }
    return code;
  }

  const Source& source_;
  std::string_view text_;
  const std::vector<std::uint32_t>* offsets_;
  std::size_t at_ = 0;
  int depth_ = 0;
  std::vector<Mistake> mistakes_;
};

}  // namespace

ReadTree read_json(const Source& source) {
  auto illegal = first_illegal_byte(source.text());
  if (illegal != std::string_view::npos)
    return {std::nullopt,
            {{source.place_at(illegal), words_for_illegal_byte(source.text()[illegal])}}};
  return JsonReader(source, source.text(), nullptr).read();
}

ReadTree read_embedded_json(const Source& source, std::string_view text,
                            const std::vector<std::uint32_t>& offsets) {
  return JsonReader(source, text, &offsets).read();
}

}  // namespace autotune::config
