// In the place of postgresql.cpp where libpqxx was not found: each function says so.
#include "store/head_lease.hpp"
#include "store/postgresql.hpp"
#include "store/shared_keys.hpp"

namespace autotune {

Result<void> check_postgresql() {
  return fail(
      ErrorCode::failed_precondition,
      "this autotune was built without PostgreSQL: install libpqxx-dev, then build it anew");
}

Result<void> check_postgresql_uri(const std::string&) { return check_postgresql(); }

Result<std::unique_ptr<StoreWriter>> open_postgresql_writer(const std::string&,
                                                            const PostgresqlWriterOptions&) {
  return tl::unexpected(check_postgresql().error());
}

Result<std::unique_ptr<StoreReader>> open_postgresql_reader(const std::string&,
                                                            const std::filesystem::path&) {
  return tl::unexpected(check_postgresql().error());
}

Result<void> check_shared_keys(const std::string&, const std::filesystem::path&, bool,
                               std::int64_t) {
  return check_postgresql();
}

struct HeadLease::Connection {};
HeadLease::HeadLease(std::string, std::string, HeadLeaseLimits) {}
HeadLease::~HeadLease() = default;
Result<bool> HeadLease::try_take() { return tl::unexpected(check_postgresql().error()); }
const HeadSeen& HeadLease::seen() const { return seen_; }
std::uint64_t HeadLease::epoch() const { return 0; }
bool HeadLease::held() const { return false; }
std::chrono::milliseconds HeadLease::unheld_for() const { return {}; }
bool HeadLease::lost() const { return false; }

}  // namespace autotune
