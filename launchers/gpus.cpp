#include "launchers/gpus.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <sstream>

namespace autotune {

namespace {

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, ',');) {
    part.erase(0, part.find_first_not_of(' '));
    part.erase(part.find_last_not_of(' ') + 1);
    if (part == "-1" || part == "NoDevFiles")
      break;  // CUDA's own way to say: none from here on
    if (!part.empty())
      parts.push_back(part);
  }
  return parts;
}

}  // namespace

std::vector<std::string> visible_gpus() {
  for (const char* name : {"AUTOTUNE_GPUS", "CUDA_VISIBLE_DEVICES"})
    if (const char* value = std::getenv(name))
      return split(value);
  std::vector<std::string> found;
  std::error_code code;
  for (const auto& entry : std::filesystem::directory_iterator("/dev", code)) {
    auto name = entry.path().filename().string();
    const std::string prefix = "nvidia";
    bool numbered = name.size() > prefix.size() && name.compare(0, prefix.size(), prefix) == 0 &&
                    name.find_first_not_of("0123456789", prefix.size()) == std::string::npos;
    if (numbered)
      found.push_back(name.substr(prefix.size()));
  }
  std::sort(found.begin(), found.end(),
            [](const std::string& a, const std::string& b) { return std::stoi(a) < std::stoi(b); });
  return found;
}

}  // namespace autotune
