#include "store/join_tokens.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>

#include <openssl/rand.h>
#include <unistd.h>

#include "store/openssl.hpp"
#include "store/private_file.hpp"

namespace autotune {
namespace {

constexpr std::string_view prefix = "at1_";
constexpr std::string_view alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::size_t fingerprint_bytes = 32;
constexpr std::size_t check_bytes = 4;

std::filesystem::path folder_of(const std::filesystem::path& home) { return home / "tokens"; }

std::filesystem::path record_of(const std::filesystem::path& home, std::string_view secret) {
  return folder_of(home) / openssl::sha256_hex(secret);
}

/// base64url without padding (RFC 4648, section 5).
std::string encoded(std::string_view bytes) {
  std::string text;
  unsigned int bits = 0;
  int count = 0;
  for (unsigned char byte : bytes) {
    bits = bits << 8 | byte;
    for (count += 8; count >= 6; count -= 6)
      text += alphabet[bits >> (count - 6) & 63];
  }
  if (count > 0)
    text += alphabet[bits << (6 - count) & 63];
  return text;
}

std::optional<std::string> decoded(std::string_view text) {
  std::string bytes;
  unsigned int bits = 0;
  int count = 0;
  for (char c : text) {
    auto digit = alphabet.find(c);
    if (digit == std::string_view::npos)
      return std::nullopt;
    bits = bits << 6 | static_cast<unsigned int>(digit);
    count += 6;
    if (count >= 8) {
      count -= 8;
      bytes += static_cast<char>(bits >> count & 255);
    }
  }
  // One text for one token: nothing is left over but zeros, less than a digit of them.
  if (count >= 6 || (bits & ((1u << count) - 1)) != 0)
    return std::nullopt;
  return bytes;
}

std::string hex_of(std::string_view bytes) {
  std::string text;
  for (unsigned char byte : bytes) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

/// Empty where it is no SHA-256 in lower-case hex.
std::string bytes_of_fingerprint(std::string_view hex) {
  std::string bytes;
  constexpr std::string_view digits = "0123456789abcdef";
  if (hex.size() != 2 * fingerprint_bytes ||
      hex.find_first_not_of(digits) != std::string_view::npos)
    return "";
  for (std::size_t i = 0; i < hex.size(); i += 2)
    bytes += static_cast<char>(digits.find(hex[i]) << 4 | digits.find(hex[i + 1]));
  return bytes;
}

/// The first bytes of the digest, as hex digits would be twice as long.
std::string check_of(std::string_view payload) {
  return bytes_of_fingerprint(openssl::sha256_hex(payload)).substr(0, check_bytes);
}

/// The time that a record holds.
Result<std::int64_t> expiry_in(const std::filesystem::path& record) {
  auto text = read_small_file(record, 64);
  if (!text)
    return tl::unexpected(text.error());
  std::int64_t time_s = 0;
  auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), time_s);
  if (error != std::errc() || end == text->data() + text->size() || *end != '\n')
    return fail(ErrorCode::data_loss, record.string() + " is damaged: remove it");
  return time_s;
}

tl::unexpected<Error> unknown_token() {
  return fail(ErrorCode::failed_precondition,
              "this token was used already, or is none of this server's: make another there with "
              "`autotune token create`");
}

/// Calls `visit` with each record that can be read and its time.
template <class Visit>
Result<void> each_record(const std::filesystem::path& home, const Visit& visit) {
  std::error_code error;
  std::filesystem::directory_iterator files(folder_of(home), error);
  if (error == std::errc::no_such_file_or_directory)
    return {};
  for (; !error && files != std::filesystem::directory_iterator(); files.increment(error))
    if (!bytes_of_fingerprint(files->path().filename().string()).empty())
      if (auto expiry_s = expiry_in(files->path()))
        visit(files->path(), *expiry_s);
  if (error)
    return fail(ErrorCode::unavailable, folder_of(home).string() + ": " + error.message());
  return {};
}

/// Removes what is long past; how many tokens are left that have not expired, and how many went.
Result<std::pair<std::size_t, std::size_t>> sweep(const std::filesystem::path& home,
                                                  std::int64_t now_s) {
  auto kept_s = std::chrono::seconds(TokenLimits{}.expired_kept).count();
  std::size_t alive = 0;
  std::size_t swept = 0;
  auto seen = each_record(home, [&](const std::filesystem::path& record, std::int64_t expiry_s) {
    if (now_s < expiry_s)
      ++alive;
    else if (now_s >= expiry_s + kept_s && ::unlink(record.c_str()) == 0)
      ++swept;
  });
  if (!seen)
    return tl::unexpected(seen.error());
  return std::pair(alive, swept);
}

}  // namespace

