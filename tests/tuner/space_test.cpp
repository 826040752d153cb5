#include "tuner/space.hpp"

#include <cmath>
#include <map>
#include <set>

#include <catch2/catch.hpp>

#include "spaces.hpp"

using namespace autotune;
using namespace autotune::test;
using T = ParameterType;

namespace {

std::set<std::string> drawn(const Parameter& p, int n) {
  Space space(SearchSpace{{p}});
  Rng rng(1);
  std::set<std::string> values;
  for (int i = 0; i < n; ++i)
    values.insert(to_json(space.sample(rng)));
  return values;
}

Value json(const char* text) { return parse_json(text).value(); }

}  // namespace

TEST_CASE("quniform rounds, then clips, and stays a real number") {
  // Origin: nni-compat.md 2.2, [2, 10, 5] yields 2, 5, 10.
  CHECK(drawn(bounded("x", T::quniform, 2, 10, 5), 300) ==
        std::set<std::string>{R"({"x":2.0})", R"({"x":5.0})", R"({"x":10.0})"});
}

TEST_CASE("halves round to the even neighbour") {
  // Origin: nni-compat.md 2.2, the midpoint of quniform [2, 3, 1] gives 2, as round(2.5) does in
  // Python.
  Space space(SearchSpace{{bounded("x", T::quniform, 2, 3, 1)}});
  CHECK(to_json(space.value_of({0.5})) == R"({"x":2.0})");
}

TEST_CASE("a multiple of a decimal step is the decimal itself") {
  auto values = drawn(bounded("x", T::quniform, 0, 1, 0.1), 1000);
  CHECK(values.size() == 11);
  CHECK(values.contains(R"({"x":0.3})"));  // 3 * 0.1 would be 0.30000000000000004
  CHECK(values.contains(R"({"x":0.7})"));
}

TEST_CASE("randint leaves out its upper bound and is whole") {
  CHECK(drawn(bounded("x", T::randint, 0, 3), 300) ==
        std::set<std::string>{R"({"x":0})", R"({"x":1})", R"({"x":2})"});
}

TEST_CASE("a choice is given as it was written") {
  CHECK(drawn(choice("x", {number("1e-4"), number("16"), std::string("16"), true}), 300) ==
        std::set<std::string>{R"({"x":1e-4})", R"({"x":16})", R"({"x":"16"})", R"({"x":true})"});
}

TEST_CASE("q of a normal is not clipped and has no negative zero") {
  auto values = drawn(gaussian("x", T::qnormal, 0, 2, 1), 2000);
  CHECK(values.contains(R"({"x":0.0})"));
  CHECK(values.contains(R"({"x":-3.0})"));
  CHECK_FALSE(values.contains(R"({"x":-0.0})"));
  CHECK(drawn(gaussian("x", T::qlognormal, 0, 1, 1), 2000).contains(R"({"x":0.0})"));
}

TEST_CASE("a nested choice gives the branch's name and its parameters alone") {
  Space space(mixed_space());
  REQUIRE(space.size() == 15);
  Rng rng(3);
  std::set<std::string> forms;
  for (int i = 0; i < 200; ++i) {
    auto value = space.sample(rng);
    std::string form;
    const auto* nest = value.find("nest");
    REQUIRE(nest != nullptr);
    for (const auto& [name, inner] : *nest->as_object()) {
      form += name == "_name" ? *inner.as_string() : name;
      if (inner.as_object() != nullptr)
        for (const auto& [deep, x] : *inner.as_object())
          form += deep == "_name" ? *x.as_string() : deep;
    }
    forms.insert(form);
  }
  CHECK(forms == std::set<std::string>{"Ax", "Bdeeppzy", "Bdeepqy"});
  // Origin: nni-compat.md 2.3.
  Space net({{nested("net", {Branch{"conv", {bounded("kernel", ParameterType::randint, 3, 4)}},
                             Branch{"none", {}}})}});
  CHECK(to_json(net.value_of({0.2, 0.5})) == R"({"net":{"_name":"conv","kernel":3}})");
  CHECK(to_json(net.value_of({0.8, inactive})) == R"({"net":{"_name":"none"}})");
}

TEST_CASE("every sampled point is legal and maps to itself and back") {
  Space space(mixed_space());
  Rng rng(5);
  for (int i = 0; i < 500; ++i) {
    auto value = space.sample(rng);
    CAPTURE(to_json(value));
    auto legal = space.contains(value);
    REQUIRE(legal);
    auto point = space.point_of(value);
    REQUIRE(point);
    auto again = space.value_of(*point);
    auto twice = space.point_of(again);
    REQUIRE(twice);
    REQUIRE(again.as_object()->size() == value.as_object()->size());
    for (std::size_t d = 0; d < space.size(); ++d) {
      REQUIRE(std::isnan((*point)[d]) == std::isnan((*twice)[d]));
      if (std::isnan((*point)[d]))
        continue;
      CHECK((*point)[d] >= 0);
      CHECK((*point)[d] <= 1);
      CHECK((*twice)[d] == Approx((*point)[d]).margin(1e-9));
      if (space[d].discrete()) {
        auto level = space[d].level_at((*point)[d]);
        auto [from, to] = space[d].cell(level);
        CHECK(from <= (*point)[d]);
        CHECK((*point)[d] <= to);
        CHECK(space[d].level_at((from + to) / 2) == level);
      }
    }
  }
}

