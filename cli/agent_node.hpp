// An agent inside this process: a node of a head on another machine (or on this one).
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "messages/node.pb.h"
#include "messages/result.hpp"
#include "store/join_tokens.hpp"

namespace autotune::cli {

struct AgentOptions {
  std::filesystem::path home;   ///< the node's state lies in `<home>/nodes/<name>`
  std::vector<HostPort> heads;  ///< it follows the one that serves
  pb::NodeDescription node;
  std::string
      token;  ///< of the first start on this machine; empty: it is the server's, or has joined before
  std::map<std::string, std::string> volumes;  ///< claims that the node holds, and their folders
  std::string log_level = "warn";
  /// Told when the head is found, lost, or refuses us; from any thread.
  std::function<void(const std::string& what)> say;
};

/// Runs until it is destroyed; trials outlive it, and the next agent of that name finds them.
class AgentNode {
 public:
  /// failed_precondition: another agent of that name runs from this home, or there is no certificate.
  static Result<std::unique_ptr<AgentNode>> start(AgentOptions options);
  ~AgentNode();

 private:
  struct Impl;
  explicit AgentNode(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace autotune::cli
