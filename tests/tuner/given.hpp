// What a tool that prints tables was given on its command line: words NAME=VALUE, NAME alone for 1.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

namespace autotune::test {

class Given {
 public:
  Given(int argc, char** argv) {
    for (int i = 1; i < argc; ++i) {
      std::string word = argv[i];
      auto equals = word.find('=');
      words_[word.substr(0, equals)] = equals == std::string::npos ? "1" : word.substr(equals + 1);
    }
  }

  /// Each name may be asked for once.
  std::string text(const std::string& name, std::string fallback) {
    auto word = words_.extract(name);
    return word ? word.mapped() : fallback;
  }
  int number(const std::string& name, int fallback) {
    return std::atoi(text(name, std::to_string(fallback)).c_str());
  }
  bool flag(const std::string& name) { return number(name, 0) != 0; }

  /// Ends the program where a word was given that nobody asked for.
  void refuse_others() const {
    for (const auto& [name, value] : words_)
      std::fprintf(stderr, "what is %s=%s?\n", name.c_str(), value.c_str());
    if (!words_.empty())
      std::exit(2);
  }

 private:
  std::map<std::string, std::string> words_;
};

}  // namespace autotune::test
