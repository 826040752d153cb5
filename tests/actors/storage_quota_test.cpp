// spec.storage: what is left of it bounds the logs, and reaching it is said once.
#include <catch2/catch.hpp>

#include "experiment_driver.hpp"

namespace autotune::test {

namespace {

constexpr std::int64_t quota = 100 << 20;
constexpr std::int64_t log_min = 16 << 10;  // ExperimentLimits

/// A trial's log limit as the launcher gets it.
std::int64_t log_limit_of_next(ExperimentDriver& one, Sequence sequence) {
  one.suggest(sequence);
  for (const auto& effect : one.core.on_placed(one.moment(), sequence, "here", {}))
    if (const auto* launch = std::get_if<Launch>(&effect))
      return launch->plan.log_limit_bytes();
  return -1;
}

pb::ExperimentSpec spec_with_quota(std::int64_t bytes) {
  auto spec = small_spec(10, 2);
  spec.set_storage_bytes(bytes);
  return spec;
}

int quota_notices(const ExperimentDriver& one) {
  int count = 0;
  for (const auto& event : one.events)
    count +=
        event.has_notice() && event.notice().text().starts_with("storage quota reached") ? 1 : 0;
  return count;
}

}  // namespace

TEST_CASE("logs that grow together share half of what is left of the quota", "[experiment]") {
  ExperimentDriver one(spec_with_quota(quota));
  one.start();
  one.did(one.core.on_storage(one.moment(), 60 << 20));
  CHECK(log_limit_of_next(one, 0) == (40 << 20) / 2 / 4);  // two trials, stdout and stderr each
}

TEST_CASE("without a quota the launcher's own limit rules", "[experiment]") {
  ExperimentDriver one(small_spec(10, 2));
  one.start();
  CHECK(one.did(one.core.on_storage(one.moment(), 1LL << 40)).empty());
  CHECK(log_limit_of_next(one, 0) == 0);
}

TEST_CASE("a quota that is reached is told once, and leaves each log its first words",
          "[experiment]") {
  ExperimentDriver one(spec_with_quota(quota));
  one.start();
  CHECK(one.did(one.core.on_storage(one.moment(), quota - 1)).empty());
  CHECK_FALSE(one.did(one.core.on_storage(one.moment(), quota)).empty());
  CHECK(one.did(one.core.on_storage(one.moment(), 2 * quota)).empty());
  CHECK(quota_notices(one) == 1);
  one.restart(false);
  CHECK(one.did(one.core.on_storage(one.moment(), 2 * quota)).empty());
  CHECK(quota_notices(one) == 1);
}

TEST_CASE("past its quota an experiment's trials run on with short logs", "[experiment]") {
  ExperimentDriver one(spec_with_quota(quota));
  one.start();
  one.did(one.core.on_storage(one.moment(), quota));
  CHECK(log_limit_of_next(one, 0) == log_min);
}

TEST_CASE("a quota smaller than a log's first words holds no trial back", "[experiment]") {
  ExperimentDriver one(spec_with_quota(1));
  one.start();
  CHECK(log_limit_of_next(one, 0) == log_min);
}

}  // namespace autotune::test
