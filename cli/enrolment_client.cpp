#include "cli/enrolment_client.hpp"

#include "cli/enrolment.hpp"
#include "store/join_tokens.hpp"

namespace autotune::cli {

namespace {

std::int64_t now_of(const EnrolOptions& options) {
  if (options.now_s)
    return options.now_s();
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

/// The certificate, of those that a server shows, with this fingerprint; "" where there is none.
std::string find_authority(const std::vector<std::string>& chain, const std::string& print) {
  for (const auto& pem : chain)
    if (fingerprint(pem) == print)
      return pem;
  return "";
}

/// Whether a server that shows this chain is a head of that authority.
Result<void> check_server(const std::string& address, const std::vector<std::string>& chain,
                          const std::string& ca_pem, std::int64_t now_s) {
  if (chain.empty())
    return fail(ErrorCode::failed_precondition,
                "the server at " + address + " shows no certificate: it is no AutoTune");
  auto facts = verify_certificate(chain.front(), ca_pem, now_s);
  if (!facts)
    return fail(facts.error().code,
                "the server at " + address + " cannot be believed: " + facts.error().message);
  // A node of the cluster has a certificate of the same authority, and must not collect tokens with it.
  if (facts->role != NodeRole::head)
    return fail(ErrorCode::failed_precondition, "at " + address + " answers " +
                                                    std::string(name_of(facts->role)) + " '" +
                                                    facts->name +
                                                    "', which is no head: nothing "
                                                    "was sent to it");
  return {};
}

/// A connection with the handshake done.
Result<TlsStream> open_stream(const std::string& address, const Identity* identity,
                              const EnrolOptions& options) {
  auto deadline = std::chrono::steady_clock::now() + options.time_limit;
  auto unavailable = [&](const Error& error) {
    return fail(error.code,
                "the server at " + address + " cannot be reached: " + error.message +
                    "; is `autotune server` there, with this as its enrolment address?");
  };
  auto place = parse_host_port(address);
  if (!place)
    return tl::unexpected(place.error());
  auto context = make_tls_context(TlsSide::client, identity);
  if (!context)
    return tl::unexpected(context.error());
  auto socket = connect_tcp(place->host, place->port, deadline);
  if (!socket)
    return unavailable(socket.error());
  TlsStream stream(context->get(), TlsSide::client, std::move(*socket), deadline);
  if (auto shaken = stream.handshake(); !shaken)
    return unavailable(shaken.error());
  return stream;
}

/// Sends the request and takes the certificate for `key_pem` out of the answer.
Result<Enrolled> ask(TlsStream& stream, const std::string& address,
                     const pb::EnrolmentRequest& request, const std::string& key_pem,
                     const std::string& ca_pem, std::int64_t now_s) {
  pb::EnrolmentResponse response;
  auto asked = stream.send(request);
  // Even where all could not be sent there may be an answer that says why.
  if (auto answered = stream.receive(response, EnrolmentLimits{}.frame_bytes_max); !answered)
    return fail(ErrorCode::unavailable, "the server at " + address + " did not answer: " +
                                            (asked ? answered : asked).error().message +
                                            "; try again, with a new token if this one is used up");
  if (!response.error().empty())
    return fail(response.error_code() != 0 ? static_cast<ErrorCode>(response.error_code())
                                           : ErrorCode::internal,
                "the server at " + address + " refuses: " + response.error());
  Identity identity{key_pem, response.certificate_pem(), response.ca_pem()};
  auto facts = verify_certificate(identity.certificate_pem, ca_pem, now_s);
  if (!facts)
    return tl::unexpected(facts.error());
  auto key = openssl::read_key(key_pem);
  auto certificate = openssl::read_certificate(identity.certificate_pem);
  if (X509_check_private_key(certificate.get(), key.get()) != 1 || facts->name != request.name() ||
      name_of(facts->role) != request.role() || fingerprint(identity.ca_pem) != fingerprint(ca_pem))
    return fail(ErrorCode::internal,
                "the server at " + address + " sent another certificate than it was asked for");
  return Enrolled{std::move(identity), response.control_address()};
}

pb::EnrolmentRequest request_of(const KeyAndRequest& made, std::string_view name, NodeRole role) {
  pb::EnrolmentRequest request;
  request.set_version(enrolment_version);
  request.set_request_pem(made.request_pem);
  request.set_name(std::string(name));
  request.set_role(std::string(name_of(role)));
  return request;
}

}  // namespace

Result<Enrolled> enrol(std::string_view token_text, std::string_view name, NodeRole role,
                       const EnrolOptions& options) {
  auto token = read_token(token_text);
  if (!token)
    return tl::unexpected(token.error());
  auto made = make_key_and_request(name);
  if (!made)
    return tl::unexpected(made.error());
  const auto& address = token->enrol_address;
  auto stream = open_stream(address, nullptr, options);
  if (!stream)
    return tl::unexpected(stream.error());
  auto now_s = now_of(options);
  auto chain = stream->peer_chain();
  auto ca = find_authority(chain, token->ca_fingerprint);
  if (ca.empty())
    return fail(
        ErrorCode::failed_precondition,
        "the server at " + address +
            " is not the one that made this token, or its "
            "authority was replaced since: make another token there; nothing was sent to it");
  if (auto good = check_server(address, chain, ca, now_s); !good)
    return tl::unexpected(good.error());
  auto request = request_of(*made, name, role);
  request.set_token_secret(token->secret);
  return ask(*stream, address, request, made->key_pem, ca, now_s);
}

Result<Enrolled> renew(std::string_view address_text, const Identity& identity,
                       const EnrolOptions& options) {
  std::string address(address_text);
  auto facts = inspect(identity.certificate_pem);
  if (!facts)
    return tl::unexpected(facts.error());
  auto made = make_key_and_request(facts->name);
  if (!made)
    return tl::unexpected(made.error());
  auto stream = open_stream(address, &identity, options);
  if (!stream)
    return tl::unexpected(stream.error());
  auto now_s = now_of(options);
  if (auto good = check_server(address, stream->peer_chain(), identity.ca_pem, now_s); !good)
    return tl::unexpected(good.error());
  auto request = request_of(*made, facts->name, facts->role);
  return ask(*stream, address, request, made->key_pem, identity.ca_pem, now_s);
}

Result<Enrolled> renew_at_any(const std::vector<std::string>& addresses, const Identity& identity,
                              const EnrolOptions& options) {
  Result<Enrolled> renewed = fail(ErrorCode::invalid_argument, "no address to renew it at");
  for (const auto& address : addresses)
    if (renewed = renew(address, identity, options); renewed)
      break;
  return renewed;
}

}  // namespace autotune::cli
