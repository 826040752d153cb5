#include "launchers/tensorboard.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <filesystem>

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include "launchers/collected_file.hpp"
#include "launchers/file_descriptor.hpp"

namespace autotune {

namespace {

namespace fs = std::filesystem;
using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

constexpr std::size_t header_bytes = 12;  // length, CRC of the length
constexpr std::size_t footer_bytes = 4;   // CRC of the data
constexpr int folder_depth_max = 3;

// Numbers of fields and types in tensorflow/core: event.proto, summary.proto, tensor.proto, types.proto.
enum {
  event_step = 2,
  event_summary = 5,
  summary_value = 1,
  value_tag = 1,
  value_simple = 2,
  value_tensor = 8
};
enum {
  tensor_dtype = 1,
  tensor_content = 4,
  tensor_floats = 5,
  tensor_doubles = 6,
  tensor_ints = 7,
  tensor_int64s = 10
};
enum { dt_float = 1, dt_double = 2, dt_int32 = 3, dt_int64 = 9 };

template <class T>
T little_endian(const char* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

/// Calls `visit(field number, wire type, stream)` for each field; it returns false to have the field skipped.
template <class Visit>
bool for_each_field(std::string_view bytes, Visit visit) {
  CodedInputStream stream(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                          static_cast<int>(bytes.size()));
  while (auto tag = stream.ReadTag()) {
    if (!visit(WireFormatLite::GetTagFieldNumber(tag), WireFormatLite::GetTagWireType(tag),
               stream) &&
        !WireFormatLite::SkipField(&stream, tag))
      return false;
  }
  return stream.ConsumedEntireMessage();
}

bool read_bytes(CodedInputStream& stream, std::string& bytes) {
  std::uint32_t size = 0;
  return stream.ReadVarint32(&size) && stream.ReadString(&bytes, static_cast<int>(size));
}

/// The first number of a packed field or of a single one.
template <class T>
void read_numbers(CodedInputStream& stream, WireFormatLite::WireType wire,
                  std::optional<double>& value) {
  std::string bytes;
  if (wire == WireFormatLite::WIRETYPE_LENGTH_DELIMITED) {
    if (read_bytes(stream, bytes) && bytes.size() >= sizeof(T) && !value)
      value = static_cast<double>(little_endian<T>(bytes.data()));
    return;
  }
  T number{};
  if (stream.ReadRaw(&number, sizeof number) && !value)
    value = static_cast<double>(number);
}

void read_varint(CodedInputStream& stream, WireFormatLite::WireType wire,
                 std::optional<double>& value) {
  std::uint64_t number = 0;
  std::string bytes;
  if (wire == WireFormatLite::WIRETYPE_LENGTH_DELIMITED) {
    if (!read_bytes(stream, bytes))
      return;
    CodedInputStream packed(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                            static_cast<int>(bytes.size()));
    if (!packed.ReadVarint64(&number))
      return;
  } else if (!stream.ReadVarint64(&number)) {
    return;
  }
  if (!value)
    value = static_cast<double>(static_cast<std::int64_t>(number));
}

std::optional<double> tensor_number(std::string_view bytes) {
  std::uint64_t type = 0;
  std::string content;
  std::optional<double> value;
  bool whole = for_each_field(
      bytes, [&](int field, WireFormatLite::WireType wire, CodedInputStream& stream) {
        if (field == tensor_dtype && wire == WireFormatLite::WIRETYPE_VARINT)
          return stream.ReadVarint64(&type);
        if (field == tensor_content && wire == WireFormatLite::WIRETYPE_LENGTH_DELIMITED)
          return read_bytes(stream, content);
        if (field == tensor_floats)
          return read_numbers<float>(stream, wire, value), true;
        if (field == tensor_doubles)
          return read_numbers<double>(stream, wire, value), true;
        if (field == tensor_ints || field == tensor_int64s)
          return read_varint(stream, wire, value), true;
        return false;
      });
  if (!whole)
    return std::nullopt;
  if (type == dt_float && content.size() == sizeof(float))
    return little_endian<float>(content.data());
  if (type == dt_double && content.size() == sizeof(double))
    return little_endian<double>(content.data());
  if (type == dt_int32 && content.size() == sizeof(std::int32_t))
    return little_endian<std::int32_t>(content.data());
  if (type == dt_int64 && content.size() == sizeof(std::int64_t))
    return static_cast<double>(little_endian<std::int64_t>(content.data()));
  return content.empty() ? value : std::nullopt;  // a tensor of several numbers is no scalar
}

std::optional<double> summary_number(std::string_view bytes, const std::string& tag) {
  std::string found_tag;
  std::optional<double> value;
  bool whole = for_each_field(
      bytes, [&](int field, WireFormatLite::WireType wire, CodedInputStream& stream) {
        if (field == value_tag && wire == WireFormatLite::WIRETYPE_LENGTH_DELIMITED)
          return read_bytes(stream, found_tag);
        if (field == value_simple && wire == WireFormatLite::WIRETYPE_FIXED32) {
          std::uint32_t bits = 0;
          bool read = stream.ReadLittleEndian32(&bits);
          value = std::bit_cast<float>(bits);
          return read;
        }
        if (field == value_tensor && wire == WireFormatLite::WIRETYPE_LENGTH_DELIMITED) {
          std::string tensor;
          bool read = read_bytes(stream, tensor);
          value = tensor_number(tensor);
          return read;
        }
        return false;
      });
  return whole && found_tag == tag ? value : std::nullopt;
}

/// Event files are told by their names; they sort by the time they were begun.
std::vector<std::string> event_files(const std::string& path, std::size_t files_max) {
  std::vector<std::string> found;
  std::error_code code;
  if (fs::is_regular_file(path, code))
    return {path};
  fs::recursive_directory_iterator entries(path, fs::directory_options::skip_permission_denied,
                                           code);
  for (; !code && entries != fs::recursive_directory_iterator() && found.size() < files_max;
       entries.increment(code)) {
    if (entries.depth() >= folder_depth_max)
      entries.disable_recursion_pending();
    std::error_code ignored;
    if (entries->path().filename().string().find("tfevents") != std::string::npos &&
        entries->is_regular_file(ignored))
      found.push_back(entries->path().string());
  }
  std::sort(found.begin(), found.end(), [](const std::string& a, const std::string& b) {
    auto name = [](const std::string& path) { return path.substr(path.rfind('/') + 1); };
    return std::pair(name(a), a) < std::pair(name(b), b);
  });
  return found;
}

class TensorboardCollector : public Collector {
 public:
  TensorboardCollector(std::string folder, std::string tag, const std::string& target,
                       CollectorLimits limits)
      : folder_(std::move(folder)), tag_(std::move(tag)), collected_(target), limits_(limits) {}

  Result<void> collect(bool ended) override {
    collected_.open();
    for (const auto& path : event_files(folder_, limits_.files_max))
      read(path);
    if (ended)
      collected_.add_final();
    return collected_.flush();
  }

 private:
  void read(const std::string& path) {
    FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file)
      return;
    auto name = path.size() > folder_.size() ? path.substr(folder_.size()) : path;
    auto& at = places_.try_emplace(name, collected_.place(name)).first->second;
    auto want = limits_.chunk_bytes;
    std::string buffer;
    while (at >= 0) {
      buffer.resize(want);
      auto n = ::pread(file.value(), buffer.data(), buffer.size(), at);
      if (n <= 0)
        return;
      std::string_view rest(buffer.data(), static_cast<std::size_t>(n));
      auto used = take_records(rest, name, at);
      if (at < 0 || (used == 0 && rest.size() < want))
        return;  // damaged, or a record that is not whole yet
      if (used == 0)
        want = std::min(want * 4, limits_.record_bytes_max + header_bytes + footer_bytes);
    }
  }

  std::size_t take_records(std::string_view bytes, const std::string& name, std::int64_t& at) {
    std::size_t used = 0;
    for (;;) {
      auto record = first_record(bytes.substr(used), limits_.record_bytes_max);
      if (record.broken)
        at = -1;  // nothing behind it can be found again
      if (record.broken || record.size == 0)
        return used;
      used += record.size;
      at += static_cast<std::int64_t>(record.size);
      for (const auto& scalar : scalars_in(record.data, tag_))
        collected_.add(name, at, std::max<std::int64_t>(0, scalar.step), scalar.value);
    }
  }

  std::string folder_;
  std::string tag_;
  CollectedFile collected_;
  CollectorLimits limits_;
  std::map<std::string, std::int64_t> places_;  // -1: damaged
};

}  // namespace

std::uint32_t masked_crc32c(std::string_view bytes) {
  static const auto table = [] {
    std::array<std::uint32_t, 256> made{};
    for (std::uint32_t i = 0; i < 256; ++i) {
      auto crc = i;
      for (int bit = 0; bit < 8; ++bit)
        crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78U : 0);
      made[i] = crc;
    }
    return made;
  }();
  std::uint32_t crc = ~0U;
  for (unsigned char byte : bytes)
    crc = (crc >> 8) ^ table[(crc ^ byte) & 0xff];
  crc = ~crc;
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8U;
}

