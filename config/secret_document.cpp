#include "config/secret_document.hpp"

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace autotune::config {

namespace {

int value_of(char c) {
  if (c >= 'A' && c <= 'Z')
    return c - 'A';
  if (c >= 'a' && c <= 'z')
    return c - 'a' + 26;
  if (c >= '0' && c <= '9')
    return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/// RFC 4648 with padding; line ends inside are passed over.
std::optional<std::string> decode_base64(std::string_view text) {
  std::string out;
  std::uint32_t bits = 0;
  int n = 0;
  int padding = 0;
  for (char c : text) {
    if (c == '\n' || c == '\r' || c == ' ')
      continue;
    if (c == '=') {
      ++padding;
      continue;
    }
    auto value = value_of(c);
    if (value < 0 || padding > 0)
      return std::nullopt;
    bits = (bits << 6) | static_cast<std::uint32_t>(value);
    if (++n % 4 == 0) {
      out += {static_cast<char>(bits >> 16), static_cast<char>(bits >> 8), static_cast<char>(bits)};
      bits = 0;
    }
  }
  if (n % 4 == 1 || (n + padding) % 4 != 0 || padding > 2)
    return std::nullopt;
  if (n % 4 == 2)
    out += static_cast<char>(bits >> 4);
  if (n % 4 == 3)
    out += {static_cast<char>(bits >> 10), static_cast<char>(bits >> 2)};
  return out;
}

/// The text of one entry; its value is never shown.
const std::string* entry_text(Reader& reader, const Member& member, const std::string& path) {
  if (member.value.kind == Kind::text)
    return &member.value.text;
  reader.error(member.value.place, path, "must be text; write it in quotes");
  return nullptr;
}

void read_entries(const Fields& fields, std::string_view name, bool is_base64,
                  pb::SecretDocument& out) {
  const auto* node = fields.find(name);
  if (node == nullptr)
    return;
  auto& reader = fields.reader();
  if (node->kind != Kind::object)
    return fields.error(name, "must be a mapping of keys to values");
  for (const auto& member : node->members) {
    auto path = fields.path_of(name) + "." + member.key;
    const auto* text = entry_text(reader, member, path);
    if (text == nullptr)
      continue;
    if (!is_base64) {
      (*out.mutable_data())[member.key] = *text;
    } else if (auto decoded = decode_base64(*text)) {
      (*out.mutable_data())[member.key] = std::move(*decoded);
    } else {
      reader.error(member.value.place, path,
                   "is not base64; encode it, or move it to stringData as plain text");
    }
  }
}

/// A DNS-1123 subdomain, as Kubernetes wants a Secret's name.
bool is_secret_name(std::string_view name) {
  constexpr std::size_t length_max = 253;
  auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  if (name.empty() || name.size() > length_max || !is_letter(name.front()) ||
      !is_letter(name.back()))
    return false;
  for (char c : name)
    if (!is_letter(c) && c != '-' && c != '.')
      return false;
  return true;
}

}  // namespace

void read_secret(Reader& reader, const Node& document, pb::SecretDocument& out) {
  static constexpr std::array<std::string_view, 7> known = {
      "apiVersion", "kind", "metadata", "data", "stringData", "type", "immutable"};
  Fields fields(reader, document, "", known);
  auto version = fields.text("apiVersion");
  if (version && *version != "v1")
    fields.error("apiVersion", "must be v1 for a Secret");
  else if (!fields.has("apiVersion"))
    fields.missing("apiVersion", "v1");
  const auto* node = fields.find("metadata");
  if (node == nullptr) {
    fields.missing("metadata", "with the Secret's name");
  } else {
    Fields metadata(reader, *node, "metadata", {}, Unknown::is_accepted);
    auto name = metadata.required_text("name", "the Secret's name");
    if (name && !is_secret_name(*name))
      metadata.error("name", quoted(*name) + " is no name; use a-z, 0-9, '-' and '.'");
    out.set_name(name.value_or(""));
  }
  read_entries(fields, "data", true, out);
  read_entries(fields, "stringData", false, out);
}

}  // namespace autotune::config
