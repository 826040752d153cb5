// What an experiment does with a tuner that is a program: what it is sent and when, what its answers mean, when it is
// started again, and when that is given up.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "launchers/launcher.hpp"
#include "messages/result.hpp"
#include "messages/trial.hpp"
#include "tuner/program_protocol.hpp"
#include "tuner/space.hpp"
#include "tuner/tuner.hpp"

namespace autotune {

/// Bounds of a tuner that is a program.
struct ProgramTunerLimits {
  /// Each request is answered within this time (the protocol's word), else the program hangs.
  std::chrono::milliseconds answer{30000};
  /// It is started again so often in a row without a suggestion in between; a program that dies at once must end some
  /// time, one that dies now and then need not.
  int restarts_max = 3;
  /// So many suggestions in a row may lie outside of the search space.
  int illegal_max = 3;
  /// So many requests are under way at the same time: enough that a restart with many results is not a chain of round
  /// trips, few enough for the pipe.
  std::size_t window = 64;
  /// Reports of running trials that the program has not got to; more are passed over, for they are hints.
  std::size_t reports_waiting_max = 1000;
};

/// Start the program; what it prints comes with this generation.
struct StartProgram {
  int generation = 0;
};
struct SendLine {
  std::string line;
};
struct EndProgram {};
/// To the experiment: the answer to its question (-1: something failed that was no question).
struct AnswerAsk {
  Sequence sequence = 0;
  Result<Ask> ask;
};
/// To the experiment: this trial should end early.
struct AdviseStop {
  Sequence sequence = 0;
  std::int32_t attempt = 0;
};
/// For the log.
struct NoteProgram {
  std::string text;
};
using ProgramEffect =
    std::variant<StartProgram, SendLine, EndProgram, AnswerAsk, AdviseStop, NoteProgram>;
using ProgramEffects = std::vector<ProgramEffect>;

/// A tuner that is a program. It is started with the first question, told all results in their order whenever it is
/// started, and ended while its experiment rests.
class ProgramTunerCore {
 public:
  /// `init`: the first line it gets; `name`: as it is called in messages; `goals`: how many values a trial has.
  ProgramTunerCore(std::string name, std::string init, Space space, std::size_t goals = 1,
                   ProgramTunerLimits limits = {});

  ProgramEffects on_ask(Time now, Sequence sequence);
  ProgramEffects on_began(Time now, const Trial& trial);
  ProgramEffects on_over(Time now, const Trial& ended);
  ProgramEffects on_measured(Time now, Sequence sequence, std::int32_t attempt,
                             const Measurement& measurement);
  /// The experiment came to rest, or goes on.
  ProgramEffects on_rest(Time now, bool rests);
  ProgramEffects on_line(Time now, int generation, std::string_view line);
  /// The program has ended, or could not be started: `how` says so, with the last it wrote on stderr.
  ProgramEffects on_ended(Time now, int generation, const std::string& how);
  ProgramEffects on_tick(Time now);

  /// When on_tick is wanted.
  std::optional<Time> next_tick() const { return deadline_; }
  bool runs() const { return runs_; }

 private:
  enum class Op { init, ask, tell, cancel, report };
  struct Request {
    Op op = Op::ask;
    Sequence id = 0;
    std::size_t told = 0;      // of a tell: its place in told_
    std::int32_t attempt = 0;  // of a report
    std::string line;          // of a cancel or a report
  };
  struct Spare {
    Sequence sequence = 0;
    Value parameters;
  };

  void start(Time now, ProgramEffects& effects);
  void end(ProgramEffects& effects);
  void push(Time now, Request request, ProgramEffects& effects);
  void pump(Time now, ProgramEffects& effects);
  void died(Time now, const std::string& how, ProgramEffects& effects);
  void give_up(const std::string& why, ProgramEffects& effects);
  void answer(Result<Ask> ask, ProgramEffects& effects);
  void on_suggestion(Time now, ProgramAnswer answer, ProgramEffects& effects);
  void on_agreement(const Request& request, const ProgramAnswer& answer, ProgramEffects& effects);
  static std::string words(const Request& request);

  std::string name_;
  std::string init_;
  Space space_;
  std::size_t goals_;
  ProgramTunerLimits limits_;

  struct Told {
    Sequence id = 0;
    std::string line;
  };
  std::vector<Told> told_;         // all ended trials, in their order
  std::optional<Sequence> asked_;  // by the experiment, not yet answered
  std::optional<Spare> spare_;     // suggested, and not yet begun: the experiment may ask again
  std::optional<std::string> failed_;
  bool rests_ = false;

  // Of the running program:
  bool runs_ = false;
  int generation_ = 0;
  std::deque<Request> waiting_;    // to be sent
  std::deque<Request> under_way_;  // sent and not answered
  std::size_t reports_waiting_ = 0;
  std::optional<Time> deadline_;  // of the first that is under way

  bool takes_reports_ = true;
  int restarts_ = 0;  // in a row
  int illegal_ = 0;   // in a row
};

}  // namespace autotune
