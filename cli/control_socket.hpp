// How other verbs talk to the server of a home: protobuf over a Unix socket that only its user may open.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <thread>

#include "messages/node.pb.h"
#include "messages/result.hpp"

namespace autotune::cli {

/// Answers requests one connection at a time per thread, until it is destroyed. A request is a frame: four bytes of
/// length (little-endian), then a pb::ControlRequest; the answer likewise.
class ControlSocket {
 public:
  using Answer = std::function<pb::ControlResponse(pb::ControlRequest)>;

  static Result<std::unique_ptr<ControlSocket>> listen(const std::filesystem::path& home,
                                                       Answer answer);
  ~ControlSocket();

 private:
  ControlSocket(int listener, std::filesystem::path path, Answer answer);
  void serve();

  int listener_;
  int wake_[2] = {-1, -1};
  std::filesystem::path path_;
  Answer answer_;
  std::thread thread_;
};

/// Asks the server of that home. unavailable: none runs.
Result<pb::ControlResponse> ask_server(const std::filesystem::path& home,
                                       const pb::ControlRequest& request);

}  // namespace autotune::cli
