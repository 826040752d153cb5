#include "store/openssl.hpp"

#include <array>

#include <openssl/err.h>
#include <openssl/pem.h>

namespace autotune::openssl {
namespace {

Bio reader_of(std::string_view text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

/// Instead of OpenSSL's own, which would ask at the terminal.
int no_password(char*, int, int, void*) { return -1; }

/// What failed has been told by a null; a stale error would be taken for that of a connection.
template <class Owner>
Owner tidy(Owner object) {
  ERR_clear_error();
  return object;
}

template <class Write>
std::string written(const Write& write) {
  Bio bio(BIO_new(BIO_s_mem()));
  if (bio == nullptr || write(bio.get()) != 1) {
    ERR_clear_error();
    return "";
  }
  char* data = nullptr;
  auto size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

}  // namespace

Key read_key(std::string_view pem) {
  auto bio = reader_of(pem);
  return tidy(Key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr)));
}

Certificate read_certificate(std::string_view pem) {
  auto bio = reader_of(pem);
  return tidy(Certificate(PEM_read_bio_X509(bio.get(), nullptr, no_password, nullptr)));
}

Request read_request(std::string_view pem) {
  auto bio = reader_of(pem);
  return tidy(Request(PEM_read_bio_X509_REQ(bio.get(), nullptr, no_password, nullptr)));
}

std::string pem_of(EVP_PKEY* key) {
  return written([key](BIO* bio) {
    return PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
  });
}

std::string pem_of(X509* certificate) {
  return written([certificate](BIO* bio) { return PEM_write_bio_X509(bio, certificate); });
}

std::string pem_of(X509_REQ* request) {
  return written([request](BIO* bio) { return PEM_write_bio_X509_REQ(bio, request); });
}

std::string sha256_hex(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr) != 1)
    return "";
  const char* digits = "0123456789abcdef";
  std::string text;
  for (unsigned int i = 0; i < size; ++i) {
    text += digits[digest[i] >> 4];
    text += digits[digest[i] & 15];
  }
  return text;
}

}  // namespace autotune::openssl
