#include <catch2/catch.hpp>

#include "config/quantity.hpp"

using namespace autotune::config;

TEST_CASE("quantities are read as Kubernetes reads them", "[config]") {
  auto [text, number] = GENERATE(table<std::string, double>({
      {"2000m", 2},
      {"4", 4},
      {"0.5", 0.5},
      {"100Mi", 104857600},
      {"1.5G", 1.5e9},
      {"5E", 5e18},
      {"5E3", 5000},
      {"1e3", 1000},
      {"12e-1", 1.2},
      {"1Ki", 1024},
      {"1k", 1000},
      {"250u", 250e-6},
      {"2Gi", 2147483648.0},
      {".5", 0.5},
      {"0", 0},
  }));
  CAPTURE(text);
  auto result = read_quantity(text);
  REQUIRE(result);
  CHECK(*result == Approx(number).epsilon(1e-12));
}

TEST_CASE("what is no quantity says what would be", "[config]") {
  auto [text, hint] = GENERATE(table<std::string, std::string>({
      {"100MB", "write 100M or 100Mi"},
      {"100mib", "write 100M or 100Mi"},
      {"1g", "write 1G or 1Gi"},
      {"10KB", "write 10k or 10Ki"},
      {"10 Mi", "write a number with"},
      {"", "write a number with"},
      {"-1", "must not be negative"},
      {"1.2.3", "write a number with"},
      {"Mi", "write a number with"},
      {"1e400", "is no quantity"},
      {"inf", "is no quantity"},
      {"1e308E", "is no quantity"},
  }));
  CAPTURE(text);
  auto result = read_quantity(text);
  REQUIRE_FALSE(result);
  CHECK_THAT(result.error().message, Catch::Contains(hint));
}

TEST_CASE("bytes are whole, rounded up and bounded", "[config]") {
  CHECK(read_bytes("1500m").value() == 2);
  CHECK(read_bytes("1Gi").value() == 1073741824);
  CHECK_FALSE(read_bytes("9999E"));
}
