// What the enrolment listener does with those who mean it no good: they cost little, and hold up nobody.
#include "enrolment_door.hpp"

namespace autotune::cli {

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

}  // namespace autotune::cli
