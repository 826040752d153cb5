#include "messages/ids.hpp"

#include <catch2/catch.hpp>

using namespace autotune;

TEST_CASE("the same generator draws the same ids", "[ids]") {
  std::mt19937_64 one(7);
  std::mt19937_64 two(7);
  CHECK(experiment_id("mnist", one) == experiment_id("mnist", two));
  CHECK(short_id(one) != short_id(one));
}

TEST_CASE("a short id is five of a-z0-9", "[ids]") {
  std::mt19937_64 random(1);
  auto id = short_id(random);
  CHECK(id.size() == 5);
  CHECK(id.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789") == std::string::npos);
}

TEST_CASE("a name is a DNS label", "[ids]") {
  CHECK(is_dns_label("autotune-mnist-keras"));
  for (auto bad : {"", "-a", "a-", "A", "a_b", "a.b"})
    CHECK_FALSE(is_dns_label(bad));
  CHECK_FALSE(is_dns_label(std::string(64, 'a')));
}
