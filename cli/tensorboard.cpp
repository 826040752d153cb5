#include "cli/tensorboard.hpp"

#include <array>
#include <bit>
#include <cstdint>
#include <fstream>

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

namespace autotune::cli {
namespace {

using google::protobuf::io::CodedOutputStream;
using google::protobuf::io::StringOutputStream;

/// CRC-32C (Castagnoli, RFC 3720 appendix B.4), reflected polynomial.
constexpr std::array<std::uint32_t, 256> make_crc_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit)
      crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78u : 0);
    table[i] = crc;
  }
  return table;
}

constexpr auto crc_table = make_crc_table();

/// Masked as TFRecord wants it: a CRC of bytes that hold CRCs would be weak.
std::uint32_t masked_crc(std::string_view bytes) {
  std::uint32_t crc = 0xffffffffu;
  for (unsigned char byte : bytes)
    crc = crc_table[(crc ^ byte) & 0xff] ^ (crc >> 8);
  crc ^= 0xffffffffu;
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

template <class T>
void put(std::string& out, T x) {
  for (std::size_t i = 0; i < sizeof x; ++i)
    out += static_cast<char>(x >> (8 * i) & 0xff);
}

/// What write(out) writes, as bytes.
template <class Write>
std::string message(const Write& write) {
  std::string bytes;
  StringOutputStream stream(&bytes);
  CodedOutputStream coded(&stream);
  write(coded);
  coded.Trim();
  return bytes;
}

// Fields as protobuf writes them: number and wire type, then the value.
void bytes_field(CodedOutputStream& out, std::uint32_t number, const std::string& bytes) {
  out.WriteTag(number << 3 | 2);
  out.WriteVarint32(static_cast<std::uint32_t>(bytes.size()));
  out.WriteString(bytes);
}

void double_field(CodedOutputStream& out, std::uint32_t number, double x) {
  out.WriteTag(number << 3 | 1);
  out.WriteLittleEndian64(std::bit_cast<std::uint64_t>(x));
}

void float_field(CodedOutputStream& out, std::uint32_t number, float x) {
  out.WriteTag(number << 3 | 5);
  out.WriteLittleEndian32(std::bit_cast<std::uint32_t>(x));
}

void int_field(CodedOutputStream& out, std::uint32_t number, std::int64_t x) {
  out.WriteTag(number << 3);
  out.WriteVarint64(static_cast<std::uint64_t>(x));
}

// tensorflow.Event: 1 wall_time (double), 2 step (int64), 3 file_version (string), 5 summary;
// tensorflow.Summary: 1 value (repeated); Summary.Value: 1 tag (string), 2 simple_value (float).
std::string scalars(double wall_s, std::int64_t step, const std::string& prefix,
                    const google::protobuf::RepeatedPtrField<pb::Metric>& metrics) {
  auto summary = message([&](CodedOutputStream& out) {
    for (const auto& metric : metrics) {
      auto value = message([&](CodedOutputStream& inner) {
        bytes_field(inner, 1, prefix + metric.name());
        float_field(inner, 2, static_cast<float>(metric.value()));
      });
      bytes_field(out, 1, value);
    }
  });
  return message([&](CodedOutputStream& out) {
    double_field(out, 1, wall_s);
    int_field(out, 2, step);
    bytes_field(out, 5, summary);
  });
}

double seconds(std::int64_t ms) { return static_cast<double>(ms) / 1000; }

}  // namespace

std::string tensorboard_record(std::string_view bytes) {
  std::string length;
  put(length, static_cast<std::uint64_t>(bytes.size()));
  std::string out = length;
  put(out, masked_crc(length));
  out += bytes;
  put(out, masked_crc(bytes));
  return out;
}

std::string tensorboard_events(const pb::TrialSummary& trial,
                               std::span<const pb::Report> intermediate) {
  std::string out = tensorboard_record(message([&](CodedOutputStream& first) {
    double_field(first, 1, seconds(trial.created_at_ms()));
    bytes_field(first, 3, "brain.Event:2");
  }));
  std::int64_t last_step = 0;
  for (const auto& report : intermediate) {
    out +=
        tensorboard_record(scalars(seconds(report.at_ms()), report.step(), "", report.metrics()));
    last_step = report.step();
  }
  if (trial.final_metrics_size() > 0)
    out += tensorboard_record(
        scalars(seconds(trial.ended_at_ms()), last_step, "final/", trial.final_metrics()));
  return out;
}

Result<void> write_tensorboard(const pb::TrialSummary& trial,
                               std::span<const pb::Report> intermediate,
                               const std::filesystem::path& folder) {
  const auto run = folder / (std::to_string(trial.sequence()) + "-" + trial.id());
  const auto path =
      run / ("events.out.tfevents." + std::to_string(trial.created_at_ms() / 1000) + ".autotune");
  std::error_code error;
  std::filesystem::create_directories(run, error);
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << tensorboard_events(trial, intermediate);
  file.close();
  if (!file)
    return fail(ErrorCode::resource_exhausted,
                "cannot write " + path.string() + ": check the folder's permissions and room");
  return {};
}

}  // namespace autotune::cli
