#include "messages/ids.hpp"

#include <algorithm>

namespace autotune {

std::string short_id(std::mt19937_64& random, int n) {
  static constexpr char alphabet[] = "abcdefghijklmnopqrstuvwxyz0123456789";
  std::string id;
  for (int i = 0; i < n; ++i)
    id += alphabet[random() % 36];  // the bias of 2^64 mod 36 is far below one draw
  return id;
}

std::string experiment_id(const std::string& name, std::mt19937_64& random) {
  return name + "-" + short_id(random);
}

bool is_dns_label(const std::string& text) {
  auto inner = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
  return !text.empty() && text.size() <= 63 && text.front() != '-' && text.back() != '-' &&
         std::all_of(text.begin(), text.end(), inner);
}

}  // namespace autotune
