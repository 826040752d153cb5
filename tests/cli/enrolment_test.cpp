// Whole enrolments over loopback, and what the listener does with those who mean it no good.
#include "cli/enrolment.hpp"

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

#include "cli/enrolment_client.hpp"
#include "messages/keeper.pb.h"
#include "store/authority.hpp"
#include "store/join_tokens.hpp"
#include "tests/store/support.hpp"

using namespace autotune;
using namespace autotune::cli;
using namespace std::chrono_literals;
using autotune::test::TemporaryFolder;
using autotune::test::value;
using Clock = std::chrono::steady_clock;

namespace {

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
Descriptor knock(std::uint16_t port) {
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
Clock::duration until_hung_up(const Descriptor& fd) {
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
TlsStream stranger(const TlsContext& context, std::uint16_t port) {
  TlsStream stream(context.get(), TlsSide::client, knock(port), Clock::now() + 10s);
  value(stream.handshake());
  return stream;
}

pb::EnrolmentRequest request_for(const std::string& name, const std::string& role = "agent") {
  pb::EnrolmentRequest request;
  request.set_version(enrolment_version);
  request.set_request_pem(value(make_key_and_request("any")).request_pem);
  request.set_name(name);
  request.set_role(role);
  return request;
}

}  // namespace

TEST_CASE("who has a token gets a certificate of the name and role it asks for",
          "[cli][enrolment]") {
  Door door;
  auto role = GENERATE(NodeRole::agent, NodeRole::client);
  auto joined = value(door.enrol(door.token(), "gpu-7", role));
  CHECK(joined.control_address == "head:7420");
  CHECK(joined.identity.ca_pem == door.authority().certificate_pem());
  auto facts = value(verify_certificate(joined.identity.certificate_pem,
                                        door.authority().certificate_pem(), door.now_s()));
  CHECK(facts.name == "gpu-7");
  CHECK(facts.role == role);
  CHECK(facts.not_after_s == door.now_s() + 24 * hour_s);
  // It is one that can be written and read, so the key fits.
  value(write_identity(door.home() / "node", joined.identity));
  CHECK(value(read_identity(door.home() / "node")).key_pem == joined.identity.key_pem);
}

TEST_CASE("a token joins one machine, and who comes second is told", "[cli][enrolment]") {
  Door door;
  auto token = door.token();
  value(door.enrol(token));
  auto second = door.enrol(token, "gpu-8");
  REQUIRE_FALSE(second);
  CHECK(second.error().code == ErrorCode::failed_precondition);
  CHECK(second.error().message ==
        "the server at " + door.address() +
            " refuses: this token was used already, or is none of this server's: make another "
            "there with `autotune token create`");
  door.close();
  auto text = door.log();
  CHECK_THAT(text, Catch::Contains("enrolled: peer=127.0.0.1:") &&
                       Catch::Contains("name=gpu-7 role=agent"));
  CHECK_THAT(text, Catch::Contains("enrolment-refused: peer=127.0.0.1:") &&
                       Catch::Contains("name=gpu-8 reason=this token was used"));
  CHECK_THAT(text, !Catch::Contains(token) && !Catch::Contains(value(read_token(token)).secret));
}

TEST_CASE("of many that join by one token at once one does", "[cli][enrolment]") {
  Door door;
  auto token = door.token();
  std::atomic<int> joined{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] { joined += door.enrol(token) ? 1 : 0; });
  for (auto& thread : threads)
    thread.join();
  CHECK(joined == 1);
}

TEST_CASE("an expired token is told so", "[cli][enrolment]") {
  Door door;
  auto token = door.token();
  door.go_to(door.now_s() + hour_s);
  auto late = door.enrol(token);
  REQUIRE_FALSE(late);
  CHECK_THAT(late.error().message, Catch::Contains("refuses: this token has expired"));
}

TEST_CASE("a request that cannot be granted leaves the token as it was", "[cli][enrolment]") {
  Door door;
  auto token = door.token();
  CHECK(door.enrol(token, "a b").error().code == ErrorCode::invalid_argument);
  auto head = door.enrol(token, "gpu-7", NodeRole::head);
  REQUIRE_FALSE(head);
  CHECK_THAT(head.error().message, Catch::Contains("no node becomes a head by enrolment"));
  CHECK(door.enrol(token));
}

TEST_CASE("a token is sent only to the server that made it", "[cli][enrolment]") {
  Door door;
  Door other;
  // As if somebody else listened where the token points.
  auto token = value(make_token(door.home(), other.address(), door.authority().fingerprint(),
                                door.now_s() + hour_s, door.now_s()));
  auto joined = door.enrol(token);
  REQUIRE_FALSE(joined);
  CHECK(joined.error().code == ErrorCode::failed_precondition);
  CHECK_THAT(joined.error().message, Catch::StartsWith("the server at " + other.address() +
                                                       " is not the one that made this token"));
  CHECK(check_token(door.home(), value(read_token(token)).secret, door.now_s()));
}

TEST_CASE("an agent of the cluster cannot pose as its head", "[cli][enrolment]") {
  Door door;
  auto agent = value(door.authority().make_identity("evil", NodeRole::agent, door.now_s()));
  auto context = value(make_tls_context(TlsSide::server, &agent));
  Descriptor listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  REQUIRE(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
  REQUIRE(::listen(listener.get(), 1) == 0);
  REQUIRE(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
  std::atomic<bool> heard{false};
  std::thread evil([&] {
    Descriptor fd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    TlsStream stream(context.get(), TlsSide::server, std::move(fd), Clock::now() + 10s);
    pb::EnrolmentRequest request;
    heard = stream.handshake() && stream.receive(request, 65536);
  });
  auto token =
      value(make_token(door.home(), "127.0.0.1:" + std::to_string(ntohs(address.sin_port)),
                       door.authority().fingerprint(), door.now_s() + hour_s, door.now_s()));
  auto joined = door.enrol(token);
  evil.join();
  REQUIRE_FALSE(joined);
  CHECK_THAT(joined.error().message, Catch::Contains("answers agent 'evil', which is no head"));
  CHECK_FALSE(heard);
}

TEST_CASE("a node whose clock is far off is told to set it", "[cli][enrolment]") {
  Door door;
  auto options = door.node();
  options.now_s = [&] { return door.now_s() - hour_s; };
  auto joined = cli::enrol(door.token(), "gpu-7", NodeRole::agent, options);
  REQUIRE_FALSE(joined);
  CHECK_THAT(joined.error().message, Catch::Contains("is not valid before") &&
                                         Catch::Contains("set the clock of this machine"));
}

TEST_CASE("a server that is not there is named", "[cli][enrolment]") {
  Door door;
  auto token = door.token();
  auto address = door.address();
  door.close();
  auto joined = door.enrol(token);
  REQUIRE_FALSE(joined);
  CHECK(joined.error().code == ErrorCode::unavailable);
  CHECK_THAT(joined.error().message,
             Catch::StartsWith("the server at " + address + " cannot be reached: "));
}

TEST_CASE("one that accepts and says nothing is given up in time", "[cli][enrolment]") {
  Descriptor mute(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  REQUIRE(::bind(mute.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
  REQUIRE(::listen(mute.get(), 1) == 0);
  REQUIRE(::getsockname(mute.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
  Door door;
  auto token =
      value(make_token(door.home(), "127.0.0.1:" + std::to_string(ntohs(address.sin_port)),
                       door.authority().fingerprint(), door.now_s() + hour_s, door.now_s()));
  auto options = door.node();
  options.time_limit = 200ms;
  auto begin = Clock::now();
  auto joined = cli::enrol(token, "gpu-7", NodeRole::agent, options);
  REQUIRE_FALSE(joined);
  CHECK_THAT(joined.error().message, Catch::Contains("it took too long"));
  CHECK(Clock::now() - begin >= 200ms);
  CHECK(Clock::now() - begin < 5s);
}

TEST_CASE("a certificate that is valid is renewed without a token", "[cli][enrolment]") {
  Door door;
  auto first = value(door.enrol(door.token())).identity;
  door.go_to(door.now_s() + 23 * hour_s);  // the listener's own is due by now, too
  auto second = value(renew(door.address(), first, door.node()));
  CHECK(second.identity.key_pem != first.key_pem);
  CHECK(second.control_address == "head:7420");
  auto facts = value(inspect(second.identity.certificate_pem));
  CHECK(facts.name == "gpu-7");
  CHECK(facts.role == NodeRole::agent);
  CHECK(facts.not_after_s == door.now_s() + 24 * hour_s);
  door.go_to(door.now_s() + 23 * hour_s);
  CHECK(renew(door.address(), second.identity, door.node()));
  // The first has expired meanwhile.
  auto late = renew(door.address(), first, door.node());
  REQUIRE_FALSE(late);
  CHECK_THAT(late.error().message, Catch::Contains("the certificate of agent 'gpu-7' expired at") &&
                                       Catch::Contains("join again with a new token"));
}

TEST_CASE("a certificate renews its own name and role alone", "[cli][enrolment]") {
  Door door;
  auto mine = value(door.enrol(door.token())).identity;
  auto context = value(make_tls_context(TlsSide::client, &mine));
  auto answer = [&](const pb::EnrolmentRequest& request) {
    auto stream = stranger(context, door.port());
    value(stream.send(request));
    pb::EnrolmentResponse response;
    value(stream.receive(response, 65536));
    return response;
  };
  CHECK(answer(request_for("gpu-7")).error().empty());
  for (const auto& request : {request_for("gpu-8"), request_for("gpu-7", "client"),
                              request_for("gpu-7", "head"), request_for("gpu-7", "root")}) {
    auto response = answer(request);
    CHECK_FALSE(response.error().empty());
    CHECK(response.certificate_pem().empty());
    CHECK(response.ca_pem().empty());
    CHECK(response.control_address().empty());
  }
}

TEST_CASE("who has neither token nor certificate learns nothing but a refusal",
          "[cli][enrolment]") {
  Door door;
  auto context = value(make_tls_context(TlsSide::client, nullptr));
  auto secret = GENERATE(std::string(), std::string(20, 'x'), std::string("../tls/ca.key"));
  auto stream = stranger(context, door.port());
  auto request = request_for("gpu-7");
  request.set_token_secret(secret);
  value(stream.send(request));
  pb::EnrolmentResponse response;
  value(stream.receive(response, 65536));
  CHECK_THAT(response.error(),
             Catch::StartsWith(secret.empty() ? "a token is missing" : "this token was used"));
  CHECK(response.certificate_pem().empty());
  CHECK(response.ca_pem().empty());
  CHECK(response.control_address().empty());
  // Nothing of the server's places.
  CHECK_THAT(response.error(), !Catch::Contains(door.home().string()));
}

TEST_CASE("another cluster's certificate is worth nothing", "[cli][enrolment]") {
  Door door;
  Door other;
  auto foreign = value(other.enrol(other.token())).identity;
  // The node itself would not speak to this server.
  auto renewed = renew(door.address(), foreign, door.node());
  REQUIRE_FALSE(renewed);
  CHECK_THAT(renewed.error().message, Catch::Contains("cannot be believed"));
  // And one that does is refused.
  auto context = value(make_tls_context(TlsSide::client, &foreign));
  auto stream = stranger(context, door.port());
  value(stream.send(request_for("gpu-7")));
  pb::EnrolmentResponse response;
  value(stream.receive(response, 65536));
  CHECK_THAT(response.error(), Catch::Contains("is not of this cluster's authority"));
  CHECK(response.certificate_pem().empty());
}

TEST_CASE("after the authority is replaced old certificates are refused, new tokens serve",
          "[cli][enrolment]") {
  Door door;
  auto old = value(door.enrol(door.token())).identity;
  auto old_token = door.token();
  auto authority = door.authority();
  value(authority.rotate(door.now_s()));
  CHECK_FALSE(renew(door.address(), old, door.node()));
  auto stale = door.enrol(old_token);
  REQUIRE_FALSE(stale);
  CHECK_THAT(stale.error().message, Catch::Contains("its authority was replaced since"));
  auto joined = value(door.enrol(door.token()));
  CHECK(joined.identity.ca_pem == authority.certificate_pem());
}

TEST_CASE("the server's own troubles are for its log, not for strangers", "[cli][enrolment]") {
  Door door;
  auto identity = value(door.enrol(door.token())).identity;
  auto token = door.token();
  // The record of the token is damaged.
  for (const auto& entry : std::filesystem::directory_iterator(door.home() / "tokens"))
    std::ofstream(entry.path()) << "soon";
  auto joined = door.enrol(token);
  REQUIRE_FALSE(joined);
  CHECK(joined.error().message ==
        "the server at " + door.address() +
            " refuses: it cannot give certificates now; its log says why");
  CHECK(joined.error().code == ErrorCode::data_loss);
  door.close();
  CHECK_THAT(door.log(), Catch::Contains("is damaged: remove it"));
}

TEST_CASE("a newer node is told that the server is older", "[cli][enrolment]") {
  Door door;
  auto context = value(make_tls_context(TlsSide::client, nullptr));
  auto stream = stranger(context, door.port());
  auto request = request_for("gpu-7");
  request.set_version(enrolment_version + 1);
  request.set_token_secret(value(read_token(door.token())).secret);
  value(stream.send(request));
  pb::EnrolmentResponse response;
  value(stream.receive(response, 65536));
  CHECK_THAT(response.error(), Catch::Contains("the server is older than this node"));
  CHECK(response.version() == enrolment_version);
}

TEST_CASE("a frame too long is refused before room is made for it", "[cli][enrolment]") {
  Door door;
  auto context = value(make_tls_context(TlsSide::client, nullptr));
  auto stream = stranger(context, door.port());
  auto request = request_for("gpu-7");
  request.set_name(std::string(64 * 1024, 'x'));
  (void)stream.send(request);
  pb::EnrolmentResponse response;
  CHECK_FALSE(stream.receive(response, 65536));
  door.close();
  CHECK_THAT(door.log(),
             Catch::Contains("it sent a frame of ") && Catch::Contains(" bytes, of at most 65536"));
}

TEST_CASE("what is no TLS, and no message, is hung up on", "[cli][enrolment]") {
  Door door;
  auto http = knock(door.port());
  REQUIRE(::send(http.get(), "GET / HTTP/1.0\r\n\r\n", 18, MSG_NOSIGNAL) == 18);
  CHECK(until_hung_up(http) < 5s);
  auto context = value(make_tls_context(TlsSide::client, nullptr));
  auto stream = stranger(context, door.port());
  pb::KeeperStart other;  // its field 4 is bytes, that of a request is text
  other.set_cwd("\xff");
  value(stream.send(other));
  pb::EnrolmentResponse response;
  CHECK_FALSE(stream.receive(response, 65536));
  CHECK_THAT(door.log(), Catch::Contains("it sent something else than a message"));
  CHECK(door.enrol(door.token()));  // and others are served
}

TEST_CASE("TLS 1.2 is not spoken", "[cli][enrolment]") {
  Door door;
  auto context = value(make_tls_context(TlsSide::client, nullptr));
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_max_proto_version(context.get(), TLS1_2_VERSION);
  TlsStream stream(context.get(), TlsSide::client, knock(door.port()), Clock::now() + 10s);
  auto shaken = stream.handshake();
  REQUIRE_FALSE(shaken);
  CHECK_THAT(shaken.error().message, Catch::Contains("TLS failed"));
}

TEST_CASE("a connection has its time as a whole, however slowly its bytes come",
          "[cli][enrolment]") {
  auto limits = Door::quick();
  limits.connection_time = 300ms;
  Door door(limits);
  auto begin = Clock::now();
  auto mute = knock(door.port());
  auto slow = knock(door.port());
  // The head of a TLS record, then byte after byte of what never becomes one.
  REQUIRE(::send(slow.get(), "\x16\x03\x01\x01\x00", 5, MSG_NOSIGNAL) == 5);
  pollfd watched{slow.get(), POLLIN, 0};
  while (::poll(&watched, 1, 20) == 0 && Clock::now() - begin < 5s)
    ::send(slow.get(), "\x01", 1, MSG_NOSIGNAL);
  CHECK(Clock::now() - begin < 5s);
  until_hung_up(mute);
  CHECK(Clock::now() - begin >= 300ms);
  CHECK(Clock::now() - begin < 5s);
}

TEST_CASE("no more than the limit of connections are served at a time", "[cli][enrolment]") {
  auto limits = Door::quick();
  limits.connections_max = 3;
  limits.connection_time = 5s;
  Door door(limits);
  std::vector<Descriptor> held;
  for (std::size_t i = 0; i < limits.connections_max; ++i)
    held.push_back(knock(door.port()));
  CHECK(until_hung_up(knock(door.port())) < 3s);
  auto busy = door.enrol(door.token());
  REQUIRE_FALSE(busy);
  CHECK(busy.error().code == ErrorCode::unavailable);
  held.clear();
  // Their threads see it in a moment; nobody waits for the five seconds.
  auto token = door.token();
  auto begin = Clock::now();
  auto joined = door.enrol(token);
  while (!joined && Clock::now() - begin < 4s)
    joined = door.enrol(token);
  CHECK(joined);
}

TEST_CASE("a refusal takes its time, an enrolment does not", "[cli][enrolment]") {
  EnrolmentLimits limits;
  limits.refusal_delay = 400ms;
  Door door(limits);
  auto token = door.token();
  auto begin = Clock::now();
  value(door.enrol(token));
  CHECK(Clock::now() - begin < 400ms);
  begin = Clock::now();
  CHECK_FALSE(door.enrol(token));
  CHECK(Clock::now() - begin >= 400ms);
}

TEST_CASE("a listener ends at once, whatever its connections do", "[cli][enrolment]") {
  EnrolmentLimits limits;
  limits.refusal_delay = 10s;
  Door door(limits);
  auto mute = knock(door.port());
  auto context = value(make_tls_context(TlsSide::client, nullptr));
  auto idle = stranger(context, door.port());
  auto refused = stranger(context, door.port());
  value(refused.send(request_for("gpu-7")));
  auto begin = Clock::now();
  while (door.log().find("enrolment-refused") == std::string::npos && Clock::now() - begin < 5s)
    std::this_thread::yield();
  begin = Clock::now();
  door.close();
  CHECK(Clock::now() - begin < 3s);
  CHECK_THAT(door.log(), Catch::Contains("reason=a token is missing") &&
                             Catch::Contains("reason=this end is shutting down"));
}

TEST_CASE("two listeners cannot have one port", "[cli][enrolment]") {
  Door door;
  TemporaryFolder home;
  EnrolmentOptions options;
  options.home = home.path();
  options.port = door.port();
  auto second = Enrolment::listen(std::move(options));
  REQUIRE_FALSE(second);
  CHECK(second.error().code == ErrorCode::unavailable);
  CHECK_THAT(second.error().message,
             Catch::Contains("127.0.0.1 port " + std::to_string(door.port())) &&
                 Catch::Contains("choose another by --enroll HOST:PORT"));
}

// Sanitizers have memory of their own for each thread.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
namespace {

std::int64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::int64_t size = 0, resident = 0;
  file >> size >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

}  // namespace

TEST_CASE("a connector that is not enrolled costs less than a megabyte", "[cli][enrolment]") {
  Door door;
  auto context = value(make_tls_context(TlsSide::client, nullptr));
  value(door.enrol(door.token()));  // what is made once is made
  auto before = resident_bytes();
  std::vector<TlsStream> held;  // our ends of the connections are counted as well
  for (std::size_t i = 0; i < EnrolmentLimits{}.connections_max; ++i)
    held.push_back(stranger(context, door.port()));
  auto grown = resident_bytes() - before;
  INFO(grown << " bytes for " << held.size() << " connections");
  CHECK(grown < static_cast<std::int64_t>(held.size()) << 20);
}
#endif
