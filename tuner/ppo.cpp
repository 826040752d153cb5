#include "tuner/ppo.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace autotune {

namespace {

constexpr double reward_max = 3;  // standard deviations; farther results count as so far

std::vector<std::size_t> level_counts(const Space& space) {
  std::vector<std::size_t> counts;
  for (const auto& d : space.dimensions())
    counts.push_back(static_cast<std::size_t>(d.levels()));
  return counts;
}

}  // namespace

PpoTuner::PpoTuner(Space space, std::int64_t seed, PpoOptions options)
    : seed_(seed),
      options_(options),
      seen_(std::move(space)),
      network_(level_counts(seen_.space()), rng_for(seed, -1)),
      momentum_(Eigen::VectorXd::Zero(network_.weights().size())),
      second_(momentum_) {}

Point PpoTuner::point_of(const PolicyNetwork::Actions& actions) const {
  Point point;
  for (std::size_t i = 0; i < actions.size(); ++i)
    point.push_back(seen_.space()[i].unit_of_level(static_cast<double>(actions[i])));
  return point;
}

Ask PpoTuner::ask(Sequence trial, std::span<const Trial> running) const {
  auto rng = rng_for(seed_, trial);
  auto draw = [&] { return point_of(network_.draw(rng)); };
  auto point = seen_.with(running).free_from(draw(), draw);
  if (!point)
    return Exhausted{};
  return Suggestion{seen_.space().value_of(*point), ""};
}

void PpoTuner::tell(const Trial& ended) {
  auto point = seen_.space().point_of(ended.parameters);
  if (!point)
    return;
  seen_.add(*point);
  Episode episode;
  for (std::size_t i = 0; i < point->size(); ++i)
    episode.actions.push_back(static_cast<std::size_t>(seen_.space()[i].level_at((*point)[i])));
  episode.loss = ended.final_value;
  batch_.push_back(std::move(episode));
  if (ended.final_value) {
    double loss = *ended.final_value;
    worst_ = count_ == 0 ? loss : std::max(worst_, loss);
    double before = loss - mean_;
    mean_ += before / static_cast<double>(++count_);
    squares_ += before * (loss - mean_);
  }
  if (batch_.size() < static_cast<std::size_t>(options_.trials_per_update))
    return;
  if (count_ > 0)
    update();
  batch_.clear();
}

double PpoTuner::reward(const Episode& episode) const {
  double deviation = std::sqrt(squares_ / static_cast<double>(count_));
  if (!(deviation > 0))
    return 0;
  return std::clamp((mean_ - episode.loss.value_or(worst_)) / deviation, -reward_max, reward_max);
}

std::vector<PpoTuner::Lesson> PpoTuner::lessons() const {
  std::vector<Lesson> lessons;
  double sum = 0;
  double squares = 0;
  for (const auto& episode : batch_) {
    auto pass = network_.pass(episode.actions);
    auto n = episode.actions.size();
    double gain = reward(episode);
    Lesson lesson{episode.actions, {}, pass.values, std::vector<double>(n), std::vector<double>(n)};
    double advantage = 0;
    for (std::size_t t = n; t-- > 0;) {
      double next = t + 1 < n ? pass.values[t + 1] : 0;
      double surprise = gain + options_.gamma * next - pass.values[t];
      advantage = surprise + options_.gamma * options_.lam * advantage;
      lesson.advantages[t] = advantage;
      lesson.returns[t] = advantage + pass.values[t];
      sum += advantage;
      squares += advantage * advantage;
    }
    for (std::size_t t = 0; t < n; ++t)
      lesson.odds.push_back(pass.odds[t][static_cast<Eigen::Index>(episode.actions[t])]);
    lessons.push_back(std::move(lesson));
  }
  auto steps = static_cast<double>(batch_.size() * seen_.space().size());
  double mean = sum / steps;
  double deviation = std::sqrt(std::max(0.0, squares / steps - mean * mean)) + 1e-8;
  for (auto& lesson : lessons)
    for (auto& advantage : lesson.advantages)
      advantage = (advantage - mean) / deviation;
  return lessons;
}

PolicyNetwork::Slopes PpoTuner::slopes_of(const Lesson& lesson, const PolicyNetwork::Pass& pass,
                                          double weight) const {
  PolicyNetwork::Slopes slopes;
  double range = options_.cliprange;
  for (std::size_t t = 0; t < lesson.actions.size(); ++t) {
    const auto& odds = pass.odds[t];
    auto action = static_cast<Eigen::Index>(lesson.actions[t]);
    double ratio = odds[action] / std::max(lesson.odds[t], 1e-12);
    double advantage = lesson.advantages[t];
    // 1. The surrogate objective; beyond the clip it is flat.
    bool flat = advantage > 0 ? ratio > 1 + range : ratio < 1 - range;
    Eigen::VectorXd logits = (flat ? 0 : advantage * ratio) * odds;
    logits[action] -= flat ? 0 : advantage * ratio;
    // 2. The entropy H: dH / d logit = -odds (log odds + H).
    Eigen::VectorXd logs = (odds.array() + 1e-12).log();
    double entropy = -odds.dot(logs);
    logits.array() += options_.ent_coef * odds.array() * (logs.array() + entropy);
    slopes.logits.emplace_back(weight * logits);
    // 3. The critic's loss, the worse of the plain and the clipped one.
    double moved = pass.values[t] - lesson.values[t];
    double clipped = lesson.values[t] + std::clamp(moved, -range, range);
    double error = pass.values[t] - lesson.returns[t];
    bool held = std::abs(moved) > range && std::abs(clipped - lesson.returns[t]) > std::abs(error);
    slopes.values.push_back(held ? 0 : weight * options_.vf_coef * error);
  }
  return slopes;
}

void PpoTuner::update() {
  auto rng = rng_for(seed_, -2 - updates_++);
  auto all = lessons();
  std::vector<std::size_t> order(all.size());
  std::iota(order.begin(), order.end(), 0);
  auto size = static_cast<std::size_t>(options_.minibatch_size);
  Eigen::VectorXd gradient(network_.weights().size());
  for (std::int64_t epoch = 0; epoch < options_.epochs_per_update; ++epoch) {
    for (auto k = order.size() - 1; k > 0; --k)
      std::swap(order[k], order[rng.below(k + 1)]);
    for (std::size_t first = 0; first < order.size(); first += size) {
      auto last = std::min(order.size(), first + size);
      double weight = 1 / static_cast<double>((last - first) * all[0].actions.size());
      gradient.setZero();
      for (auto i = first; i < last; ++i) {
        const auto& lesson = all[order[i]];
        auto pass = network_.pass(lesson.actions);
        network_.backward(lesson.actions, pass, slopes_of(lesson, pass, weight), gradient);
      }
      descend(gradient);
    }
  }
}

void PpoTuner::descend(Eigen::VectorXd& gradient) {
  constexpr double decay = 0.9;
  constexpr double second_decay = 0.999;
  if (double norm = gradient.norm(); norm > options_.max_grad_norm)
    gradient *= options_.max_grad_norm / norm;
  ++steps_;
  auto steps = static_cast<double>(steps_);
  momentum_ = decay * momentum_ + (1 - decay) * gradient;
  second_ = second_decay * second_ + (1 - second_decay) * gradient.cwiseAbs2();
  double rate =
      options_.lr * std::sqrt(1 - std::pow(second_decay, steps)) / (1 - std::pow(decay, steps));
  network_.weights().array() -= rate * momentum_.array() / (second_.array().sqrt() + 1e-5);
}

}  // namespace autotune
