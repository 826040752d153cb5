// The protocol tuner-stdio, version 1, from the asking side: a user's own tuner, in any language. Pure: lines out of
// trials, answers out of lines. The other side: stdio.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "messages/experiment.pb.h"
#include "messages/result.hpp"
#include "messages/trial.hpp"
#include "tuner/space.hpp"

namespace autotune {

/// The first line that a program gets: the search space as the file has it, classArgs, optimizeMode (with several
/// goals a list, one word a goal), seed, concurrency, maxTrials (null: no limit), and constraints as the file has
/// them where it has some. Values are told as they are reported; the program heeds optimizeMode itself.
/// invalid_argument: the spec's texts are no JSON.
Result<std::string> program_init(const pb::ExperimentSpec& spec, std::int64_t seed);
std::string program_ask(Sequence id);
/// Its parameters always come along, so a program needs not remember what it suggested, and one that was started again
/// understands what it never asked for. With several goals it has `values`, one a goal, in place of `value`, and with
/// constraints `violations`, one a constraint ("Infinity" where nobody knows). A trial that lacks a value has failed.
std::string program_tell(const Trial& ended, std::size_t goals);
std::string program_report(Sequence id, const Measurement& measurement);

/// What a line of the program means.
struct ProgramAnswer {
  enum class Kind {
    fine,        ///< {"ok": true}
    stop,        ///< to a report: the trial should end early
    suggestion,  ///< `parameters` is legal
    wait,
    done,
    illegal,    ///< `parameters` is a suggestion outside of the space, `text` says why
    error,      ///< {"error": ...}: `text`
    malformed,  ///< no answer to what was asked; `text` says why
  };
  Kind kind = Kind::malformed;
  Value parameters;
  std::string text;

  friend bool operator==(const ProgramAnswer&, const ProgramAnswer&) = default;
};

/// The answer to program_ask(id).
ProgramAnswer read_suggestion(std::string_view line, Sequence id, const Space& space);
/// The answer to any other request.
ProgramAnswer read_agreement(std::string_view line);

}  // namespace autotune
