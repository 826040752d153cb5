#include <catch2/catch.hpp>

#include "config/scalar_offsets.hpp"
#include "config/yaml_reader.hpp"
#include "tests/config/support.hpp"

using namespace autotune;
using namespace autotune::config;

namespace {

/// The place of the number 77 in the JSON text that `key` holds, wherever it stands in it.
Place place_of_77(const std::string& yaml) {
  Source source(yaml);
  auto read = read_yaml(source);
  REQUIRE(read.mistakes.empty());
  REQUIRE(read.documents.size() == 1);
  const auto* scalar = read.documents[0].find("key");
  REQUIRE(scalar != nullptr);
  auto tree = read_json_of(source, *scalar);
  REQUIRE(tree.root);
  const auto* list = tree.root->find("a");
  REQUIRE(list != nullptr);
  REQUIRE(list->items.size() == 2);
  REQUIRE(list->items[1].text == "77");
  return list->items[1].place;
}

/// Where it really stands.
Place found_77(const std::string& yaml) {
  Source source(yaml);
  return source.place_at(yaml.find("77"));
}

}  // namespace

TEST_CASE("places inside of JSON text are those of the file in every style of YAML", "[config]") {
  auto yaml =
      GENERATE(as<std::string>{}, "key: |-\n  {\n    \"a\": [1,\n       77]\n  }\n",
               "key: |\n\n  {\"b\": \"ä\",\n\n   \"a\": [1, 77]}\n\nother: 1\n",
               "key: |2\n    {\"a\":\n  [1, 77]}\n", "key: >-\n  {\"a\":\n  [1,\n\n      77]}\n",
               "key: >\n  {\n    \"b\": \"it's\", \"a\": [1, 77]\n  }\n",
               "key: '{\"b\": \"it''s\", \"a\": [1, 77]}'\n", "key: '{\"a\":\n\n    [1,\n  77]}'\n",
               "key: \"{\\\"a\\\": [1, 77]}\"\n",
               "key: \"{\\\"b\\\": \\\"\\u00e4\\\", \\n\\n \\\n    \\\"a\\\": [1,\n\n   77]}\"\n",
               "key: \"{\\\"b\\\": 1,\n    \\n \\t\\x20 \\\"a\\\": [1, 77]}\"\n",
               "key: &anchor |-\n  {\"a\": [1, 77]}\n", "key: !!str\n  \"{\\\"a\\\": [1, 77]}\"\n",
               "# 测试\nkey: |-\n  {\"b\": \"测试\", \"a\": [1, 77]}\n",
               "key: |-\r\n  {\r\n    \"a\": [1, 77]}\r\n");
  CAPTURE(yaml);
  CHECK(place_of_77(yaml) == found_77(yaml));
}

TEST_CASE("white space inside of a line is placed exactly", "[config]") {
  auto yaml = GENERATE(as<std::string>{}, "key: |\n    {\"a\":   \"  \t\"}\n",
                       "key: >\n    {\"a\":   \"  \t\"}\n", "key: '{\"a\":   \"  \t\"}'\n",
                       "key: \"{\\\"a\\\":   \\\"  \t\\\"}\"\n");
  CAPTURE(yaml);
  Source source(yaml);
  auto read = read_yaml(source);
  REQUIRE(read.documents.size() == 1);
  auto tree = read_json_of(source, *read.documents[0].find("key"));
  REQUIRE(tree.mistakes.size() == 1);
  CHECK(tree.mistakes[0].place == source.place_at(yaml.find('\t')));
}

TEST_CASE("columns count characters, not bytes", "[config]") {
  CHECK(found_77("测试 77") == Place{1, 4});
  CHECK(place_of_77("key: '{\"测试\": 0, \"a\": [1, 77]}'") == Place{1, 26});
}

