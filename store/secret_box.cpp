#include "store/secret_box.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <unistd.h>

namespace autotune {
namespace {

constexpr int nonce_bytes = 12;
constexpr int tag_bytes = 16;
constexpr std::size_t key_bytes = 32;

using Context = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

unsigned char* bytes(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

const unsigned char* bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

tl::unexpected<Error> key_error(const std::filesystem::path& path, int error) {
  auto code = error == ENOSPC || error == EDQUOT ? ErrorCode::resource_exhausted
              : error == ENOENT                  ? ErrorCode::not_found
                                                 : ErrorCode::unavailable;
  return fail(code, "cannot use the key of the secrets, " + path.string() + ": " + strerror(error));
}

/// Makes the folder's new entry durable; a failure only matters to a loss of power.
void sync_folder(const std::filesystem::path& folder) {
  int fd = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    return;
  ::fsync(fd);
  ::close(fd);
}

Result<void> create_key(const std::filesystem::path& path) {
  std::array<unsigned char, key_bytes> key{};
  if (RAND_bytes(key.data(), static_cast<int>(key.size())) != 1)
    return fail(ErrorCode::internal, "the system gives no random bytes for a key");
  auto fresh = path;
  fresh += ".new." + std::to_string(::getpid());
  int fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0)
    return key_error(path, errno);
  int error = 0;
  if (::write(fd, key.data(), key.size()) != static_cast<ssize_t>(key.size()) || ::fsync(fd) != 0)
    error = errno != 0 ? errno : ENOSPC;
  ::close(fd);
  // A link, unlike a rename, never replaces the key that another process has made meanwhile.
  if (error == 0 && ::link(fresh.c_str(), path.c_str()) != 0 && errno != EEXIST)
    error = errno;
  ::unlink(fresh.c_str());
  if (error != 0)
    return key_error(path, error);
  sync_folder(path.parent_path());
  return {};
}

}  // namespace

Result<SecretBox> SecretBox::open(const std::filesystem::path& key_path) {
  int fd = ::open(key_path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return key_error(key_path, errno);
  std::array<unsigned char, key_bytes + 1> read{};
  auto n = ::read(fd, read.data(), read.size());
  ::close(fd);
  if (n != static_cast<ssize_t>(key_bytes))
    return fail(ErrorCode::data_loss, key_path.string() +
                                          " is no key: it should hold 32 bytes; put "
                                          "back the file that was made here");
  std::array<unsigned char, key_bytes> key{};
  std::copy_n(read.begin(), key.size(), key.begin());
  return SecretBox(key);
}

Result<SecretBox> SecretBox::open_or_create(const std::filesystem::path& key_path) {
  auto box = open(key_path);
  if (box || box.error().code != ErrorCode::not_found)
    return box;
  if (auto made = create_key(key_path); !made)
    return tl::unexpected(made.error());
  return open(key_path);
}

Result<std::string> SecretBox::seal(std::string_view plain, std::string_view context) const {
  std::string out(nonce_bytes + plain.size() + tag_bytes, '\0');
  auto* nonce = bytes(out);
  auto* cipher = nonce + nonce_bytes;
  Context state(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  int n = 0;
  int end = 0;
  bool fine =
      state != nullptr && RAND_bytes(nonce, nonce_bytes) == 1 &&
      EVP_EncryptInit_ex(state.get(), EVP_aes_256_gcm(), nullptr, key_.data(), nonce) == 1 &&
      EVP_EncryptUpdate(state.get(), nullptr, &n, bytes(context),
                        static_cast<int>(context.size())) == 1 &&
      EVP_EncryptUpdate(state.get(), cipher, &n, bytes(plain), static_cast<int>(plain.size())) ==
          1 &&
      EVP_EncryptFinal_ex(state.get(), cipher + n, &end) == 1 &&
      EVP_CIPHER_CTX_ctrl(state.get(), EVP_CTRL_GCM_GET_TAG, tag_bytes, cipher + plain.size()) == 1;
  if (!fine)
    return fail(ErrorCode::internal, "a secret could not be encrypted");
  return out;
}

Result<std::string> SecretBox::unseal(std::string_view sealed, std::string_view context) const {
  auto damaged = fail(ErrorCode::data_loss,
                      "a secret cannot be decrypted: its row is damaged, or secret.key is another "
                      "than the one it was written with; put that file back, or create it again");
  if (sealed.size() < nonce_bytes + tag_bytes)
    return damaged;
  const auto* nonce = bytes(sealed);
  const auto* cipher = nonce + nonce_bytes;
  const auto size = sealed.size() - nonce_bytes - tag_bytes;
  std::array<unsigned char, tag_bytes> tag{};
  std::copy_n(cipher + size, tag.size(), tag.begin());
  std::string out(size, '\0');
  Context state(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  int n = 0;
  int end = 0;
  bool fine =
      state != nullptr &&
      EVP_DecryptInit_ex(state.get(), EVP_aes_256_gcm(), nullptr, key_.data(), nonce) == 1 &&
      EVP_DecryptUpdate(state.get(), nullptr, &n, bytes(context),
                        static_cast<int>(context.size())) == 1 &&
      EVP_DecryptUpdate(state.get(), bytes(out), &n, cipher, static_cast<int>(size)) == 1 &&
      EVP_CIPHER_CTX_ctrl(state.get(), EVP_CTRL_GCM_SET_TAG, tag_bytes, tag.data()) == 1 &&
      EVP_DecryptFinal_ex(state.get(), bytes(out) + n, &end) == 1;
  if (!fine)
    return damaged;
  return out;
}

}  // namespace autotune
