#include "torchkeep/keys/internal/statement_body.h"

#include <array>
#include <limits>

#include "torchkeep/keys/internal/fields.h"

namespace torchkeep::keys {
namespace {

constexpr std::string_view kLabel = "torchkeep/statement/v1";
constexpr std::uint64_t kMostVersion = std::numeric_limits<std::int64_t>::max();

struct NamedKind {
  StatementKind kind;
  std::string_view name;
};

constexpr std::array kKinds = {
    NamedKind{StatementKind::Register, "register"}, NamedKind{StatementKind::Version, "version"},
    NamedKind{StatementKind::Policy, "policy"},     NamedKind{StatementKind::Minimum, "minimum"},
    NamedKind{StatementKind::Suspend, "suspend"},   NamedKind{StatementKind::Resume, "resume"},
    NamedKind{StatementKind::Revoke, "revoke"},
};

Result<StatementKind> take_kind(json::ObjectReader& reader) {
  const std::string name = TRY(reader.take_string("kind"));
  for (const NamedKind& known : kKinds) {
    if (known.name == name) return known.kind;
  }
  return malformed("statement: field \"kind\" is none that is known here");
}

bool has_policy(StatementKind kind) {
  return kind == StatementKind::Register || kind == StatementKind::Policy;
}

bool has_version(StatementKind kind) {
  return kind == StatementKind::Version || kind == StatementKind::Minimum ||
         kind == StatementKind::Revoke;
}

Result<void> take_version_fields(json::ObjectReader& reader, Statement& statement) {
  // Only a revocation may speak of version 0, by which it means the whole model.
  const std::uint64_t least = statement.kind == StatementKind::Revoke ? 0 : 1;
  statement.version = TRY(internal::take_between(reader, "version", least, kMostVersion));
  if (statement.kind != StatementKind::Version) return {};
  statement.container_digest = TRY(internal::take_id<ContainerDigest>(reader, "container_digest"));
  statement.key_id = TRY(internal::take_id<KeyId>(reader, "key_id"));
  if (statement.container_digest.is_zero() || statement.key_id.is_zero()) {
    return malformed("statement: a version has a container digest and a key id, not zeros");
  }
  return {};
}

}  // namespace

std::string_view name_of(StatementKind kind) {
  for (const NamedKind& known : kKinds) {
    if (known.kind == kind) return known.name;
  }
  return "unknown";
}

namespace internal {

Bytes encode_body(const Statement& statement) {
  json::Json out = {{"format", 1u},
                    {"genesis", statement.genesis.hex()},
                    {"kind", name_of(statement.kind)},
                    {"name", statement.name},
                    {"owner", hex(statement.owner)},
                    {"previous", statement.previous.hex()},
                    {"sequence", statement.sequence},
                    {"time", format_rfc3339(statement.time)}};
  if (has_policy(statement.kind) && statement.policy) out["policy"] = encode(*statement.policy);
  if (has_version(statement.kind)) out["version"] = statement.version;
  if (statement.kind == StatementKind::Version) {
    out["container_digest"] = statement.container_digest.hex();
    out["key_id"] = statement.key_id.hex();
  }
  return to_bytes(as_bytes(json::encode_canonical(out)));
}

Result<Statement> parse_body(ByteView body) {
  if (body.size() > kMaxBodyBytes) {
    return malformed("a statement has ", body.size(), " bytes, at most ", kMaxBodyBytes,
                     " are allowed");
  }
  const json::Json value = TRY(json::parse_canonical(as_text(body)).context("statement"));
  json::ObjectReader reader = TRY(json::ObjectReader::open(value, "statement"));
  TRY(take_format(reader));
  Statement statement;
  statement.kind = TRY(take_kind(reader));
  statement.genesis = TRY(take_id<Genesis>(reader, "genesis"));
  statement.owner = OwnerKey{TRY(take_hex<32>(reader, "owner"))};
  statement.name = TRY(reader.take_string("name"));
  if (const auto named = check_model_name(statement.name); !named) {
    return malformed("statement: field \"name\": ", named.error().message);
  }
  statement.sequence = TRY(reader.take_unsigned("sequence"));
  statement.previous = TRY(take_id<StatementHash>(reader, "previous"));
  statement.time = TRY(take_time(reader, "time"));
  if (has_policy(statement.kind)) {
    statement.policy = TRY(parse_policy(*TRY(reader.take_any("policy"))).context("statement"));
  }
  if (has_version(statement.kind)) TRY(take_version_fields(reader, statement));
  TRY(reader.finish());
  return statement;
}

Bytes signed_bytes(ByteView body) {
  Bytes out = to_bytes(as_bytes(kLabel));
  out.push_back(0);
  append(out, body);
  return out;
}

}  // namespace internal
}  // namespace torchkeep::keys