TEST_CASE("a mistake in a multi-line plain text is told where it is", "[config]") {
  auto file = load_text(test::experiment_with("", "") + "", "f");
  (void)file;
  std::string text =
      "apiVersion: tensorstack.dev/v1beta1\nkind: AutoTuneExperiment\n"
      "metadata: {name: a}\nspec:\n  maxTrialNum: 1\n  searchSpace:\n"
      "    [1,\n    2]\n";
  auto lines = test::printed(load_text(text, "f"));
  REQUIRE_FALSE(lines.empty());
  CHECK(lines.front() ==
        "f:5:3: error: spec.trainingConfig: is missing: what a trial runs: {type, tasks: [...]}");
  CHECK(lines.back() ==
        "f:7:5: error: spec.searchSpace: must be JSON text or a mapping, not a list");
}

TEST_CASE("content that cannot be found in the file is placed at its start", "[config]") {
  // Not what YAML's rules make of it: every byte after the difference falls back.
  auto offsets = scalar_offsets("key: 'abc'", 5, "aXc");
  CHECK(offsets == std::vector<std::uint32_t>{6, 5, 5, 7});
}

TEST_CASE("the JSON reader names what is wrong", "[config]") {
  struct Case {
    std::string text;
    std::string message;
    Place place;
  };
  auto c = GENERATE(values<Case>({
      {"", "JSON text is missing here", {1, 1}},
      {"{", "the JSON text ends before '}'", {1, 2}},
      {"[1", "the JSON text ends before ']'", {1, 3}},
      {"[1 2]", "',' or ']' is missing before this", {1, 4}},
      {"{\"a\" 1}", "':' is missing after the name 'a'", {1, 6}},
      {"{\"a\": }", "a value is missing before this '}'", {1, 7}},
      {"{} {}", "the JSON text ends before this; nothing may follow it", {1, 4}},
      {"[01]", "'01' is not a JSON number; write 1", {1, 2}},
      {"[.5]", "'.5' is not a JSON number; write 0.5", {1, 2}},
      {"[NaN]", "'NaN' is not a JSON number", {1, 2}},
      {"[True]", "JSON writes true, not True", {1, 2}},
      {"[\"a\nb\"]", "a line ends inside a JSON text; '\"' is missing", {1, 4}},
      {"[\"a\\q\"]", "JSON knows no such escape; write \\\\ for a backslash", {1, 4}},
      {"[\"\\ud800\"]", "half of a surrogate pair is no character", {1, 3}},
      {"[1, // one\n2]", "JSON has no comments; remove this one", {1, 5}},
      {"[1, # one\n2]", "JSON has no comments; remove this one", {1, 5}},
      {"[1e999]", "'1e999' is too large for a number", {1, 2}},
      {"[\"\xff\"]", "not UTF-8; save the file as UTF-8", {1, 3}},
      {"{\"a\": 1, \"a\": 2}", "'a' stands here a second time", {1, 10}},
  }));
  CAPTURE(c.text);
  auto tree = read_json(Source(c.text));
  REQUIRE(tree.mistakes.size() == 1);
  CHECK(tree.mistakes[0].message == c.message);
  CHECK(tree.mistakes[0].place == c.place);
}

TEST_CASE("the JSON reader keeps what it reads", "[config]") {
  auto tree =
      read_json(Source("{\"s\": \"\\u00e4\\ud83d\\ude00\\n\\/\", \"n\": 1.50, \"z\": null}"));
  REQUIRE(tree.root);
  CHECK(tree.root->find("s")->text == "ä😀\n/");
  CHECK(tree.root->find("n")->text == "1.50");
  CHECK(tree.root->find("z")->is_null());
}

TEST_CASE("JSON nested without end is refused, not overflowed", "[config]") {
  auto tree = read_json(Source(std::string(100'000, '[')));
  CHECK_FALSE(tree.root);
  REQUIRE(tree.mistakes.size() == 1);
  CHECK(tree.mistakes[0].message == "nested more than 100 levels deep");
}
