#include "tuner/policy_network.hpp"

#include <cmath>
#include <utility>

namespace autotune {

using Eigen::Map;
using Eigen::MatrixXd;
using Eigen::VectorXd;

PolicyNetwork::PolicyNetwork(std::vector<std::size_t> counts, Rng rng)
    : counts_(std::move(counts)) {
  Eigen::Index size = 0;
  for (std::size_t t = 0; t < counts_.size(); ++t) {
    starts_.push_back(size);
    size = critic_bias(t) + 1;
  }
  weights_ = VectorXd::Zero(size);  // outputs start at 0: even odds, and a value of 0
  double spread = 1 / std::sqrt(static_cast<double>(counts_.size()));
  for (std::size_t t = 0; t < counts_.size(); ++t) {
    for (auto i = bias(t); i < input(t); ++i)
      weights_[i] = rng.normal();
    for (auto i = input(t); i < output(t); ++i)
      weights_[i] = spread * rng.normal();
  }
}

VectorXd PolicyNetwork::hidden_of(std::size_t t, const VectorXd& sum) const {
  return (weights_.segment(bias(t), width) + sum).array().tanh();
}

VectorXd PolicyNetwork::odds_of(std::size_t t, const VectorXd& hidden) const {
  Map<const MatrixXd> out(weights_.data() + output(t), count(t), width);
  VectorXd odds = out * hidden + weights_.segment(output_bias(t), count(t));
  odds = (odds.array() - odds.maxCoeff()).exp();
  return odds / odds.sum();
}

PolicyNetwork::Actions PolicyNetwork::draw(Rng& rng) const {
  Actions actions;
  VectorXd sum = VectorXd::Zero(width);
  for (std::size_t t = 0; t < counts_.size(); ++t) {
    auto odds = odds_of(t, hidden_of(t, sum));
    double left = rng.uniform();
    std::size_t action = 0;
    while (action + 1 < counts_[t] && left >= odds[static_cast<Eigen::Index>(action)])
      left -= odds[static_cast<Eigen::Index>(action++)];
    sum += weights_.segment(input(t) + width * static_cast<Eigen::Index>(action), width);
    actions.push_back(action);
  }
  return actions;
}

PolicyNetwork::Pass PolicyNetwork::pass(const Actions& actions) const {
  Pass pass;
  VectorXd sum = VectorXd::Zero(width);
  for (std::size_t t = 0; t < counts_.size(); ++t) {
    auto& hidden = pass.hidden.emplace_back(hidden_of(t, sum));
    pass.odds.push_back(odds_of(t, hidden));
    pass.values.push_back(weights_.segment(critic(t), width).dot(hidden) +
                          weights_[critic_bias(t)]);
    sum += weights_.segment(input(t) + width * static_cast<Eigen::Index>(actions[t]), width);
  }
  return pass;
}

void PolicyNetwork::backward(const Actions& actions, const Pass& pass, const Slopes& slopes,
                             VectorXd& gradient) const {
  VectorXd later = VectorXd::Zero(width);  // what the steps after t say of their sum
  for (std::size_t t = counts_.size(); t-- > 0;) {
    const auto& hidden = pass.hidden[t];
    Map<const MatrixXd> out(weights_.data() + output(t), count(t), width);
    Map<MatrixXd> out_slope(gradient.data() + output(t), count(t), width);
    gradient.segment(input(t) + width * static_cast<Eigen::Index>(actions[t]), width) += later;
    out_slope += slopes.logits[t] * hidden.transpose();
    gradient.segment(output_bias(t), count(t)) += slopes.logits[t];
    gradient.segment(critic(t), width) += slopes.values[t] * hidden;
    gradient[critic_bias(t)] += slopes.values[t];
    VectorXd slope =
        out.transpose() * slopes.logits[t] + slopes.values[t] * weights_.segment(critic(t), width);
    slope.array() *= 1 - hidden.array().square();
    gradient.segment(bias(t), width) += slope;
    later += slope;
  }
}

}  // namespace autotune
