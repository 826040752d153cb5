// Events as bytes in the database and back, with checks that a damaged row cannot pass.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "messages/event.pb.h"
#include "messages/ids.hpp"
#include "messages/result.hpp"

namespace autotune {

/// The trial that an event is about; nothing for one of the whole experiment.
std::optional<Sequence> sequence_of(const pb::Event& event);

/// The text with U+FFFD in the place of what is no UTF-8.
std::string mend_utf8(std::string_view text);

/// The event's bytes. Text that is not UTF-8 (a trial can write anything) is mended with U+FFFD first, since
/// protobuf would write it and then refuse to read it. invalid_argument: an event that `decode_event` refuses.
Result<std::string> encode_event(const pb::Event& event);

/// Reads what `encode_event` gave. data_loss says what is wrong: no kind, negative numbers, unknown enums, ...
Result<pb::Event> decode_event(std::string_view bytes);

/// As above into `event`, which is cleared; what is wrong, or nullptr where all is well.
const char* decode_event(std::string_view bytes, pb::Event& event);

}  // namespace autotune
