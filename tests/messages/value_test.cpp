#include "messages/value.hpp"

#include <limits>

#include <catch2/catch.hpp>

using namespace autotune;

TEST_CASE("numbers keep the text in which they were written", "[value]") {
  std::string text =
      R"({"a":16,"b":0.1,"c":1e-4,"d":1.0,"e":"16","f":[true,null,-0.0],"g":12345678901234567890123})";
  auto value = parse_json(text);
  REQUIRE(value);
  CHECK(to_json(*value) == text);
}

TEST_CASE("members keep their order and the last of two with one name wins", "[value]") {
  auto value = parse_json(R"({"z":1,"a":{"x":1},"z":[2,{"y":3}]})");
  REQUIRE(value);
  CHECK(to_json(*value) == R"({"z":[2,{"y":3}],"a":{"x":1}})");
}

TEST_CASE("a parse error names line and column", "[value]") {
  auto value = parse_json("{\n  \"a\": 1,,\n}");
  REQUIRE_FALSE(value);
  CHECK(value.error().code == ErrorCode::invalid_argument);
  CHECK_THAT(value.error().message, Catch::Contains("line 2, column 10"));
}

TEST_CASE("depth is bounded", "[value]") {
  CHECK(parse_json(std::string(200, '[') + std::string(200, ']')));
  auto deep = parse_json(std::string(100000, '['));
  REQUIRE_FALSE(deep);
  CHECK_THAT(deep.error().message, Catch::Contains("256"));
}

TEST_CASE("real numbers look real and read back the same", "[value]") {
  CHECK(to_json(Value::real(3)) == "3.0");
  CHECK(to_json(Value::real(0.1)) == "0.1");
  CHECK(to_json(Value::real(1e300)) == "1e+300");
  CHECK(to_json(Value::real(std::numeric_limits<double>::quiet_NaN())) == "\"NaN\"");
  CHECK(to_json(Value::real(-std::numeric_limits<double>::infinity())) == "\"-Infinity\"");
}

TEST_CASE("whole numbers are recognised whatever their text", "[value]") {
  CHECK(Value(Number{"16.0"}).to_integer() == 16);
  CHECK(Value(Number{"1e3"}).to_integer() == 1000);
  CHECK_FALSE(Value(Number{"0.5"}).to_integer());
  CHECK_FALSE(Value(std::string("16")).to_integer());
  CHECK(Value(Number{"1.0"}) == Value(Number{"1"}));
  CHECK_FALSE(Value(Number{"1"}) == Value(std::string("1")));
}

TEST_CASE("strings that are not UTF-8 are made so", "[value]") {
  CHECK(parse_json(quote_json("a\xff")));
}

TEST_CASE("plain and rare ways to write JSON are read alike", "[value]") {
  // What the quick reader takes, beside what it leaves to the whole parser: numbers become the same text.
  struct Case {
    const char* text;
    const char* read;
  };
  for (const auto& [text, read] :
       {Case{" { \"a\" : [ 1 , -2 , 0 , true , false , null ] }\n",
             R"({"a":[1,-2,0,true,false,null]})"},
        Case{R"({"a":1,"b":2,"a":3})", R"({"a":3,"b":2})"}, Case{"[[],{}]", "[[],{}]"},
        Case{"-0", "0"}, Case{"-0.0", "-0.0"}, Case{"1E+05", "1E+05"}, Case{"1e-300", "1e-300"},
        Case{"999999999999999999", "999999999999999999"},
        Case{"18446744073709551615", "18446744073709551615"},
        Case{"-9223372036854775808", "-9223372036854775808"},
        Case{R"(["\u00e9\n", "\"", "é"])", R"(["é\n","\"","é"])"}}) {
    CAPTURE(text);
    auto value = parse_json(text);
    REQUIRE(value);
    CHECK(to_json(*value) == read);
  }
}

TEST_CASE("what is no JSON is refused, however close it comes", "[value]") {
  for (const char* text :
       {"",           " ",        "{",   "[1",    "[1,]", "{\"a\"}",   "{\"a\":}",
        "{\"a\":1,}", "{a:1}",    "1 2", "01",    "-",    "1.",        ".5",
        "1e",         "1e+",      "+1",  "1e999", "nul",  "truefalse", "\"a",
        "\"a\nb\"",   "\"\xff\"", "'a'", "[1 2]", "NaN",  "{} {}"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_json(text));
  }
}
