#include "store/metric_codec.hpp"

#include <bit>
#include <cstdint>
#include <cstring>

namespace autotune {
namespace {

static_assert(std::endian::native == std::endian::little, "rows are little endian");

template <class T>
void put(std::string& out, T x) {
  out.append(reinterpret_cast<const char*>(&x), sizeof x);
}

template <class T>
bool take(std::string_view& in, T& x) {
  if (in.size() < sizeof x)
    return false;
  std::memcpy(&x, in.data(), sizeof x);
  in.remove_prefix(sizeof x);
  return true;
}

}  // namespace

std::string encode_metrics(const Metrics& metrics) {
  std::string out;
  for (const auto& metric : metrics) {
    put(out, static_cast<std::uint32_t>(metric.name().size()));
    out += metric.name();
    put(out, metric.value());
  }
  return out;
}

bool decode_metrics(std::string_view bytes, Metrics& metrics) {
  while (!bytes.empty()) {
    std::uint32_t n = 0;
    double value = 0;
    if (!take(bytes, n) || bytes.size() < n)
      return false;
    auto name = bytes.substr(0, n);
    bytes.remove_prefix(n);
    if (!take(bytes, value))
      return false;
    auto* metric = metrics.Add();
    metric->set_name(std::string(name));
    metric->set_value(value);
  }
  return true;
}

}  // namespace autotune
