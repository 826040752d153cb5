// What `$(NAME)`, `$$`, `${parameters.NAME}` and `${trial.id}` become in commands, arguments and environments.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "messages/result.hpp"
#include "messages/value.hpp"

namespace autotune {

/// The trial that a text is expanded for.
struct TrialText {
  std::string_view parameters_json;
  std::string trial_id;
  std::int64_t sequence = 0;
};

/// Expands texts of one trial; parses the parameters once, when they are first asked for.
class TextExpansion {
 public:
  /// The value of an environment variable that `$(NAME)` may name; nothing: stays as written.
  using Lookup = std::function<std::optional<std::string>(std::string_view name)>;

  explicit TextExpansion(TrialText trial) : trial_(std::move(trial)) {}

  /// As Kubernetes does it: `$(NAME)` where NAME is known, `$$` is a dollar sign, all else stays; and ours beside it.
  /// Error: invalid_argument where a parameter is not among the trial's.
  Result<std::string> expand(std::string_view text, const Lookup& lookup);

 private:
  Result<std::optional<std::string>> of_trial(std::string_view name);
  Result<std::string> parameter(std::string_view path);

  TrialText trial_;
  std::optional<Value> parameters_;
};

}  // namespace autotune
