// Which GPUs this machine lends to trials.
#pragma once

#include <string>
#include <vector>

namespace autotune {

/// Device IDs as CUDA_VISIBLE_DEVICES takes them: those of $AUTOTUNE_GPUS (for tests and for lending fewer), else of
/// $CUDA_VISIBLE_DEVICES, else one for each /dev/nvidia<N>.
std::vector<std::string> visible_gpus();

}  // namespace autotune
