#include <catch2/catch.hpp>

#include "tests/config/support.hpp"

using namespace autotune;
using namespace autotune::test;

namespace {

LoadedFile load_secret(const std::string& lines) {
  return load_text("apiVersion: v1\nkind: Secret\nmetadata: {name: tokens}\n" + lines, "s.yaml");
}

}  // namespace

TEST_CASE("a Secret beside an experiment is decoded", "[config]") {
  auto file = load_text(experiment_with("") +
                            "---\napiVersion: v1\nkind: Secret\nmetadata:\n  name: aistore\n"
                            "type: Opaque\ndata:\n  apikey: aGVsbG8=\n  empty: ''\n"
                            "stringData:\n  plain: word\n",
                        "exp.yaml");
  CHECK(printed(file).empty());
  REQUIRE(file.experiments.size() == 1);
  REQUIRE(file.secrets.size() == 1);
  CHECK(file.secrets[0].name() == "aistore");
  CHECK(file.secrets[0].data().at("apikey") == "hello");
  CHECK(file.secrets[0].data().at("empty").empty());
  CHECK(file.secrets[0].data().at("plain") == "word");
}

TEST_CASE("base64 is decoded to the byte", "[config]") {
  // RFC 4648, section 10.
  auto [text, bytes] = GENERATE(table<std::string, std::string>({
      {"Zg==", "f"},
      {"Zm8=", "fo"},
      {"Zm9v", "foo"},
      {"Zm9vYg==", "foob"},
      {"Zm9vYmE=", "fooba"},
      {"Zm9vYmFy", "foobar"},
      {"//79", "\xff\xfe\xfd"},
  }));
  auto file = load_secret("data: {k: '" + text + "'}\n");
  REQUIRE(file.ok());
  CHECK(file.secrets[0].data().at("k") == bytes);
}

TEST_CASE("what is not base64 is told without being shown", "[config]") {
  auto text = GENERATE(as<std::string>{}, "hunter2!", "Zg=", "Z", "Zg==Zg==", "Zm9v=", "====");
  auto file = load_secret("data: {k: '" + text + "'}\n");
  CHECK(printed(file) == std::vector<std::string>{
                             "s.yaml:4:11: error: data.k: is not base64; encode it, or move it to "
                             "stringData as plain text"});
}

TEST_CASE("two Secrets of one name are refused", "[config]") {
  auto file = load_secret("---\napiVersion: v1\nkind: Secret\nmetadata: {name: tokens}\n");
  CHECK(printed(file) == std::vector<std::string>{
                             "s.yaml:7:18: error: metadata.name: 'tokens' names another Secret of "
                             "this file already"});
}
