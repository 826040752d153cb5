// Proximal policy optimisation: a network that learns to choose layers and inputs.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "tuner/policy_network.hpp"
#include "tuner/seen_points.hpp"
#include "tuner/tuner.hpp"

namespace autotune {

struct PpoOptions {
  std::int64_t trials_per_update = 20;  ///< ended trials that make a batch; >= 1
  std::int64_t epochs_per_update = 4;   ///< so often each batch is learned from; >= 1
  std::int64_t minibatch_size = 4;      ///< trials a step of the optimiser; >= 1
  double ent_coef = 0;                  ///< weight of the entropy; >= 0
  double lr = 3e-4;                     ///< of Adam (Kingma, Ba 2015); > 0
  double vf_coef = 0.5;                 ///< weight of the critic's loss; >= 0
  double max_grad_norm = 0.5;           ///< longer gradients are shortened; > 0
  double gamma = 0.99;                  ///< discount; 0 .. 1
  double lam = 0.95;                    ///< of the advantage estimate; 0 .. 1
  double cliprange = 0.2;               ///< how far the odds may move in one update; > 0
};

/// PPO (Schulman, Wolski, Dhariwal, Radford, Klimov 2017, "Proximal Policy Optimization Algorithms")
/// over layer_choice and input_choice. The parameters of a trial are a chain of actions that a network draws, one
/// parameter a step; the trial's result is the reward of every step, as in NNI. After each
/// `trials_per_update` ended trials the clipped surrogate objective is followed for
/// `epochs_per_update` rounds, with advantages after Schulman et al. 2016 (GAE) that a critic gives.
///
/// What differs from NNI's, and why:
/// - All arguments act; NNI accepts ent_coef, lr, vf_coef, max_grad_norm, gamma, lam and cliprange
///   and goes on with its defaults.
/// - A batch is the next trials that end, whichever network drew them: workers never wait for the
///   slowest trial of a batch. The old odds are those of the network before the update.
/// - Rewards are normalised (by the results so far), so that the critic doesn't depend on their
///   scale.
/// - A failed trial has the reward of the worst result so far (NNI: of the mean of its batch).
/// - The network is an autoregressive one (see PolicyNetwork) instead of an LSTM, with outputs of
///   each step's own instead of ones shared by name and masked.
/// - A batch that minibatch_size doesn't divide ends in a smaller minibatch; NNI refuses it.
/// - No point is suggested twice; a used-up space ends in Exhausted. Trials of another run are
///   learned from.
///
/// An ask costs O(parameters * choices * 128); the tell that completes a batch
/// O(trials_per_update * epochs_per_update) times that.
class PpoTuner : public Tuner {
 public:
  PpoTuner(Space space, std::int64_t seed, PpoOptions options);

  Ask ask(Sequence trial, std::span<const Trial> running) const override;
  void tell(const Trial& ended) override;

 private:
  struct Episode {
    PolicyNetwork::Actions actions;
    std::optional<double> loss;
  };
  /// An episode as it looked before the update.
  struct Lesson {
    PolicyNetwork::Actions actions;
    std::vector<double> odds;  ///< of the actions taken
    std::vector<double> values;
    std::vector<double> returns;
    std::vector<double> advantages;
  };

  Point point_of(const PolicyNetwork::Actions& actions) const;
  double reward(const Episode& episode) const;
  std::vector<Lesson> lessons() const;
  PolicyNetwork::Slopes slopes_of(const Lesson& lesson, const PolicyNetwork::Pass& pass,
                                  double weight) const;
  void update();
  void descend(Eigen::VectorXd& gradient);

  std::int64_t seed_;
  PpoOptions options_;
  SeenPoints seen_;
  PolicyNetwork network_;
  std::vector<Episode> batch_;
  // Of the results so far.
  std::int64_t count_ = 0;
  double mean_ = 0;
  double squares_ = 0;  // of the distances from the mean, added up
  double worst_ = 0;
  // Adam's.
  Eigen::VectorXd momentum_;
  Eigen::VectorXd second_;
  std::int64_t updates_ = 0;
  std::int64_t steps_ = 0;
};

}  // namespace autotune
