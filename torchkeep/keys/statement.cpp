#include "torchkeep/keys/statement.h"

#include "torchkeep/keys/internal/fields.h"
#include "torchkeep/keys/internal/hash.h"
#include "torchkeep/keys/internal/statement_body.h"

namespace torchkeep::keys {
namespace {

constexpr std::string_view kHashLabel = "torchkeep/statement/v1";

}  // namespace

SignedStatement sign_statement(const Statement& statement, const crypto::Ed25519PrivateKey& owner) {
  SignedStatement out;
  out.body = internal::encode_body(statement);
  out.signature = owner.sign(internal::signed_bytes(out.body));
  return out;
}

StatementHash hash_of(const SignedStatement& statement) {
  return {internal::sha256_of({as_bytes(kHashLabel), statement.body, statement.signature})};
}

json::Json encode(const SignedStatement& statement) {
  return {{"body", encode_base64(statement.body)}, {"signature", encode_hex(statement.signature)}};
}

Result<SignedStatement> parse_signed_statement(const json::Json& value) {
  json::ObjectReader reader = TRY(json::ObjectReader::open(value, "signed statement"));
  SignedStatement out;
  out.body = TRY(decode_base64(TRY(reader.take_string("body"))).context("signed statement"));
  if (out.body.empty() || out.body.size() > internal::kMaxBodyBytes) {
    return malformed("signed statement: the body has ", out.body.size(),
                     " bytes, allowed are 1 to ", internal::kMaxBodyBytes);
  }
  out.signature = TRY(internal::take_hex<64>(reader, "signature"));
  TRY(reader.finish());
  return out;
}

}  // namespace torchkeep::keys
