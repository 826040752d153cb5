#include "cli/archive.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <numeric>

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

namespace autotune::cli {

namespace {

constexpr std::size_t block = 512;

void put(std::array<char, block>& header, std::size_t at, std::size_t size,
         const std::string& text) {
  std::memcpy(header.data() + at, text.data(), std::min(size, text.size()));
}

/// Octal digits with a NUL behind, as tar has its numbers.
std::string octal(std::uint64_t number, int digits) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%0*llo", digits,
                static_cast<unsigned long long>(number));
  return text.data();
}

/// The header of a regular file (POSIX.1-1988 ustar).
std::string header_of(const std::string& name, std::size_t size, std::int64_t time) {
  std::array<char, block> header{};
  put(header, 0, 100, name);
  put(header, 100, 8, octal(0600, 7));
  put(header, 108, 8, octal(0, 7));  // owner and group say nothing about a bug
  put(header, 116, 8, octal(0, 7));
  put(header, 124, 12, octal(size, 11));
  put(header, 136, 12, octal(static_cast<std::uint64_t>(time), 11));
  put(header, 148, 8, "        ");
  header[156] = '0';
  put(header, 257, 8, std::string("ustar\00000", 8));
  auto sum = std::accumulate(
      header.begin(), header.end(), std::uint64_t{0},
      [](std::uint64_t all, char c) { return all + static_cast<unsigned char>(c); });
  put(header, 148, 8, octal(sum, 6) + std::string("\0 ", 2));
  return {header.data(), header.size()};
}

std::string padding(std::size_t size) { return std::string((block - size % block) % block, '\0'); }

}  // namespace

Result<void> Archive::write(const std::filesystem::path& path, std::int64_t time) const {
  auto failed = [&](int error) {
    return fail(error == ENOSPC ? ErrorCode::resource_exhausted : ErrorCode::unavailable,
                "cannot write " + path.string() + ": " + std::strerror(error));
  };
  auto beside = path.string() + ".tmp-" + std::to_string(::getpid());
  int fd = ::open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0)
    return failed(errno);
  gzFile out = ::gzdopen(fd, "wb");
  bool fine = out != nullptr;
  auto write = [&](const std::string& bytes) {
    fine = fine &&
           (bytes.empty() || ::gzwrite(out, bytes.data(), static_cast<unsigned>(bytes.size())) > 0);
  };
  for (const auto& [name, text] : files_) {
    write(header_of(name, text.size(), time));
    write(text);
    write(padding(text.size()));
  }
  write(std::string(2 * block, '\0'));
  int error = fine ? 0 : errno;
  if (out == nullptr)
    ::close(fd);
  else if (::gzclose(out) != Z_OK && error == 0)
    error = errno == 0 ? EIO : errno;
  if (error == 0 && ::rename(beside.c_str(), path.c_str()) != 0)
    error = errno;
  if (error == 0)
    return {};
  ::unlink(beside.c_str());
  return failed(error);
}

}  // namespace autotune::cli
