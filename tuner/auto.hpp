// The default tuner: chooses the method for each suggestion.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "tuner/cma_es.hpp"
#include "tuner/gp_tuner.hpp"
#include "tuner/ranking.hpp"
#include "tuner/tpe.hpp"

namespace autotune {

/// Chooses between a Gaussian process, TPE and CMA-ES by the space, by how much is known, and by
/// which of them has lately found good trials.
///
/// - Up to `trials_max` results, and up to `dimensions_max` dimensions none of which depends on
///   another: most suggestions are the Gaussian process's (GpTuner), which learns most from few
///   trials; every `tpe_every`-th is TPE's, which gets out of valleys that the process stays in.
/// - Otherwise TPE, whose suggestions cost the same however many trials there are, and once there
///   are `trials_max` results CMA-ES, where no dimension depends on another and most are ordered. Each
///   has a share of the suggestions in proportion to how often its own were among the best twentieth
///   when they came (probability matching, Thierens 2005, "An Adaptive Pursuit Strategy for
///   Allocating Operator Probabilities"; newer ones count more), and at least a fifth.
///
/// The process and TPE are told everything, so either goes on from all that is known. CMA-ES starts
/// afresh from the middle: it can end in another valley than the one where the others are. The start
/// is the Gaussian process's (a scrambled Sobol sequence) or TPE's (a Latin hypercube).
class AutoTuner : public Tuner {
 public:
  AutoTuner(const Space& space, std::int64_t seed);

  Ask ask(Sequence trial, std::span<const Trial> running) const override;
  void tell(const Trial& ended) override;

 private:
  enum class Method { process, tpe, evolution };
  /// Results of one method and how many were good when they came, older ones for less.
  struct Record {
    double good = 0;
    double all = 0;
  };

  Method method_for(Sequence trial, std::size_t running) const;
  double share_of_evolution() const;
  void judge(const Trial& ended);

  std::int64_t seed_;
  GpTuner process_;
  TpeTuner tpe_;
  CmaEsTuner evolution_;
  bool suits_process_;
  bool suits_evolution_;
  Ranking ranking_;
  std::array<Record, 2> records_;  // of TPE, of CMA-ES
};

}  // namespace autotune
