// Reads scalars out of TensorBoard's event files, without TensorFlow.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "launchers/collector.hpp"

namespace autotune {

/// One scalar of an event.
struct EventScalar {
  std::int64_t step = 0;
  double value = 0;
};

/// A record of an event file: its length in the file, and what it holds.
struct EventRecord {
  std::size_t size = 0;   ///< bytes in the file; 0: it is not whole yet
  bool broken = false;    ///< this is no event file, or it is damaged here
  std::string_view data;  ///< the serialised tensorflow.Event
};

/// The record at the beginning of `bytes` (TFRecord: length, its CRC, data, its CRC).
EventRecord first_record(std::string_view bytes, std::size_t record_bytes_max);

/// The scalars with that tag in a serialised tensorflow.Event: simple_value, or a tensor of one number.
std::vector<EventScalar> scalars_in(std::string_view event, const std::string& tag);

/// See make_collector. `folder` may also be one event file.
Result<std::unique_ptr<Collector>> make_tensorboard_collector(const std::string& folder,
                                                              const std::string& tag,
                                                              const std::string& target,
                                                              CollectorLimits limits);

/// The checksum of TFRecord (CRC-32C, masked).
std::uint32_t masked_crc32c(std::string_view bytes);

}  // namespace autotune
