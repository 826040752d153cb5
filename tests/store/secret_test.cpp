#include "store/secret_box.hpp"

#include <fstream>
#include <iterator>

#include <sys/stat.h>

#include "tests/store/support.hpp"

using namespace autotune;
using namespace autotune::test;

namespace {

pb::SecretDocument secret(const std::string& name, const std::string& password) {
  pb::SecretDocument out;
  out.set_name(name);
  (*out.mutable_data())["password"] = password;
  return out;
}

std::string slurp(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

TEST_CASE("what is sealed is unsealed in its context alone", "[store]") {
  TemporaryFolder folder;
  auto box = value(SecretBox::open_or_create(folder.path() / "secret.key"));
  auto sealed = value(box.seal("hush", "a/s"));
  CHECK(sealed.find("hush") == std::string::npos);
  CHECK(value(box.unseal(sealed, "a/s")) == "hush");
  CHECK(box.unseal(sealed, "b/s").error().code == ErrorCode::data_loss);
  // The same text never looks the same.
  CHECK(value(box.seal("hush", "a/s")) != sealed);
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    auto damaged = sealed;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    CHECK_FALSE(box.unseal(damaged, "a/s"));
  }
  CHECK_FALSE(box.unseal(sealed.substr(0, 20), "a/s"));
  CHECK(value(box.unseal(value(box.seal("", "a/s")), "a/s")).empty());
}

TEST_CASE("a key is made once, for its owner alone", "[store]") {
  TemporaryFolder folder;
  auto path = folder.path() / "secret.key";
  CHECK(SecretBox::open(path).error().code == ErrorCode::not_found);
  auto sealed = value(value(SecretBox::open_or_create(path)).seal("hush", "x"));
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
  CHECK(value(value(SecretBox::open_or_create(path)).unseal(sealed, "x")) == "hush");
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
  std::ofstream(path, std::ios::app) << "more";
  CHECK(SecretBox::open(path).error().code == ErrorCode::data_loss);
}

TEST_CASE("secrets are stored encrypted and read by whoever has the key", "[store]") {
  TemporaryFolder folder;
  auto write = writer(folder.database());
  // Before the experiment itself, as a submission may have them.
  value(write->commit({PutSecrets{"a-11111", {secret("db", "open sesame"), secret("aws", "other")}},
                       append("a-11111", {submitted("a")})}));
  auto read = value(open_reader(folder.database()));
  auto secrets = value(read->secrets("a-11111"));
  REQUIRE(secrets.size() == 2);
  CHECK(secrets[0].name() == "aws");
  CHECK(secrets[1].data().at("password") == "open sesame");
  CHECK(value(read->secrets("b-22222")).empty());

  value(write->commit({PutSecrets{"a-11111", {secret("db", "changed")}}}));
  CHECK(value(read->secrets("a-11111"))[1].data().at("password") == "changed");
  for (const auto& file : std::filesystem::directory_iterator(folder.path()))
    CHECK(slurp(file.path()).find("open sesame") == std::string::npos);

  std::filesystem::remove(folder.path() / "secret.key");
  auto lost = read->secrets("a-11111");
  CHECK(lost.error().code == ErrorCode::data_loss);
  CHECK_THAT(lost.error().message, Catch::Contains("secret.key"));
}

TEST_CASE("the key may lie elsewhere", "[store]") {
  TemporaryFolder folder;
  TemporaryFolder elsewhere;
  WriterOptions options;
  options.synchronous = Synchronous::normal;
  options.reserve_bytes = 0;
  options.key_path = elsewhere.path() / "key";
  auto write = value(open_writer(folder.database(), options));
  value(write->commit({PutSecrets{"a-11111", {secret("db", "x")}}}));
  CHECK_FALSE(std::filesystem::exists(folder.path() / "secret.key"));
  auto read = value(open_reader(folder.database(), {options.key_path}));
  CHECK(value(read->secrets("a-11111")).size() == 1);
}
