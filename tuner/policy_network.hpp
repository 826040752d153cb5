// A small network that chooses one action a step, each knowing those before it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <Eigen/Dense>

#include "tuner/rng.hpp"

namespace autotune {

/// Steps t = 0 .. T-1 with counts[t] actions each. The hidden layer of step t is
/// tanh(c_t + sum of W_s[a_s] over the steps s before it), which gives the odds of each action, and a
/// value: the neural autoregressive estimator of Larochelle, Murray 2011, with an output for PPO's
/// critic. Untrained it chooses evenly.
class PolicyNetwork {
 public:
  using Actions = std::vector<std::size_t>;

  /// The forward pass along one chain of actions.
  struct Pass {
    std::vector<Eigen::VectorXd> hidden;
    std::vector<Eigen::VectorXd> odds;  ///< of each action of each step; they add up to 1
    std::vector<double> values;
  };

  /// What the loss says of one chain, for a step backwards: d loss / d (what is before the softmax),
  /// and d loss / d value.
  struct Slopes {
    std::vector<Eigen::VectorXd> logits;
    std::vector<double> values;
  };

  PolicyNetwork(std::vector<std::size_t> counts, Rng rng);

  Actions draw(Rng& rng) const;
  Pass pass(const Actions& actions) const;
  /// Adds to `gradient` (as long as `weights()`) what the slopes of one chain give.
  void backward(const Actions& actions, const Pass& pass, const Slopes& slopes,
                Eigen::VectorXd& gradient) const;

  Eigen::VectorXd& weights() { return weights_; }
  const Eigen::VectorXd& weights() const { return weights_; }

 private:
  static constexpr Eigen::Index width = 128;

  // Where the parts of step t begin; M: Eigen::VectorXd or const.
  Eigen::Index bias(std::size_t t) const { return starts_[t]; }
  Eigen::Index input(std::size_t t) const { return starts_[t] + width; }
  Eigen::Index output(std::size_t t) const { return input(t) + width * count(t); }
  Eigen::Index output_bias(std::size_t t) const { return output(t) + width * count(t); }
  Eigen::Index critic(std::size_t t) const { return output_bias(t) + count(t); }
  Eigen::Index critic_bias(std::size_t t) const { return critic(t) + width; }
  Eigen::Index count(std::size_t t) const { return static_cast<Eigen::Index>(counts_[t]); }

  Eigen::VectorXd hidden_of(std::size_t t, const Eigen::VectorXd& sum) const;
  Eigen::VectorXd odds_of(std::size_t t, const Eigen::VectorXd& hidden) const;

  std::vector<std::size_t> counts_;
  std::vector<Eigen::Index> starts_;
  Eigen::VectorXd weights_;
};

}  // namespace autotune
