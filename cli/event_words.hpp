// An event in words, for `describe`. Pure: text out of facts.
#pragma once

#include <string>

#include "messages/event.pb.h"

namespace autotune::cli {

/// "trial 3 ended Succeeded, default = 0.98". Without control characters.
std::string words_of(const pb::Event& event);

/// "37 trials from digits-a1b2c".
std::string warm_start_text(const pb::WarmStarted& warm);

/// The event's kind as JSON has it: "trialEnded".
std::string kind_of(const pb::Event& event);

}  // namespace autotune::cli
