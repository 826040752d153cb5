#include "tuner/pbt.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>

namespace autotune {

PbtTuner::PbtTuner(Space space, std::int64_t seed, PbtOptions options)
    : space_(std::move(space)), seed_(seed), options_(std::move(options)) {
  while (options_.checkpoint_dir.size() > 1 && options_.checkpoint_dir.back() == '/')
    options_.checkpoint_dir.pop_back();
  auto rng = rng_for(seed_, -1);  // trials count from 0, epochs from -1 down
  for (std::size_t m = 0; m < static_cast<std::size_t>(options_.population_size); ++m)
    members_.push_back({space_.sample_point(rng), folder(m, 0), folder(m, 0), false, {}});
}

std::string PbtTuner::folder(std::size_t member, std::int64_t epoch) const {
  const auto& dir = options_.checkpoint_dir;
  return dir + (dir == "/" ? "" : "/") + std::to_string(member) + "/" + std::to_string(epoch);
}

std::optional<std::size_t> PbtTuner::member_of(const Trial& trial) const {
  if (!trial.own)
    return std::nullopt;
  const auto* end = trial.lineage.data() + trial.lineage.size();
  std::size_t member = 0;
  std::int64_t epoch = -1;
  auto [slash, code] = std::from_chars(trial.lineage.data(), end, member);
  if (code != std::errc{} || slash == end || *slash != '/' || member >= members_.size())
    return std::nullopt;
  auto [rest, epoch_code] = std::from_chars(slash + 1, end, epoch);
  if (epoch_code != std::errc{} || rest != end || epoch != epoch_)
    return std::nullopt;
  return member;
}

Ask PbtTuner::ask(Sequence, std::span<const Trial> running) const {
  std::vector<bool> steps(members_.size());
  for (const auto& trial : running)
    if (auto member = member_of(trial))
      steps[*member] = true;
  for (std::size_t m = 0; m < members_.size(); ++m) {
    const auto& member = members_[m];
    if (member.ended || steps[m])
      continue;
    auto parameters = space_.value_of(member.point);
    parameters.as_object()->emplace_back("load_checkpoint_dir", member.load);
    parameters.as_object()->emplace_back("save_checkpoint_dir", member.save);
    return Suggestion{std::move(parameters), std::to_string(m) + "/" + std::to_string(epoch_)};
  }
  return NotYet{};
}

void PbtTuner::tell(const Trial& ended) {
  auto member = member_of(ended);
  if (!member)
    return;
  members_[*member].ended = true;
  if (ended.outcome == TrialOutcome::succeeded)  // a stopped one may have saved nothing
    members_[*member].loss = ended.final_value;
  if (std::all_of(members_.begin(), members_.end(), [](const auto& m) { return m.ended; }))
    next_epoch();
}

std::vector<std::size_t> PbtTuner::ranks() const {
  std::vector<std::size_t> order(members_.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    const auto& x = members_[a].loss;
    const auto& y = members_[b].loss;
    return x && y ? *x < *y : x && !y;
  });
  return order;
}

void PbtTuner::next_epoch() {
  auto rng = rng_for(seed_, -2 - epoch_);
  auto order = ranks();
  auto n = members_.size();
  auto scored = static_cast<std::size_t>(
      std::count_if(members_.begin(), members_.end(), [](const auto& m) { return m.loss; }));
  auto cutoff = static_cast<std::size_t>(std::ceil(options_.fraction * static_cast<double>(n)));
  auto good = std::min(std::max<std::size_t>(cutoff, 1), scored);
  auto bad_from = std::max(good, std::min(scored, n - std::min(cutoff, n)));
  ++epoch_;
  auto before = members_;
  for (std::size_t rank = 0; rank < n; ++rank) {
    auto& member = members_[order[rank]];
    if (rank >= bad_from) {
      // With `good` at 0 nobody has a value: each goes on from what it loaded.
      const auto& from = good == 0 ? before[order[rank]] : before[order[rng.below(good)]];
      member.load = good == 0 ? from.load : from.save;
      member.point = perturbed(from.point, rng);
    } else {
      member.load = before[order[rank]].save;
    }
    member.save = folder(order[rank], epoch_);
    member.ended = false;
    member.loss.reset();
  }
}

double PbtTuner::moved(const Dimension& d, double u, bool up) const {
  double sign = up ? 1 : -1;
  using T = ParameterType;
  auto type = d.parameter().type;
  if (d.discrete()) {
    double level = d.level_at(u) + sign;
    if (std::isfinite(d.levels()))
      level = std::clamp(level, 0.0, d.levels() - 1);
    else if (type == T::qlognormal)
      level = std::max(level, 0.0);
    return d.unit_of_level(level);
  }
  if (type == T::normal || type == T::lognormal)
    return normal_cdf(normal_quantile(std::clamp(u, 1e-15, 1 - 1e-15)) + sign * options_.factor);
  return std::clamp(u + sign * options_.factor, 0.0, 1.0);
}

Point PbtTuner::perturbed(Point point, Rng& rng) const {
  for (std::size_t i = 0; i < point.size(); ++i) {
    bool anew = rng.uniform() < options_.resample_probability;
    point[i] = anew ? rng.uniform() : moved(space_[i], point[i], rng.below(2) == 0);
  }
  return point;
}

}  // namespace autotune
