// Ask and tell over lines of JSON: any tuner without a scheduler.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "messages/result.hpp"
#include "messages/search_space.hpp"
#include "messages/value.hpp"
#include "tuner/algorithms.hpp"
#include "tuner/tuner.hpp"

namespace autotune {

/// The protocol tuner-stdio, version 1, without its input and output: one line in, one line out.
///
/// init {tuner, classArgs, searchSpace, optimizeMode, seed} starts a run and replaces the one before; ask {id}
/// suggests; tell {id, status: ok|fail, value} ends a trial, or with `params` tells one that was never asked for;
/// report {id, step, value} adds an intermediate result; stop ends. What cannot be done is answered by {"error":
/// why}, and the session goes on.
///
/// Several goals: init's optimizeMode is a list of words, one a goal, and tell has `values`, one a goal. Constraints:
/// init has `constraints`, a list of texts that are not looked at, and tell `violations`, one a constraint: 0 where
/// it is met, else by how much it is not, "Infinity" where nobody knows.
class StdioSession {
 public:
  using SpaceReader = std::function<Result<SearchSpace>(std::string_view json)>;

  /// `read_space` reads a search space in the file format; config/ has one. `table` outlives the session.
  explicit StdioSession(SpaceReader read_space, const AlgorithmTable& table = built_in_algorithms())
      : read_space_(std::move(read_space)), table_(&table) {}

  /// The answer to one request, without the line's end; empty after `stop`, to which none is due.
  std::string answer(std::string_view line);
  /// True after `stop`.
  bool stopped() const { return stopped_; }

 private:
  Result<Value> handle(const Value& request);
  Result<Value> init(const Value& request);
  Result<Value> ask(Sequence id);
  Result<Value> tell(Sequence id, const Value& request);
  Result<Value> report(Sequence id, const Value& request);

  SpaceReader read_space_;
  const AlgorithmTable* table_;
  std::unique_ptr<Tuner> tuner_;
  std::size_t goals_ = 1;
  std::size_t constraints_ = 0;
  std::map<Sequence, Trial> running_;
  bool stopped_ = false;
};

}  // namespace autotune
