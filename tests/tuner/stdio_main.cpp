// tuner_stdio: the tuner-stdio protocol on stdin and stdout, for the bench beside the project
// without a whole autotune.
#include <iostream>
#include <string>

#include "config/search_space_reader.hpp"
#include "tuner/stdio.hpp"

int main() {
  autotune::StdioSession session(
      [](std::string_view json) { return autotune::read_search_space(json); });
  std::string line;
  while (!session.stopped() && std::getline(std::cin, line)) {
    auto answer = session.answer(line);
    if (!answer.empty())
      std::cout << answer << std::endl;
  }
}
