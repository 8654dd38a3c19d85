#include "torchkeep/channel/internal/session_messages.h"

#include "torchkeep/base/encoding.h"
#include "torchkeep/json/json.h"

namespace torchkeep::channel {
namespace {

using json::Json;
using json::ObjectReader;

constexpr std::uint64_t kProtocol = 1;
constexpr std::size_t kMaxMessageBytes = 128 * 1024;
constexpr std::size_t kMaxContextBytes = 1024;
constexpr std::string_view kOwnerLabel = "torchkeep/session-owner/v1";

Result<Json> parse_message(std::string_view text) {
  if (text.size() > kMaxMessageBytes) {
    return malformed("it has ", text.size(), " bytes, at most ", kMaxMessageBytes, " are allowed");
  }
  return json::parse(text);
}

// One meaning, one spelling: what we would have written is what we must have read.
template <typename Message>
Result<Message> if_canonical(Message message, std::string_view text) {
  if (encode(message) != text) return malformed("it is not in its canonical spelling");
  return message;
}

Result<Bytes> take_context(ObjectReader& reader) {
  const Bytes context = TRY(decode_hex(TRY(reader.take_string("context"))));
  if (context.size() > kMaxContextBytes) {
    return malformed("context has ", context.size(), " bytes, at most ", kMaxContextBytes,
                     " are allowed");
  }
  return context;
}

Result<Bytes> take_evidence(ObjectReader& reader) {
  return decode_base64(TRY(reader.take_string("evidence")));
}

Result<SessionNonce> take_nonce(ObjectReader& reader) {
  return decode_hex_array<32>(TRY(reader.take_string("nonce")));
}

Result<tee::Role> take_role(ObjectReader& reader) {
  return tee::parse_role(TRY(reader.take_string("role")));
}

Json to_json(const NoProof&) { return Json::object(); }
Json to_json(const OwnerProof& proof) {
  return {{"owner", encode_hex(proof.owner.bytes)}, {"signature", encode_hex(proof.signature)}};
}
Json to_json(const EvidenceProof& proof) {
  return {{"context", encode_hex(proof.context)}, {"evidence", encode_base64(proof.evidence)}};
}

}  // namespace

std::string encode(const SessionHello& hello) {
  return json::encode_canonical({{"protocol", kProtocol},
                                 {"role", std::string(name_of(hello.role))},
                                 {"nonce", encode_hex(hello.nonce)}});
}

Result<SessionHello> parse_session_hello(std::string_view text) {
  const Json value = TRY(parse_message(text));
  ObjectReader reader = TRY(ObjectReader::open(value, "session hello"));
  const std::uint64_t protocol = TRY(reader.take_unsigned("protocol"));
  if (protocol != kProtocol) {
    return malformed("session protocol ", protocol, " is not spoken here, ", kProtocol, " is");
  }
  SessionHello hello{TRY(take_role(reader)), TRY(take_nonce(reader))};
  TRY(reader.finish());
  return if_canonical(hello, text);
}

std::string encode(const SessionOffer& offer) {
  return json::encode_canonical({{"role", std::string(name_of(offer.role))},
                                 {"nonce", encode_hex(offer.nonce)},
                                 {"context", encode_hex(offer.context)},
                                 {"evidence", encode_base64(offer.evidence)}});
}

Result<SessionOffer> parse_session_offer(std::string_view text) {
  const Json value = TRY(parse_message(text));
  ObjectReader reader = TRY(ObjectReader::open(value, "session offer"));
  SessionOffer offer;
  offer.role = TRY(take_role(reader));
  offer.nonce = TRY(take_nonce(reader));
  offer.context = TRY(take_context(reader));
  offer.evidence = TRY(take_evidence(reader));
  TRY(reader.finish());
  return if_canonical(std::move(offer), text);
}

std::string encode(const SessionProof& proof) {
  return json::encode_canonical(std::visit([](const auto& kind) { return to_json(kind); }, proof));
}

Result<SessionProof> parse_session_proof(std::string_view text) {
  const Json value = TRY(parse_message(text));
  ObjectReader reader = TRY(ObjectReader::open(value, "session proof"));
  SessionProof proof = NoProof{};
  if (reader.has("evidence")) {
    EvidenceProof shown;
    shown.context = TRY(take_context(reader));
    shown.evidence = TRY(take_evidence(reader));
    proof = std::move(shown);
  } else if (reader.has("owner")) {
    proof = OwnerProof{{TRY(decode_hex_array<32>(TRY(reader.take_string("owner"))))},
                       TRY(decode_hex_array<64>(TRY(reader.take_string("signature"))))};
  }
  TRY(reader.finish());
  return if_canonical(std::move(proof), text);
}

std::string encode(const SessionGrant& grant) {
  return json::encode_canonical({{"seconds", grant.seconds}});
}

Result<SessionGrant> parse_session_grant(std::string_view text) {
  const Json value = TRY(parse_message(text));
  ObjectReader reader = TRY(ObjectReader::open(value, "session grant"));
  SessionGrant grant{TRY(reader.take_unsigned("seconds"))};
  TRY(reader.finish());
  return if_canonical(grant, text);
}

std::string encode(const SessionRefusal& refusal) {
  return json::encode_canonical(
      {{"code", std::string(name_of(refusal.code))}, {"request", refusal.request}});
}

Result<SessionRefusal> parse_session_refusal(std::string_view text) {
  const Json value = TRY(parse_message(text));
  ObjectReader reader = TRY(ObjectReader::open(value, "session refusal"));
  const auto code = find_error_code(TRY(reader.take_string("code")));
  if (!code) return malformed("unknown error code");
  SessionRefusal refusal{*code, TRY(reader.take_string("request"))};
  TRY(decode_hex(refusal.request));  // it ends up in our log
  TRY(reader.finish());
  return if_canonical(std::move(refusal), text);
}

Bytes owner_message(const tee::SessionBinding& binding) {
  TORCHKEEP_CHECK(binding.attester == tee::Role::Owner);
  Bytes message;
  append_le32(message, static_cast<std::uint32_t>(kOwnerLabel.size()));
  append(message, as_bytes(kOwnerLabel));
  append(message, tee::ReportData::for_session(binding).bytes());
  return message;
}

}  // namespace torchkeep::channel
