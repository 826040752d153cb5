// Whole enrolments over loopback: who is let in, who is not, and what each is told.
#include "enrolment_door.hpp"

namespace autotune::cli {

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
  // A command line renews its own when it is used: that may be days later.
  CHECK(facts.not_after_s == door.now_s() + (role == NodeRole::client ? 8 : 1) * 24 * hour_s);
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

TEST_CASE("a certificate is renewed by the head that is there", "[cli][enrolment]") {
  Door door;
  auto first = value(door.enrol(door.token())).identity;
  const std::string nobody = "127.0.0.1:1";
  auto second = value(renew_at_any({nobody, door.address()}, first, door.node()));
  CHECK(second.identity.key_pem != first.key_pem);
  CHECK(renew_at_any({nobody}, first, door.node()).error().code == ErrorCode::unavailable);
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

}  // namespace autotune::cli
