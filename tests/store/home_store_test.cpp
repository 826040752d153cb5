#include "store/home_store.hpp"

#include <sys/stat.h>

#include "store/postgresql.hpp"
#include "tests/store/support.hpp"

using namespace autotune;
using namespace autotune::test;

TEST_CASE("a home that remembers nothing has its own file", "[store]") {
  TemporaryFolder folder;
  CHECK(value(store_of_home(folder.path())).empty());
  CHECK(open_home_reader(folder.path()).error().code == ErrorCode::not_found);
  value(writer(folder.database())->commit({append("a-11111", {submitted("a")})}));
  CHECK(value(value(open_home_reader(folder.path()))->experiments()).size() == 1);
}

TEST_CASE("a home remembers its store, for its user alone, until it is told otherwise", "[store]") {
  if (!check_postgresql()) {
    WARN("skipped: " << check_postgresql().error().message);
    return;
  }
  TemporaryFolder folder;
  const std::string uri = "postgresql://me@10.0.0.9/autotune";
  value(remember_store(folder.path(), uri));
  CHECK(value(store_of_home(folder.path())) == uri);
  struct stat info {};
  REQUIRE(::stat((folder.path() / "store").c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
  for (const char* wrong : {"postgresql://me:hush@10.0.0.9/autotune", "mysql", ""})
    CHECK(remember_store(folder.path(), wrong).error().code == ErrorCode::invalid_argument);
  CHECK(value(store_of_home(folder.path())) == uri);
  value(remember_store(folder.path(), "sqlite"));
  CHECK(value(store_of_home(folder.path())).empty());
  value(remember_store(folder.path(), "sqlite"));
}
