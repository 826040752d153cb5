// With which certificate this process speaks to other machines, and how that stays valid.
#pragma once

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "actors/transport.hpp"
#include "messages/result.hpp"
#include "store/join_tokens.hpp"

namespace autotune::cli {

/// Of the server of that home: signed by the home's own authority, which is made at the first start.
Result<TransportIdentity> head_identity(const std::filesystem::path& home);

/// Of a node whose state lies in `folder`: signed by the authority of `home` where its user is ours (a server's home on
/// this machine); else what `token` brings, or an enrolment before has left in `folder`. A token that has brought a
/// certificate which is still valid is not used again.
/// failed_precondition: there is none, or it has expired; says how to get one. Else as `enrol`.
Result<TransportIdentity> agent_identity(const std::filesystem::path& home,
                                         const std::filesystem::path& folder,
                                         const std::string& name, const std::string& token);

/// "autotune login HOST:PORT --token T", for messages.
std::string login_command(const std::string& server);

/// Uses up the token for a certificate by which command lines of that home are let in by that server. Errors as of
/// `enrol`; a token that has brought what is there and valid is not used again.
Result<TransportIdentity> log_in(const std::filesystem::path& home, const HostPort& server,
                                 const std::string& token);

/// Of a command line of that home which speaks to that server: what a login has left there, renewed when it is due; else
/// signed by the home's own authority, where there is one. unavailable: there is none, or it has expired; says how to get
/// one.
Result<TransportIdentity> client_identity(const std::filesystem::path& home,
                                          const HostPort& server);

/// A new certificate for the one in `folder`, from where it was enrolled, or from the first of `others` (HOST:PORT) that
/// gives one: heads of one store have one authority. Errors as of `renew`, of the last one.
Result<void> renew_identity(const std::filesystem::path& folder,
                            const std::vector<std::string>& others = {},
                            std::chrono::milliseconds time_limit = std::chrono::seconds(15));

/// Renews a certificate when two thirds of its time have passed. CAF reads it at each new connection.
class Renewal {
 public:
  /// `renew` is called on a thread of its own; it failed: again a minute later.
  Renewal(std::filesystem::path certificate, std::function<Result<void>()> renew);
  ~Renewal();

 private:
  void watch();

  std::filesystem::path certificate_;
  std::function<Result<void>()> renew_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool ends_ = false;
  std::thread thread_;
};

}  // namespace autotune::cli
