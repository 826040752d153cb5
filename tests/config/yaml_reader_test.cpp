#include <catch2/catch.hpp>

#include "config/yaml_reader.hpp"

using namespace autotune;
using namespace autotune::config;

namespace {

Node only(const std::string& yaml) {
  auto read = read_yaml(Source(yaml));
  INFO(yaml);
  for (const auto& mistake : read.mistakes)
    INFO(mistake.message);
  REQUIRE(read.mistakes.empty());
  REQUIRE(read.documents.size() == 1);
  return std::move(read.documents[0]);
}

std::string json_of(const std::string& yaml) { return to_json(to_value(only(yaml))); }

std::string mistake_of(const std::string& yaml) {
  auto read = read_yaml(Source(yaml));
  return read.mistakes.empty() ? "" : read.mistakes[0].message;
}

}  // namespace

TEST_CASE("plain scalars have the types of YAML's core schema", "[config]") {
  auto [text, json] = GENERATE(table<std::string, std::string>({
      {"16", "16"},           {"-3", "-3"},           {"0.1", "0.1"},
      {"1e-4", "1e-4"},       {"1.50", "1.50"},       {"+12", "12"},
      {".5", "0.5"},          {"1.", "1.0"},          {"007", "7"},
      {"0x1F", "31"},         {"0o17", "15"},         {"-.5e3", "-0.5e3"},
      {"true", "true"},       {"True", "true"},       {"FALSE", "false"},
      {"null", "null"},       {"~", "null"},          {"yes", "\"yes\""},
      {"on", "\"on\""},       {"1_000", "\"1_000\""}, {"1e999", "\"1e999\""},
      {".inf", "\".inf\""},   {".nan", "\".nan\""},   {"1.2.3", "\"1.2.3\""},
      {"-", "\"-\""},         {"1e", "\"1e\""},       {"0x", "\"0x\""},
      {"2000m", "\"2000m\""}, {"'16'", "\"16\""},     {"\"true\"", "\"true\""},
      {"!!str 16", "\"16\""}, {"!!int '16'", "16"},   {"!own 16", "16"},
      {"|-\n  16", "\"16\""},
  }));
  if (text == "-")
    return;  // a list's dash, not a scalar
  CHECK(json_of("a: " + text) == "{\"a\":" + json + "}");
}

TEST_CASE("anchors, aliases and merge keys are resolved", "[config]") {
  CHECK(json_of("a: &x [1, 2]\nb: *x") == R"({"a":[1,2],"b":[1,2]})");
  CHECK(json_of("d: &d {p: 1, q: 2}\ne:\n  <<: *d\n  q: 3") ==
        R"({"d":{"p":1,"q":2},"e":{"q":3,"p":1}})");
  CHECK(json_of("e: {<<: [{p: 1}, {p: 2, q: 3}]}") == R"({"e":{"p":1,"q":3}})");
  CHECK(json_of("'<<': 1") == R"({"<<":1})");
}

TEST_CASE("an alias knows where its anchor's value was written", "[config]") {
  auto node = only("a: &x\n  - 1\nb: *x");
  CHECK(node.find("b")->items[0].place == Place{2, 5});
}

TEST_CASE("aliases that multiply are stopped", "[config]") {
  std::string bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n";
  for (char c = 'b'; c < 'k'; ++c) {
    std::string before(1, static_cast<char>(c - 1));
    bomb += std::string(1, c) + ": &" + c + " [*" + before;
    for (int i = 0; i < 9; ++i)
      bomb += ", *" + before;
    bomb += "]\n";
  }
  CHECK(mistake_of(bomb) ==
        "anchors and aliases make more than 100000 values; write them out or use fewer");
  auto long_text = "a: &a " + std::string(100'000, 'x') + "\nb: [*a";
  for (int i = 0; i < 1000; ++i)
    long_text += ", *a";
  CHECK(mistake_of(long_text + "]").starts_with("anchors and aliases make more than"));
  CHECK_FALSE(mistake_of("a: &a [*a]").empty());
}

TEST_CASE("what is nested without end is refused, not overflowed", "[config]") {
  CHECK(mistake_of(std::string(100'000, '[')) == "nested more than 100 levels deep");
  CHECK_FALSE(mistake_of(std::string(100'000, '{')).empty());
  std::string deep;
  for (int i = 0; i < 2000; ++i)
    deep += std::string(static_cast<std::size_t>(i), ' ') + "a:\n";
  CHECK(mistake_of(deep) == "nested more than 100 levels deep");
}

TEST_CASE("names that stand twice are all told", "[config]") {
  auto read = read_yaml(Source("a: 1\nb: 2\na: 3\nc: {d: 1, d: 2}\n"));
  REQUIRE(read.mistakes.size() == 2);
  CHECK(read.mistakes[0].place == Place{3, 1});
  CHECK(read.mistakes[1].place == Place{4, 11});
  CHECK(read.documents.size() == 1);
}

TEST_CASE("keys keep their text and may not be lists", "[config]") {
  CHECK(json_of("007: a\ntrue: b\n1.5: c\n") == R"({"007":"a","true":"b","1.5":"c"})");
  CHECK(mistake_of("? [1, 2]\n: 3") == "a name is expected here, not a list");
}

TEST_CASE("documents are split and empty ones left out", "[config]") {
  auto read = read_yaml(Source("---\na: 1\n---\n---\n# nothing\n---\nb: 2\n...\n"));
  REQUIRE(read.mistakes.empty());
  REQUIRE(read.documents.size() == 2);
  CHECK(read.documents[1].find("b")->place == Place{7, 4});
}

TEST_CASE("JSON is read as such, tabs and all", "[config]") {
  CHECK(json_of("{\n\t\"a\": [1,\n\t\t2]\n}\n") == R"({"a":[1,2]})");
  CHECK(json_of("{a: [1, 2]}") == R"({"a":[1,2]})");
  CHECK(mistake_of("{\"a\": [1, 2,]") == "JSON allows no ',' before ']'; remove it");
}

TEST_CASE("a value that is missing stands where its key does", "[config]") {
  auto node = only("a:\nb: ~\nc: {d: , e: 1}\n");
  CHECK(node.find("a")->place == Place{1, 1});
  CHECK(node.find("b")->place == Place{2, 4});
  CHECK(node.find("c")->find("d")->place == Place{3, 5});
}

TEST_CASE("a stray comma does not make empty documents for ever", "[config]") {
  CHECK(mistake_of(", a") == "this cannot stand here; put the text into quotes");
}

TEST_CASE("bytes that are no text are refused with their place", "[config]") {
  auto read = read_yaml(Source(std::string("a: 1\nb: \xff\n")));
  REQUIRE(read.mistakes.size() == 1);
  CHECK(read.mistakes[0].message == "not UTF-8; save the file as UTF-8");
  CHECK(read.mistakes[0].place == Place{2, 4});
  CHECK(mistake_of(std::string("a: \x04 b\n")) == "a control character; only text may stand here");
  CHECK(mistake_of(std::string("a: b\0", 5)) == "a control character; only text may stand here");
  CHECK(mistake_of("a: \xed\xa0\x80") == "not UTF-8; save the file as UTF-8");
  CHECK(mistake_of("a: \xc0\x80") == "not UTF-8; save the file as UTF-8");
  CHECK(mistake_of("a: \xf4\x90\x80\x80") == "not UTF-8; save the file as UTF-8");
  CHECK(mistake_of("a: \xe6\xb5") == "not UTF-8; save the file as UTF-8");
  CHECK(json_of("a: 测试😀") == R"({"a":"测试😀"})");
}
