#include "store/store.hpp"

#include <algorithm>

namespace autotune {

// Parts of an answer, for a reader that does not pick them by itself.

Result<std::vector<pb::TrialSummary>> StoreReader::trials_from(const std::string& experiment_id,
                                                               Sequence first, std::size_t count) {
  auto all = trials(experiment_id);
  if (!all)
    return all;
  std::erase_if(*all, [&](const auto& one) { return one.sequence() < first; });
  all->resize(std::min(all->size(), count));
  return all;
}

Result<std::vector<StoredEvent>> StoreReader::events_after(const std::string& experiment_id,
                                                           std::int64_t after, std::size_t count,
                                                           std::optional<Sequence> sequence) {
  auto all = events(experiment_id, sequence);
  if (!all)
    return all;
  std::erase_if(*all, [&](const auto& one) { return one.number <= after; });
  all->resize(std::min(all->size(), count));
  return all;
}

}  // namespace autotune
