// Population-based training: members train in steps, and bad ones go on from a copy of a good one.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tuner/space.hpp"
#include "tuner/tuner.hpp"

namespace autotune {

struct PbtOptions {
  std::string checkpoint_dir = "checkpoint";  ///< folders of checkpoints are made below it
  std::int64_t population_size = 10;          ///< members; >= 1
  double factor = 0.2;                 ///< how far a number moves, as a part of its range; >= 0
  double resample_probability = 0.25;  ///< odds that a parameter is drawn anew instead
  double fraction = 0.2;               ///< of the members are bad, and as many good ones; 0 .. 1
};

/// PBT (Jaderberg et al. 2017, "Population Based Training of Neural Networks") as NNI runs it:
/// synchronous, each step of each member a trial of its own that loads a checkpoint and saves one. The
/// parameters gain `load_checkpoint_dir` and `save_checkpoint_dir`. In epoch 0 both are
/// <dir>/<member>/0; later a member saves to <dir>/<member>/<epoch> and loads what it saved before,
/// but a bad one loads what a good one saved, takes its parameters, and perturbs them: each is drawn
/// anew with resample_probability, and else moves up or down with equal odds, by one level where it is
/// discrete and by `factor` of the range (of sigma) where not, and stays within the bounds.
///
/// An epoch starts when all trials of the one before have ended; until then the answer is NotYet
/// once all members run. It never ends by itself. The same parameters may come again.
///
/// What differs from NNI's, and why:
/// - A member whose trial failed has saved nothing that counts, so it always copies a good one;
///   NNI lets it load its own missing checkpoint unless it is among the worst. Where all failed,
///   each loads what it loaded before, with perturbed parameters.
/// - No member is copied that has no value, and a value of 0 is one.
/// - Every trial carries member and epoch (lineage), so a restart goes on within an epoch; NNI
///   goes back to the last complete one. Requests beyond the population aren't queued.
/// - A choice moves one place in the order in which it was listed, as in NNI.
class PbtTuner : public Tuner {
 public:
  PbtTuner(Space space, std::int64_t seed, PbtOptions options);

  Ask ask(Sequence trial, std::span<const Trial> running) const override;
  void tell(const Trial& ended) override;

 private:
  struct Member {
    Point point;
    std::string load;
    std::string save;
    bool ended = false;
    std::optional<double> loss;
  };

  std::string folder(std::size_t member, std::int64_t epoch) const;
  /// The member that a trial of this epoch steps, or nothing.
  std::optional<std::size_t> member_of(const Trial& trial) const;
  void next_epoch();
  /// Members in the order of their losses, those without one last.
  std::vector<std::size_t> ranks() const;
  Point perturbed(Point point, Rng& rng) const;
  double moved(const Dimension& d, double u, bool up) const;

  Space space_;
  std::int64_t seed_;
  PbtOptions options_;
  std::int64_t epoch_ = 0;
  std::vector<Member> members_;
};

}  // namespace autotune
