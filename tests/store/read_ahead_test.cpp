#include "store/read_ahead.hpp"

#include <atomic>
#include <stdexcept>

#include <catch2/catch.hpp>

using namespace autotune;

TEST_CASE("batches come in the order in which they were filled", "[store]") {
  const int last = GENERATE(1, 2, 4, 5, 1000);
  CAPTURE(last);
  int filled = 0;
  ReadAhead<int> ahead([&](int& batch) {
    batch = ++filled;
    return filled < last;
  });
  for (int i = 1; i <= last; ++i) {
    const auto* batch = ahead.next();
    REQUIRE(batch != nullptr);
    CHECK(*batch == i);
  }
  CHECK(ahead.next() == nullptr);
  CHECK(ahead.next() == nullptr);
}

TEST_CASE("a batch is the caller's until the next one is asked for", "[store]") {
  std::atomic<int> filled = 0;
  ReadAhead<int> ahead([&](int& batch) {
    batch = ++filled;
    return true;
  });
  const auto* batch = ahead.next();
  while (filled < 4)  // the other batches; then there is nothing to fill before this one comes back
    std::this_thread::yield();
  CHECK(*batch == 1);
  CHECK(filled == 4);
}

TEST_CASE("what goes wrong ahead is told after what came before it", "[store]") {
  int filled = 0;
  ReadAhead<int> ahead([&](int& batch) -> bool {
    if (filled == 2)
      throw std::runtime_error("the disk is gone");
    batch = ++filled;
    return true;
  });
  CHECK(*ahead.next() == 1);
  CHECK(*ahead.next() == 2);
  CHECK_THROWS_WITH(ahead.next(), "the disk is gone");
}

TEST_CASE("a caller that stops early leaves no thread behind", "[store]") {
  std::atomic<int> filled = 0;
  {
    ReadAhead<int> ahead([&](int& batch) {
      batch = ++filled;
      return true;
    });
    ahead.next();
  }
  const int then = filled;
  CHECK(then >= 1);
  CHECK(then <= 4);
}
