// Tries the members of one list in their order.
#pragma once

#include <string>
#include <unordered_set>
#include <vector>

#include "messages/search_space.hpp"
#include "tuner/places.hpp"
#include "tuner/tuner.hpp"

namespace autotune {

/// A space of one choice whose members are whole parameter sets, tried in order, each once; then
/// Exhausted. A member that is not an object becomes {name: member}. What the user tried before is
/// passed over. (nni-compat.md 3.4.)
class BatchTuner : public Tuner {
 public:
  /// `list` is a choice without branches.
  explicit BatchTuner(const Parameter& list);

  Ask ask(Sequence trial, std::span<const Trial> running) const override;
  void tell(const Trial& ended) override;

 private:
  std::vector<Value> members_;
  Places places_;
  std::unordered_set<std::string> foreign_;  // JSON of what the user tried
};

}  // namespace autotune
