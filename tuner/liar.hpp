// What a running trial is taken to have reached, while nobody knows.
#pragma once

#include <string_view>

#include "tuner/directed.hpp"

namespace autotune {

/// What a running trial is taken to have reached, among the losses so far.
enum class Liar { none, best, mean, worst };

/// What `constant_liar_type` means: best and worst speak of losses, min and max of the metric as
/// reported; an empty word is null.
inline Liar liar_of(std::string_view word, Direction direction) {
  bool up = direction == Direction::maximize;
  if (word == "best" || word == (up ? "max" : "min"))
    return Liar::best;
  if (word == "worst" || word == (up ? "min" : "max"))
    return Liar::worst;
  return word == "mean" ? Liar::mean : Liar::none;
}

}  // namespace autotune
