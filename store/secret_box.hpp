// Encrypts secrets at rest: AES-256-GCM with a key in a file that only its owner reads.
#pragma once

#include <array>
#include <filesystem>
#include <string>
#include <string_view>

#include "messages/result.hpp"

namespace autotune {

class SecretBox {
 public:
  /// Reads the key, 32 bytes. not_found where the file is absent; data_loss where it is no key.
  static Result<SecretBox> open(const std::filesystem::path& key_path);
  /// As `open`, and makes a random key (mode 0600, durable) where there is none.
  static Result<SecretBox> open_or_create(const std::filesystem::path& key_path);

  /// Nonce, cipher text and tag. `context` must be the same when unsealing: a row cannot be moved to another name.
  Result<std::string> seal(std::string_view plain, std::string_view context) const;
  /// data_loss: another key, another context, or a damaged row.
  Result<std::string> unseal(std::string_view sealed, std::string_view context) const;

 private:
  explicit SecretBox(const std::array<unsigned char, 32>& key) : key_(key) {}
  std::array<unsigned char, 32> key_;
};

}  // namespace autotune