Result<HostPort> parse_host_port(std::string_view text) {
  auto colon = text.rfind(':');
  auto host = text.substr(0, colon);
  bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  auto inner = bracketed ? host.substr(1, host.size() - 2) : host;
  std::uint16_t port = 0;
  const char* last = text.data() + text.size();
  const char* first = colon == std::string_view::npos ? last : text.data() + colon + 1;
  auto [end, error] = std::from_chars(first, last, port);
  bool plain = std::all_of(inner.begin(), inner.end(), [&](unsigned char c) {
    return std::isalnum(c) != 0 || c == '.' || c == '-' || c == '_' ||
           (bracketed && (c == ':' || c == '%'));
  });
  if (colon == std::string_view::npos || inner.empty() || !plain || error != std::errc() ||
      end != last || port == 0 || text.size() > TokenLimits{}.address_bytes_max)
    return fail(ErrorCode::invalid_argument,
                "'" + std::string(text.substr(0, TokenLimits{}.address_bytes_max)) +
                    "' is no address; write HOST:PORT, say 10.0.0.1:7422 or [::1]:7422");
  return HostPort{std::string(inner), port};
}

Result<std::string> make_token(const std::filesystem::path& home, const std::string& enrol_address,
                               const std::string& ca_fingerprint, std::int64_t expires_at_s,
                               std::int64_t now_s) {
  const TokenLimits limits;
  if (auto address = parse_host_port(enrol_address); !address)
    return tl::unexpected(address.error());
  auto print = bytes_of_fingerprint(ca_fingerprint);
  if (print.empty())
    return fail(ErrorCode::invalid_argument,
                "a fingerprint has 64 lower-case hex digits, unlike '" + ca_fingerprint + "'");
  if (expires_at_s <= now_s || expires_at_s > now_s + std::chrono::seconds(limits.life_max).count())
    return fail(ErrorCode::invalid_argument,
                "a token lives for a second to 30 days; one hour is plenty");
  if (auto made = make_private_folder(folder_of(home)); !made)
    return tl::unexpected(made.error());
  auto counts = sweep(home, now_s);
  if (!counts)
    return tl::unexpected(counts.error());
  if (counts->first >= limits.tokens_max)
    return fail(ErrorCode::resource_exhausted,
                std::to_string(counts->first) +
                    " tokens are unused: remove those that nobody needs from " +
                    folder_of(home).string() + ", then try again");
  std::string secret(limits.secret_bytes, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(secret.data()),
                 static_cast<int>(secret.size())) != 1)
    return fail(ErrorCode::internal, "the system gives no random bytes for a token");
  auto record = record_of(home, secret);
  if (auto kept = replace_private_file(record, std::to_string(expires_at_s) + "\n"); !kept)
    return tl::unexpected(kept.error());
  auto payload = print + secret + enrol_address;
  return std::string(prefix) + encoded(payload + check_of(payload));
}

Result<JoinToken> read_token(std::string_view text) {
  const TokenLimits limits;
  if (text.substr(0, 2) == "at" && text.size() > 3 && text.substr(0, prefix.size()) != prefix &&
      text.find('_') != std::string_view::npos)
    return fail(ErrorCode::invalid_argument,
                "this token begins with '" +
                    std::string(text.substr(0, std::min(text.find('_') + 1, prefix.size()))) +
                    "', and this version of AutoTune knows 'at1_' alone: use the server's version");
  if (text.substr(0, prefix.size()) != prefix)
    return fail(ErrorCode::invalid_argument,
                "this is no token; one begins with 'at1_', as `autotune token create` prints it");
  auto damaged = fail(ErrorCode::invalid_argument,
                      "this token is damaged: copy all that `autotune token create` printed");
  auto least = fingerprint_bytes + limits.secret_bytes + check_bytes;
  if (text.size() > 2 * (least + limits.address_bytes_max))
    return damaged;
  auto bytes = decoded(text.substr(prefix.size()));
  if (!bytes || bytes->size() <= least)
    return damaged;
  auto payload = bytes->substr(0, bytes->size() - check_bytes);
  if (bytes->substr(payload.size()) != check_of(payload))
    return damaged;
  JoinToken token;
  token.ca_fingerprint = hex_of(payload.substr(0, fingerprint_bytes));
  token.secret = payload.substr(fingerprint_bytes, limits.secret_bytes);
  token.enrol_address = payload.substr(fingerprint_bytes + limits.secret_bytes);
  if (!parse_host_port(token.enrol_address))
    return damaged;
  return token;
}

Result<void> check_token(const std::filesystem::path& home, std::string_view secret,
                         std::int64_t now_s) {
  auto expiry_s = expiry_in(record_of(home, secret));
  if (!expiry_s)
    return expiry_s.error().code == ErrorCode::not_found ? unknown_token()
                                                         : tl::unexpected(expiry_s.error());
  if (now_s >= *expiry_s)
    return fail(ErrorCode::failed_precondition,
                "this token has expired: make another on the server with `autotune token create` "
                "(--expires 4h makes it live for longer)");
  return {};
}

Result<void> take_token(const std::filesystem::path& home, std::string_view secret,
                        std::int64_t now_s) {
  if (auto good = check_token(home, secret, now_s); !good)
    return good;
  // The one whose unlink succeeds has it.
  auto record = record_of(home, secret);
  if (::unlink(record.c_str()) == 0)
    return {};
  if (errno == ENOENT)
    return unknown_token();
  return fail(ErrorCode::unavailable,
              record.string() + " cannot be removed: " + std::strerror(errno));
}

Result<std::size_t> sweep_tokens(const std::filesystem::path& home, std::int64_t now_s) {
  auto counts = sweep(home, now_s);
  if (!counts)
    return tl::unexpected(counts.error());
  return counts->second;
}

}  // namespace autotune
