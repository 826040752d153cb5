#include "tuner/algorithm_rows.hpp"

namespace autotune {

const std::vector<ParameterType>& plain_types() {
  using P = ParameterType;
  static const std::vector<P> types{P::choice,     P::randint,     P::uniform, P::quniform,
                                    P::loguniform, P::qloguniform, P::normal,  P::qnormal,
                                    P::lognormal,  P::qlognormal};
  return types;
}

ArgumentInfo optimize_mode() {
  return {.name = "optimize_mode",
          .kind = ArgumentKind::word,
          .meaning =
              "Which values are better; without it objective.goal or the default direction rules.",
          .words = {"maximize", "minimize"}};
}

ArgumentInfo seed_argument() {
  return {.name = "seed",
          .kind = ArgumentKind::integer,
          .meaning = "Seed of this algorithm; without it the experiment's.",
          .nullable = true};
}

ArgumentInfo whole_argument(std::string name, std::int64_t fallback, std::string meaning,
                            double least, double most) {
  return {.name = std::move(name),
          .kind = ArgumentKind::integer,
          .fallback = Value::integer(fallback),
          .meaning = std::move(meaning),
          .least = least,
          .most = most};
}

ArgumentInfo positive_argument(std::string name, double fallback, std::string meaning,
                               double most) {
  return {.name = std::move(name),
          .kind = ArgumentKind::real,
          .fallback = Value::real(fallback),
          .meaning = std::move(meaning),
          .least = 0,
          .most = most,
          .least_excluded = true};
}

}  // namespace autotune
