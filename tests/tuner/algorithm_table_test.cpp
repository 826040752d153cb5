// Algorithms that an embedder adds to ours.
#include <catch2/catch.hpp>

#include "driver.hpp"
#include "tuner/stdio.hpp"

using namespace autotune;
using namespace autotune::test;

namespace {

/// Suggests one point for ever.
class Stubborn : public Tuner {
 public:
  explicit Stubborn(double x) : x_(x) {}
  Ask ask(Sequence, std::span<const Trial>) const override {
    return Suggestion{Object{{"x0", Value::real(x_)}}, ""};
  }
  void tell(const Trial&) override {}

 private:
  double x_;
};

AlgorithmInfo stubborn() {
  AlgorithmInfo row;
  row.name = "Stubborn";
  row.summary = "Suggests one point for ever.";
  row.types = {ParameterType::uniform};
  row.arguments = {{.name = "where", .fallback = Value::real(0.5), .least = 0, .most = 1}};
  row.make_tuner = [](const TunerSetting& setting) {
    return std::make_unique<Stubborn>(setting.arguments.real("where"));
  };
  return row;
}

}  // namespace

TEST_CASE("a tuner of the embedder's own is named, checked and made as ours are", "[embedding]") {
  AlgorithmTable table;
  REQUIRE(table.add(stubborn()));
  CHECK(table.rows().size() == algorithms().size() + 1);
  CHECK(table.names_of(AlgorithmKind::tuner).ends_with(", Stubborn"));
  auto tuner = make_tuner(spec_of("stubborn", R"({"where": 0.25})"), cube(1), 1, "", table);
  REQUIRE(tuner);
  CHECK(to_json(std::get<Suggestion>((*tuner)->ask(0, {})).parameters) == R"({"x0":0.25})");
  CHECK(check_algorithms(spec_of("Stubborn", R"({"where": 2})"), cube(1), table).size() == 1);
  SearchSpace words{{choice("c", {std::string("a")})}};
  CHECK(check_algorithms(spec_of("Stubborn"), words, table).size() == 1);
  CHECK(check_algorithms(spec_of("Stubborn"), cube(1)).size() == 1);  // ours alone do not know it
}

TEST_CASE("a session over lines knows the embedder's own tuners", "[embedding]") {
  AlgorithmTable table;
  REQUIRE(table.add(stubborn()));
  const auto* init = R"({"op":"init","tuner":"Stubborn","searchSpace":{}})";
  auto read = [](std::string_view) -> Result<SearchSpace> { return cube(1); };
  StdioSession session(read, table);
  CHECK(session.answer(init) == R"({"ok":true})");
  CHECK(session.answer(R"({"op":"ask","id":0})") == R"({"id":0,"params":{"x0":0.5}})");
  CHECK(StdioSession(read).answer(init).find("tuner 'Stubborn' is unknown") != std::string::npos);
}

TEST_CASE("a row that cannot work is refused when it is added", "[embedding]") {
  AlgorithmTable table;
  auto refused = [&](auto change) {
    auto row = stubborn();
    change(row);
    auto added = table.add(std::move(row));
    return added ? std::string("added") : added.error().message;
  };
  CHECK(refused([](auto& row) { row.name = "tpe"; }).find("is taken by tuner TPE") !=
        std::string::npos);
  CHECK(refused([](auto& row) { row.make_tuner = nullptr; }) ==
        "algorithm 'Stubborn': must say how it is made: make_tuner");
  CHECK(refused([](auto& row) { row.types.clear(); }).find("which types") != std::string::npos);
  CHECK(refused([](auto& row) { row.arguments.push_back(row.arguments[0]); }) ==
        "algorithm 'Stubborn': argument 'where' stands twice");
  CHECK(refused([](auto& row) { row.arguments[0].fallback = Value::real(7); }) != "added");
}
