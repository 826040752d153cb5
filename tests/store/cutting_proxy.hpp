// A proxy before a PostgreSQL server that cuts a connection around a commit.
#pragma once

#include <atomic>
#include <filesystem>
#include <thread>

namespace autotune::test {

/// Passes on connections one at a time. When it was told to, it hangs up at the next COMMIT that passes: before the server
/// has got it, or after the server has answered and before the client learns of that.
class CuttingProxy {
 public:
  enum class Cut { none, before_server, after_server };

  /// Listens on a socket of PostgreSQL's name in `folder`; the server's lies in `server_folder`.
  CuttingProxy(const std::filesystem::path& folder, const std::filesystem::path& server_folder);
  ~CuttingProxy();

  void cut_next(Cut cut) { cut_ = cut; }
  /// How often it has hung up.
  int cuts() const { return cuts_; }

 private:
  void serve();
  void pass(int client);

  std::filesystem::path server_socket_;
  int listener_ = -1;
  std::atomic<Cut> cut_ = Cut::none;
  std::atomic<int> cuts_ = 0;
  std::atomic<bool> ends_ = false;
  std::thread thread_;
};

}  // namespace autotune::test
