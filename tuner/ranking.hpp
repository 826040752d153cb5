// The numbers of trials in order of their losses, kept sorted as trials come.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace autotune {

/// Equal losses stand in order of arrival. insert costs a binary search and the move of a small
/// chunk, so it stays cheap at 100,000 trials; a walk from the best costs its length.
class Ranking {
 public:
  struct Entry {
    double loss;
    std::uint32_t trial;
  };

  std::size_t size() const { return size_; }

  void insert(double loss, std::uint32_t trial) {
    auto before = [](double l, const Entry& e) { return l < e.loss; };
    // The last chunk that starts at or before the new loss.
    auto chunk = std::upper_bound(chunks_.begin(), chunks_.end(), loss,
                                  [](double l, const auto& c) { return l < c.front().loss; });
    if (chunk != chunks_.begin())
      --chunk;
    if (chunks_.empty())
      chunk = chunks_.emplace(chunks_.end());
    chunk->insert(std::upper_bound(chunk->begin(), chunk->end(), loss, before), Entry{loss, trial});
    ++size_;
    if (chunk->size() < chunk_max)
      return;
    auto half = chunk->begin() + chunk_max / 2;
    std::vector<Entry> upper(half, chunk->end());
    chunk->erase(half, chunk->end());
    chunks_.insert(chunk + 1, std::move(upper));
  }

  /// The least loss; there must be one.
  double best() const { return chunks_.front().front().loss; }

  /// How many losses are at most `loss`.
  std::size_t count_up_to(double loss) const {
    std::size_t count = 0;
    for (const auto& chunk : chunks_) {
      if (chunk.back().loss <= loss) {
        count += chunk.size();
        continue;
      }
      auto past = std::upper_bound(chunk.begin(), chunk.end(), loss,
                                   [](double l, const Entry& e) { return l < e.loss; });
      return count + static_cast<std::size_t>(past - chunk.begin());
    }
    return count;
  }

  /// Calls visit(entry) for the entries at these ranks (0 is the best), which must ascend and be in
  /// range.
  template <class Ranks, class Visit>
  void visit(const Ranks& ranks, Visit visit) const {
    std::size_t chunk = 0;
    std::size_t first = 0;
    for (std::size_t rank : ranks) {
      while (rank - first >= chunks_[chunk].size())
        first += chunks_[chunk++].size();
      visit(chunks_[chunk][rank - first]);
    }
  }

 private:
  static constexpr std::size_t chunk_max = 512;

  std::vector<std::vector<Entry>> chunks_;  // none is empty
  std::size_t size_ = 0;
};

}  // namespace autotune
