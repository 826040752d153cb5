// What classArgs every algorithm refuses. Runs over all that `algorithms()` lists.
#include <cmath>
#include <functional>

#include <catch2/catch.hpp>

#include "driver.hpp"
#include "fitting_space.hpp"
#include "tuner/factory.hpp"

using namespace autotune;
using namespace autotune::test;

namespace {

using Check = std::function<std::vector<AlgorithmError>(Value args)>;

/// Gives each argument of a table values that are none of its own, and looks at what is said.
class WrongArguments {
 public:
  WrongArguments(std::string path, const std::vector<ArgumentInfo>& table, Check check)
      : path_(std::move(path)), table_(table), check_(std::move(check)) {}

  void look() const {
    expect_refusal("no_such_thing", number("1"),
                   table_.empty() ? "there are none" : table_[0].name);
    for (const auto& argument : table_)
      if (argument.kind == ArgumentKind::group)
        look_into(argument);
      else
        look_at(argument);
  }

 private:
  void look_into(const ArgumentInfo& group) const {
    WrongArguments(path_ + "." + group.name, group.members, [&](Value members) {
      return check_(Object{{group.name, std::move(members)}});
    }).look();
    expect_refusal(group.name, number("1"), group.range());
  }

  void look_at(const ArgumentInfo& a) const {
    const bool numeric = a.kind == ArgumentKind::integer || a.kind == ArgumentKind::real;
    expect_refusal(a.name, Array{}, a.range());
    expect_refusal(a.name, Object{}, a.range());
    expect_refusal(a.name, numeric ? Value("much") : number("77"), a.range());
    if (a.kind == ArgumentKind::word)
      expect_refusal(a.name, "no such word", a.range());
    if (a.kind == ArgumentKind::integer)
      expect_refusal(a.name, number("1.5"), a.range());
    if (numeric && std::isfinite(a.least))
      expect_refusal(a.name, Value::real(a.least - 1), a.range());
    if (numeric && a.least_excluded)
      expect_refusal(a.name, Value::real(a.least), a.range());
    if (numeric && std::isfinite(a.most) && a.most < 1e15)
      expect_refusal(a.name, Value::real(a.most + 1), a.range());
  }

  void expect_refusal(const std::string& argument, const Value& value,
                      const std::string& right) const {
    CAPTURE(path_, argument, to_json(value));
    auto errors = check_(Object{{argument, value}});
    REQUIRE(errors.size() == 1);
    CHECK(errors[0].path == path_ + "." + argument);
    CHECK_THAT(errors[0].message, Catch::Contains(right));
  }

  std::string path_;
  const std::vector<ArgumentInfo>& table_;
  Check check_;
};

}  // namespace

TEST_CASE(
    "wrong classArgs of a tuner are refused by name, type and range, with what would be right",
    "[conformance]") {
  for (const auto& row : algorithms()) {
    if (row.kind == AlgorithmKind::assessor)
      continue;
    auto space = space_for(row.name, mixed_space(), 10);
    WrongArguments("tuner.classArgs", row.arguments, [&](const Value& args) {
      auto spec = spec_of(row.name, to_json(args));
      CHECK_FALSE(make_tuner(spec, space, 1));
      return check_algorithms(spec, space);
    }).look();
  }
}

TEST_CASE("wrong classArgs of an assessor are refused as well", "[conformance]") {
  for (const auto& row : algorithms()) {
    if (row.kind != AlgorithmKind::assessor)
      continue;
    WrongArguments("assessor.classArgs", row.arguments, [&](const Value& args) {
      auto spec = spec_of("Random");
      spec.mutable_assessor()->set_name(row.name);
      spec.mutable_assessor()->set_class_args_json(to_json(args));
      CHECK_FALSE(make_assessor(spec));
      return check_algorithms(spec, cube(1));
    }).look();
  }
}