TEST_CASE("cells of the levels tile the unit interval") {
  auto p =
      GENERATE(bounded("x", T::quniform, 2, 10, 5), bounded("x", T::randint, -3, 8),
               bounded("x", T::qloguniform, 2, 1024, 2), choice("x", {number("1"), number("2")}));
  Dimension d(p);
  double at = 0;
  for (double level = 0; level < d.levels(); ++level) {
    auto [from, to] = d.cell(level);
    CHECK(from == Approx(at).margin(1e-12));
    CHECK(d.level_at(d.unit_of_level(level)) == level);
    at = to;
  }
  CHECK(at == Approx(1));
}

TEST_CASE("the prior of the unit cube is the distribution of the type") {
  Rng rng(11);
  double log_mean = 0;
  double normal_mean = 0;
  double normal_square = 0;
  auto lu_parameter = bounded("x", T::loguniform, 1e-4, 1);
  auto n_parameter = gaussian("x", T::normal, 3, 2);
  Dimension lu(lu_parameter);
  Dimension n(n_parameter);
  constexpr int count = 20000;
  for (int i = 0; i < count; ++i) {
    double u = rng.uniform();
    log_mean += std::log10(lu.number_at(u)) / count;
    double z = (n.number_at(u) - 3) / 2;
    normal_mean += z / count;
    normal_square += z * z / count;
  }
  CHECK(log_mean == Approx(-2).margin(0.03));
  CHECK(normal_mean == Approx(0).margin(0.03));
  CHECK(normal_square == Approx(1).margin(0.03));
}

TEST_CASE("contains names what is wrong and what would be right") {
  Space space(finite_space());
  auto message = [&](const char* text) {
    auto legal = space.contains(json(text));
    return legal ? std::string("legal") : legal.error().message;
  };
  CHECK(message(R"({"r":4,"n":{"_name":"A","x":0.3}})") == "legal");
  CHECK(message(R"({"n":{"_name":"B","c":"t","deep":{"_name":"q"}},"r":4.0})") == "legal");
  CHECK(message(R"({"r":5,"n":{"_name":"A","x":0.3}})") ==
        "parameter 'r' is 5, not a whole number from 2 to 4");
  CHECK(message(R"({"r":"4","n":{"_name":"A","x":0.3}})") ==
        "parameter 'r' is \"4\", not a whole number from 2 to 4");
  CHECK(message(R"({"r":4,"n":{"_name":"A","x":0.25}})") ==
        "parameter 'n.x' is 0.25, not a multiple of 0.1 in [0.0, 0.3]");
  CHECK(message(R"({"r":4})") ==
        "parameter 'n' is missing; it is an object whose _name is one of \"A\" \"B\"");
  CHECK(message(R"({"r":4,"n":{"_name":"C"}})") ==
        "parameter 'n' is {\"_name\":\"C\"}, not an object whose _name is one of \"A\" \"B\"");
  CHECK(message(R"({"r":4,"n":{"_name":"A","x":0.3,"c":"s"}})") ==
        "parameter 'n.c' is unknown; known are: x");
  CHECK(message(R"({"r":4,"n":{"_name":"A","x":0.3},"R":1})") ==
        "parameter 'R' is unknown; known are: r, n");
  CHECK(message(R"([1])") == "parameters are [1], not an object");
}

TEST_CASE("missing parameters are drawn and given ones kept as they were written") {
  Space space(finite_space());
  Rng rng(2);
  auto completed = space.complete(json(R"({"n":{"_name":"B","c":"t"},"r":4.0})"), rng);
  REQUIRE(completed);
  CHECK(space.contains(*completed));
  CHECK(to_json(*completed->find("r")) == "4.0");
  CHECK(to_json(*completed->find("n")->find("c")) == "\"t\"");
  CHECK(completed->find("n")->find("deep") != nullptr);
  CHECK(space.contains(space.complete(Value(Object{}), rng).value()));
  CHECK_FALSE(space.complete(json(R"({"r":9})"), rng));
  CHECK_FALSE(space.complete(json(R"({"s":1})"), rng));
}

TEST_CASE("advancing visits every point of a finite space once") {
  Space space(finite_space());
  CHECK(space.cardinality() == 36);
  Rng rng(4);
  auto point = space.sample_point(rng);
  std::map<std::uint64_t, int> visits;
  std::set<std::string> values;
  for (int i = 0; i < 36; ++i) {
    ++visits[space.key(point)];
    values.insert(to_json(space.value_of(point)));
    space.advance(point);
  }
  CHECK(visits.size() == 36);
  CHECK(values.size() == 36);
}

TEST_CASE("a value that is listed twice counts once") {
  Space space(SearchSpace{{choice("c", {std::string("a"), std::string("a"), std::string("b")})}});
  CHECK(space.cardinality() == 2);
  CHECK(space.key({0.1}) == space.key({0.5}));
}

TEST_CASE("a space of equal bounds has that one value") {
  for (auto type : {T::uniform, T::loguniform}) {
    Space space(SearchSpace{{bounded("x", type, 2, 2)}});
    Rng rng(1);
    CHECK(to_json(space.sample(rng)) == R"({"x":2.0})");
    CHECK(space.contains(space.sample(rng)));
  }
}
