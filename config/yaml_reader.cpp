#include "config/yaml_reader.hpp"

#include <algorithm>
#include <exception>
#include <istream>
#include <streambuf>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/yaml.h>

#include "config/scalar_offsets.hpp"

namespace autotune::config {

namespace {

/// Thrown through the parser, which knows no other way to be stopped.
struct Stop {
  Mistake mistake;
};

/// How much an anchor's copy costs: values, and a long text as several of them.
std::size_t count_of(const Node& node) {
  std::size_t n = 1 + node.text.size() / 64;
  for (const auto& item : node.items)
    n += count_of(item);
  for (const auto& member : node.members)
    n += count_of(member.value);
  return n;
}

/// Builds the tree of a document from the parser's events.
class Builder : public YAML::EventHandler {
 public:
  explicit Builder(const Source& source) : source_(source) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    // After some stray tokens the parser gives empty documents for ever without reading on.
    if (mark.pos == document_start_)
      throw Stop{{place(mark), "this cannot stand here; put the text into quotes"}};
    document_start_ = mark.pos;
    stack_.clear();
    anchors_.clear();
    root_ = Node{};
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Node node;
    node.place = null_place(mark);
    add(std::move(node), anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    auto found = anchors_.find(anchor);
    if (found == anchors_.end())
      throw Stop{{place(mark), "an anchor cannot stand inside of itself"}};
    spend_alias_nodes(found->second, place(mark));
    add(found->second, YAML::NullAnchor);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    Node node;
    node.start = static_cast<std::uint32_t>(skip_properties(offset(mark)));
    node.place = source_.place_at(node.start);
    node.text = text;
    bool is_text =
        tag == "!" || tag == "tag:yaml.org,2002:str" || tag == "tag:yaml.org,2002:binary";
    if (is_text)
      node.kind = Kind::text;
    else
      resolve_plain(node);
    add(std::move(node), anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(Kind::array, mark, anchor);
  }
  void OnSequenceEnd() override { close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(Kind::object, mark, anchor);
  }
  void OnMapEnd() override {
    merge(stack_.back());
    close();
  }

  Node take_document() { return std::move(root_); }
  std::vector<Mistake>& mistakes() { return mistakes_; }

 private:
  /// A list or mapping that is still open.
  struct Open {
    Node node;
    YAML::anchor_t anchor = YAML::NullAnchor;
    bool has_key = false;
    std::string key;
    Place key_place;
    std::unordered_set<std::string> names;
    std::vector<Node> merges;
  };

  std::size_t offset(const YAML::Mark& mark) const {
    return mark.pos < 0 ? 0 : static_cast<std::size_t>(mark.pos);
  }
  Place place(const YAML::Mark& mark) const { return source_.place_at(offset(mark)); }

  /// From an anchor or a tag on to the value itself.
  std::size_t skip_properties(std::size_t at) const {
    auto text = source_.text();
    while (at < text.size() && (text[at] == '&' || text[at] == '!')) {
      at = text.find_first_of(" \t\r\n", at);
      at = std::min(at == text.npos ? at : text.find_first_not_of(" \t\r\n", at), text.size());
    }
    return at;
  }

  /// A value that is missing altogether belongs to its key: the parser's mark is already past it.
  Place null_place(const YAML::Mark& mark) const {
    auto text = source_.text();
    auto at = skip_properties(offset(mark));
    bool is_written = at < text.size() && (text[at] == '~' || text[at] == 'n' || text[at] == 'N');
    if (!is_written && !stack_.empty() && stack_.back().has_key)
      return stack_.back().key_place;
    return source_.place_at(at);
  }

  void open(Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (stack_.size() >= static_cast<std::size_t>(yaml_depth_max))
      throw Stop{
          {place(mark), "nested more than " + std::to_string(yaml_depth_max) + " levels deep"}};
    Open top;
    top.node.kind = kind;
    top.node.place = source_.place_at(skip_properties(offset(mark)));
    top.anchor = anchor;
    stack_.push_back(std::move(top));
  }

  void close() {
    auto top = std::move(stack_.back());
    stack_.pop_back();
    add(std::move(top.node), top.anchor);
  }

  void add(Node node, YAML::anchor_t anchor) {
    if (++nodes_ > nodes_max)
      throw Stop{{node.place, "more than " + std::to_string(nodes_max) + " values in one file"}};
    if (anchor != YAML::NullAnchor) {
      spend_alias_nodes(node, node.place);
      anchors_[anchor] = node;
    }
    if (stack_.empty()) {
      root_ = std::move(node);
      return;
    }
    auto& top = stack_.back();
    if (top.node.kind == Kind::array)
      top.node.items.push_back(std::move(node));
    else if (top.has_key)
      add_value(top, std::move(node));
    else
      add_key(top, node);
  }

  void add_key(Open& top, const Node& node) {
    if (node.kind == Kind::array || node.kind == Kind::object)
      throw Stop{{node.place, "a name is expected here, not " + std::string(name_of(node))}};
    top.key = node.is_null() ? "null" : key_text(node);
    top.key_place = node.place;
    if (top.key.size() > name_bytes_max)
      mistakes_.push_back({node.place, "a name of more than 500 bytes"});
    top.has_key = true;
  }

  /// A name is text even where it looks like a number: `007:` keeps its zeros.
  std::string key_text(const Node& node) const {
    if (node.kind == Kind::text || node.start == Node::nowhere)
      return node.text;
    auto text = source_.text().substr(node.start);
    auto end = std::min(text.find_first_of(":,}] \t\r\n"), text.size());
    return std::string(text.substr(0, end));
  }

  void add_value(Open& top, Node node) {
    top.has_key = false;
    if (top.key == "<<" && (node.kind == Kind::object || node.kind == Kind::array)) {
      top.merges.push_back(std::move(node));
      return;
    }
    if (!top.names.insert(top.key).second) {
      mistakes_.push_back({top.key_place, quoted(top.key) + " stands here a second time"});
      return;
    }
    top.node.members.push_back({std::move(top.key), top.key_place, std::move(node)});
  }

  /// `<<: *defaults`: members of the other mapping that this one does not have itself.
  void merge(Open& top) {
    for (auto& merged : top.merges) {
      if (merged.kind == Kind::object) {
        merge_one(top, std::move(merged));
        continue;
      }
      for (auto& item : merged.items)
        merge_one(top, std::move(item));
    }
  }

  void merge_one(Open& top, Node merged) {
    if (merged.kind != Kind::object) {
      mistakes_.push_back({merged.place, "'<<' takes a mapping or a list of mappings"});
      return;
    }
    for (auto& member : merged.members)
      if (top.names.insert(member.key).second)
        top.node.members.push_back(std::move(member));
  }

  void spend_alias_nodes(const Node& node, Place place) {
    alias_nodes_ += count_of(node);
    if (alias_nodes_ > alias_nodes_max)
      throw Stop{{place, "anchors and aliases make more than " + std::to_string(alias_nodes_max) +
                             " values; write them out or use fewer"}};
  }

  const Source& source_;
  Node root_;
  std::vector<Open> stack_;
  std::unordered_map<YAML::anchor_t, Node> anchors_;
  std::vector<Mistake> mistakes_;
  int document_start_ = -1;
  std::size_t nodes_ = 0;
  std::size_t alias_nodes_ = 0;
};

/// The parser's words in ours, with what to do.
std::string words_for(const std::string& message) {
  static const std::vector<std::pair<std::string_view, std::string_view>> known = {
      {"illegal map value",
       "':' cannot stand here; indent the line as its neighbours, or quote the text"},
      {"illegal block entry", "'-' cannot stand here; check the indentation of the list"},
      {"illegal map key", "'?' cannot stand here; quote the text"},
      {"illegal flow end", "a closing bracket without its opening one"},
      {"end of map not found", "the mapping ends unexpectedly; check the indentation of this line"},
      {"end of map flow not found", "'}' is missing"},
      {"end of sequence not found",
       "the list ends unexpectedly; check the indentation of this line"},
      {"end of sequence flow not found", "']' is missing"},
      {"illegal EOF in scalar", "the text ends before its closing quote"},
      {"illegal document indicator in scalar", "a document ends ('---') inside of a quoted text"},
      {"illegal tab when looking for indentation", "indent with spaces; YAML allows no tabs here"},
      {"unknown token", "this character cannot begin a value; put the text into quotes"},
      {"the referenced anchor is not defined", "no anchor of this name stands before"},
  };
  for (const auto& [theirs, ours] : known)
    if (message.rfind(theirs, 0) == 0)
      return std::string(ours);
  return "not valid YAML: " + message;
}

std::optional<Mistake> illegal_bytes(const Source& source) {
  if (source.text().size() > file_bytes_max)
    return Mistake{{1, 1},
                   "the file has more than " + std::to_string(file_bytes_max >> 20) + " MiB"};
  auto at = first_illegal_byte(source.text());
  if (at == std::string_view::npos)
    return std::nullopt;
  return Mistake{source.place_at(at), words_for_illegal_byte(source.text()[at])};
}

/// True for `{"`, which is how JSON begins.
bool starts_as_json(std::string_view text) {
  constexpr std::string_view space = " \t\r\n";
  auto first = text.find_first_not_of(space);
  if (first == std::string_view::npos || text[first] != '{')
    return false;
  auto second = text.find_first_not_of(space, first + 1);
  return second != std::string_view::npos && text[second] == '"';
}

/// A memory buffer as a stream, without a copy.
class ViewBuffer : public std::streambuf {
 public:
  explicit ViewBuffer(std::string_view text) {
    auto* begin = const_cast<char*>(text.data());  // NOLINT: a get area is never written to
    setg(begin, begin, begin + text.size());
  }
};

void parse(const Source& source, ReadDocuments& result) {
  ViewBuffer buffer(source.text());
  std::istream stream(&buffer);
  Builder builder(source);
  try {
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
      auto document = builder.take_document();
      if (result.documents.size() >= documents_max)
        throw Stop{{document.place,
                    "more than " + std::to_string(documents_max) + " documents in one file"}};
      if (!document.is_null())
        result.documents.push_back(std::move(document));
    }
  } catch (const Stop& stop) {
    builder.mistakes().push_back(stop.mistake);
  } catch (const YAML::Exception& e) {
    auto offset = e.mark.pos < 0 ? source.text().size() : static_cast<std::size_t>(e.mark.pos);
    builder.mistakes().push_back({source.place_at(offset), words_for(e.msg)});
  } catch (const std::exception& e) {
    builder.mistakes().push_back({{1, 1}, std::string("cannot be read: ") + e.what()});
  }
  for (auto& mistake : builder.mistakes())
    result.mistakes.push_back(std::move(mistake));
}

}  // namespace

ReadDocuments read_yaml(const Source& source) {
  ReadDocuments result;
  if (auto illegal = illegal_bytes(source)) {
    result.mistakes.push_back(std::move(*illegal));
    return result;
  }
  // JSON that starts as JSON is read as such: its tabs are no mistake, and it is faster.
  if (!starts_as_json(source.text())) {
    parse(source, result);
    return result;
  }
  auto tree = read_json(source);
  if (tree.root) {
    result.documents.push_back(std::move(*tree.root));
    result.mistakes = std::move(tree.mistakes);
    return result;
  }
  // YAML's flow style may begin as JSON does.
  parse(source, result);
  if (!result.mistakes.empty())
    result.mistakes = std::move(tree.mistakes);
  return result;
}

ReadTree read_json_of(const Source& source, const Node& scalar) {
  if (scalar.place.override_index >= 0)
    return read_json(Source(scalar.text, scalar.place.override_index));
  auto offsets = scalar.start == Node::nowhere
                     ? std::vector<std::uint32_t>(scalar.text.size() + 1, 0)
                     : scalar_offsets(source.text(), scalar.start, scalar.text);
  return read_embedded_json(source, scalar.text, offsets);
}

}  // namespace autotune::config
