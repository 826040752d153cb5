// A home with an enrolment listener, and the ways in which tests knock at it.
#pragma once

#include <array>
#include <atomic>
#include <fstream>
#include <mutex>
#include <thread>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <catch2/catch.hpp>

#include "cli/enrolment.hpp"
#include "cli/enrolment_client.hpp"
#include "messages/keeper.pb.h"
#include "store/authority.hpp"
#include "store/join_tokens.hpp"
#include "tests/store/support.hpp"

namespace autotune::cli {

using namespace std::chrono_literals;
using autotune::test::TemporaryFolder;
using autotune::test::value;
using Clock = std::chrono::steady_clock;

constexpr std::int64_t hour_s = 3600;

/// Keeps what is logged as text.
class TextSink : public spdlog::sinks::base_sink<std::mutex> {
 public:
  std::string text() {
    std::lock_guard lock(mutex_);
    return text_;
  }

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    text_.append(message.payload.data(), message.payload.size()).append("\n");
  }
  void flush_() override {}
  std::string text_;
};

/// The log of all threads while it lives.
class Log {
 public:
  Log() : before_(spdlog::default_logger()), sink_(std::make_shared<TextSink>()) {
    auto logger = std::make_shared<spdlog::logger>("test", sink_);
    logger->set_level(spdlog::level::debug);
    spdlog::set_default_logger(logger);
  }
  ~Log() { spdlog::set_default_logger(before_); }
  std::string text() const { return sink_->text(); }

 private:
  std::shared_ptr<spdlog::logger> before_;
  std::shared_ptr<TextSink> sink_;
};

/// A home with a listener, whose clock a test may set.
class Door {
 public:
  explicit Door(EnrolmentLimits limits = quick()) { open(limits); }
  ~Door() { listener_.reset(); }  // before its clock

  /// The delay of refusals has a test of its own.
  static EnrolmentLimits quick() {
    EnrolmentLimits limits;
    limits.refusal_delay = 0ms;
    return limits;
  }

  void open(EnrolmentLimits limits) {
    EnrolmentOptions options;
    options.home = home_.path();
    options.port = 0;
    options.control_address = "head:7420";
    options.limits = limits;
    options.now_s = [this] { return now_s_.load(); };
    listener_ = value(Enrolment::listen(std::move(options)));
  }
  void close() { listener_.reset(); }

  const std::filesystem::path& home() const { return home_.path(); }
  std::uint16_t port() const { return listener_->port(); }
  std::string address() const { return "127.0.0.1:" + std::to_string(port()); }
  std::int64_t now_s() const { return now_s_; }
  /// What has been logged since the listener was made.
  std::string log() const { return log_.text(); }
  void go_to(std::int64_t now_s) { now_s_ = now_s; }
  Authority authority() const { return value(Authority::open(home(), now_s_)); }
  std::string token() const {
    return value(make_token(home(), address(), authority().fingerprint(), now_s_ + hour_s, now_s_));
  }
  /// A node whose clock goes with the listener's.
  EnrolOptions node() {
    EnrolOptions options;
    options.now_s = [this] { return now_s_.load(); };
    return options;
  }
  Result<Enrolled> enrol(const std::string& token, const std::string& name = "gpu-7",
                         NodeRole role = NodeRole::agent) {
    return cli::enrol(token, name, role, node());
  }

 private:
  Log log_;
  TemporaryFolder home_;
  std::atomic<std::int64_t> now_s_{1'800'000'000};
  std::unique_ptr<Enrolment> listener_;
};

/// A plain connection to the listener.
inline Descriptor knock(std::uint16_t port) {
  Descriptor fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
  pollfd watched{fd.get(), POLLOUT, 0};
  REQUIRE(::poll(&watched, 1, 5000) == 1);
  return fd;
}

/// How long until the other side hangs up; the test fails after ten seconds.
inline Clock::duration until_hung_up(const Descriptor& fd) {
  auto begin = Clock::now();
  std::array<char, 4096> bytes{};
  while (true) {
    pollfd watched{fd.get(), POLLIN, 0};
    REQUIRE(::poll(&watched, 1, 10'000) == 1);
    auto n = ::recv(fd.get(), bytes.data(), bytes.size(), 0);
    if (n == 0 || (n < 0 && errno == ECONNRESET))
      return Clock::now() - begin;
  }
}

/// A TLS stream to the listener, as a stranger has it.
inline TlsStream stranger(const TlsContext& context, std::uint16_t port) {
  TlsStream stream(context.get(), TlsSide::client, knock(port), Clock::now() + 10s);
  value(stream.handshake());
  return stream;
}

inline pb::EnrolmentRequest request_for(const std::string& name,
                                        const std::string& role = "agent") {
  pb::EnrolmentRequest request;
  request.set_version(enrolment_version);
  request.set_request_pem(value(make_key_and_request("any")).request_pem);
  request.set_name(name);
  request.set_role(role);
  return request;
}

}  // namespace autotune::cli