EventRecord first_record(std::string_view bytes, std::size_t record_bytes_max) {
  EventRecord record;
  if (bytes.size() < header_bytes)
    return record;
  auto length = little_endian<std::uint64_t>(bytes.data());
  if (little_endian<std::uint32_t>(bytes.data() + 8) != masked_crc32c(bytes.substr(0, 8)) ||
      length > record_bytes_max) {
    record.broken = true;
    return record;
  }
  if (bytes.size() < header_bytes + length + footer_bytes)
    return record;
  record.data = bytes.substr(header_bytes, length);
  record.size = header_bytes + length + footer_bytes;
  auto crc = little_endian<std::uint32_t>(bytes.data() + header_bytes + length);
  if (crc != masked_crc32c(record.data))
    record.data = {};  // this one is lost, those behind it are not
  return record;
}

std::vector<EventScalar> scalars_in(std::string_view event, const std::string& tag) {
  std::int64_t step = 0;
  std::vector<double> values;
  bool whole = for_each_field(
      event, [&](int field, WireFormatLite::WireType wire, CodedInputStream& stream) {
        if (field == event_step && wire == WireFormatLite::WIRETYPE_VARINT) {
          std::uint64_t number = 0;
          bool read = stream.ReadVarint64(&number);
          step = static_cast<std::int64_t>(number);
          return read;
        }
        if (field != event_summary || wire != WireFormatLite::WIRETYPE_LENGTH_DELIMITED)
          return false;
        std::string summary;
        if (!read_bytes(stream, summary))
          return false;
        for_each_field(
            summary, [&](int inner, WireFormatLite::WireType inner_wire, CodedInputStream& inside) {
              if (inner != summary_value || inner_wire != WireFormatLite::WIRETYPE_LENGTH_DELIMITED)
                return false;
              std::string value;
              if (!read_bytes(inside, value))
                return false;
              if (auto number = summary_number(value, tag))
                values.push_back(*number);
              return true;
            });
        return true;
      });
  std::vector<EventScalar> found;
  if (whole)
    for (auto value : values)
      found.push_back({step, value});
  return found;
}

Result<std::unique_ptr<Collector>> make_tensorboard_collector(const std::string& folder,
                                                              const std::string& tag,
                                                              const std::string& target,
                                                              CollectorLimits limits) {
  if (tag.empty())
    return fail(
        ErrorCode::invalid_argument,
        "metricsCollector of kind tensorboard wants the tag of a scalar, e.g. epoch_accuracy");
  return std::make_unique<TensorboardCollector>(folder, tag, target, limits);
}

}  // namespace autotune
