#include "messages/redaction.hpp"

#include <catch2/catch.hpp>

using namespace autotune;

TEST_CASE("a hidden value is found in all its clothes", "[redaction]") {
  Redaction redaction;
  redaction.hide("line one is long\nline two is long\n");
  redaction.hide("one");  // too short to hide anything
  CHECK(redaction.clean("x line two is long y") == "x *** y");
  CHECK(redaction.clean(R"("line one is long\nline two is long\n")") == R"("***")");
  CHECK(redaction.clean("bGluZSBvbmUgaXMgbG9uZwpsaW5lIHR3byBpcyBsb25nCg==") == "***");  // base64
  CHECK(redaction.clean("one") == "one");
}

TEST_CASE("a value is hidden without its last newline too", "[redaction]") {
  Redaction redaction;
  redaction.hide("pass-1\r\n");
  CHECK(redaction.clean("login of pass-1 failed") == "login of *** failed");
}

TEST_CASE("values inside and over each other are hidden as one", "[redaction]") {
  Redaction redaction;
  redaction.hide("abcd");
  redaction.hide("abcdefgh");
  CHECK(redaction.clean("abcdefgh abcd") == "*** ***");
  redaction.hide("ghijkl");
  CHECK(redaction.clean("=abcdefghijkl=") == "=***=");
  CHECK(redaction.clean("abcdabcd") == "******");
}

TEST_CASE("a value that reaches over an end of what is shown is replaced whole", "[redaction]") {
  Redaction redaction;
  redaction.hide("secret");
  const std::string text = "0secret789secret";
  CHECK(redaction.clean(text, 0, 3) == "0***");
  CHECK(redaction.clean(text, 3, 12) == "***789***");
  CHECK(redaction.clean(text, 7, 10) == "789");
  CHECK(redaction.clean(text, 12, 1000) == "***");
  CHECK(redaction.clean(text, 20, 1000).empty());
}

TEST_CASE("where nothing is hidden a text stays as it is", "[redaction]") {
  CHECK(Redaction().clean("all of it") == "all of it");
  CHECK(Redaction().bytes_max() == 0);
}
