#include "torchkeep/keys/messages.h"

#include "torchkeep/keys/internal/fields.h"
#include "torchkeep/keys/internal/frame.h"

namespace torchkeep::keys {
namespace {

constexpr std::size_t kMaxRequestBytes = 4096;
constexpr std::size_t kMaxReceiptBytes = 4096;
constexpr std::uint64_t kMaxLeaseSeconds = 2'592'000;  // 30 days, as a policy's
constexpr std::size_t kMaxStatements = 16'384;

json::Json encode(const Lease& lease) {
  return {{"id", encode_hex(lease.id)},
          {"log_position", lease.log_position},
          {"nonce", encode_hex(lease.nonce)},
          {"requests", lease.requests},
          {"seconds", lease.seconds}};
}

Result<Lease> parse_lease(const json::Json& value) {
  json::ObjectReader reader = TRY(json::ObjectReader::open(value, "lease"));
  Lease lease;
  lease.id = TRY(internal::take_hex<16>(reader, "id"));
  lease.log_position = TRY(reader.take_unsigned("log_position"));
  lease.nonce = TRY(internal::take_hex<32>(reader, "nonce"));
  lease.requests = TRY(reader.take_unsigned("requests"));
  lease.seconds = TRY(internal::take_between(reader, "seconds", 1, kMaxLeaseSeconds));
  TRY(reader.finish());
  return lease;
}

Result<std::vector<SignedStatement>> parse_statements(const json::Json& list) {
  if (list.empty() || list.size() > kMaxStatements) {
    return malformed("release: ", list.size(), " statements, allowed are 1 to ", kMaxStatements);
  }
  std::vector<SignedStatement> out;
  for (const json::Json& element : list) out.push_back(TRY(parse_signed_statement(element)));
  return out;
}

}  // namespace

Bytes encode(const ReleaseRequest& request) {
  const json::Json out = {{"name", request.name},
                          {"nonce", encode_hex(request.nonce)},
                          {"owner", hex(request.owner)},
                          {"renewal", request.renewal},
                          {"version", request.version}};
  return to_bytes(as_bytes(json::encode_canonical(out)));
}

Result<ReleaseRequest> parse_release_request(ByteView body) {
  const json::Json value = TRY(internal::parse_body(body, kMaxRequestBytes, "release request"));
  json::ObjectReader reader = TRY(json::ObjectReader::open(value, "release request"));
  ReleaseRequest request;
  request.name = TRY(reader.take_string("name"));
  if (const auto named = check_model_name(request.name); !named) {
    return malformed("release request: field \"name\": ", named.error().message);
  }
  request.nonce = TRY(internal::take_hex<32>(reader, "nonce"));
  request.owner = OwnerKey{TRY(internal::take_hex<32>(reader, "owner"))};
  request.renewal = TRY(reader.take_bool("renewal"));
  request.version = TRY(reader.take_unsigned("version"));
  TRY(reader.finish());
  return request;
}

SecretBuffer encode(const Release& release) {
  json::Json statements = json::Json::array();
  for (const SignedStatement& statement : release.statements) {
    statements.push_back(encode(statement));
  }
  return internal::encode_frame(
      {{"lease", encode(release.lease)}, {"statements", std::move(statements)}}, release.data_key);
}

Result<Release> parse_release(ByteView body) {
  internal::Frame frame = TRY(internal::parse_frame(body, "release"));
  json::ObjectReader reader = TRY(json::ObjectReader::open(frame.value, "release"));
  Release release;
  release.lease = TRY(parse_lease(*TRY(reader.take_any("lease"))));
  release.statements = TRY(parse_statements(*TRY(reader.take_array("statements"))));
  TRY(reader.finish());
  release.data_key = std::move(frame.data_key);
  return release;
}

SecretBuffer encode(const Submission& submission) {
  return internal::encode_frame({{"statement", encode(submission.statement)}}, submission.data_key);
}

Result<Submission> parse_submission(ByteView body) {
  internal::Frame frame = TRY(internal::parse_frame(body, "submission"));
  json::ObjectReader reader = TRY(json::ObjectReader::open(frame.value, "submission"));
  Submission submission;
  submission.statement = TRY(parse_signed_statement(*TRY(reader.take_any("statement"))));
  TRY(reader.finish());
  submission.data_key = std::move(frame.data_key);
  return submission;
}

Bytes encode(const Receipt& receipt) {
  const json::Json out = {{"log_position", receipt.log_position},
                          {"statement", receipt.statement.hex()}};
  return to_bytes(as_bytes(json::encode_canonical(out)));
}

Result<Receipt> parse_receipt(ByteView body) {
  const json::Json value = TRY(internal::parse_body(body, kMaxReceiptBytes, "receipt"));
  json::ObjectReader reader = TRY(json::ObjectReader::open(value, "receipt"));
  Receipt receipt;
  receipt.log_position = TRY(reader.take_unsigned("log_position"));
  receipt.statement = TRY(internal::take_id<StatementHash>(reader, "statement"));
  TRY(reader.finish());
  return receipt;
}

}  // namespace torchkeep::keys
