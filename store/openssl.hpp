// OpenSSL's objects with owners, and its PEM text; for certificates.cpp and TLS.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

namespace autotune::openssl {

template <auto release>
struct Releaser {
  template <class T>
  void operator()(T* object) const {
    release(object);
  }
};

using Bio = std::unique_ptr<BIO, Releaser<BIO_free_all>>;
using Key = std::unique_ptr<EVP_PKEY, Releaser<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Releaser<X509_free>>;
using Request = std::unique_ptr<X509_REQ, Releaser<X509_REQ_free>>;

/// The first object of its kind in the text; null where there is none. No password is ever asked for.
Key read_key(std::string_view pem);
Certificate read_certificate(std::string_view pem);
Request read_request(std::string_view pem);

/// Empty where memory is short.
std::string pem_of(EVP_PKEY* key);
std::string pem_of(X509* certificate);
std::string pem_of(X509_REQ* request);

/// Lower-case hex of the SHA-256 of these bytes.
std::string sha256_hex(std::string_view bytes);

}  // namespace autotune::openssl
