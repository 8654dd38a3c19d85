#include "torchkeep/tee/report_data.h"

#include "torchkeep/base/text.h"
#include "torchkeep/crypto/digest.h"

namespace torchkeep::tee {
namespace {

constexpr Role kRoles[] = {Role::Owner, Role::KeyServer, Role::KeyCache, Role::Worker,
                           Role::Client};
constexpr std::string_view kSessionLabel = "torchkeep/session/v1";

void append_field(Bytes& out, ByteView field) {
  append_le32(out, static_cast<std::uint32_t>(field.size()));
  append(out, field);
}

}  // namespace

std::string_view name_of(Role role) {
  switch (role) {
    case Role::Owner: return "owner";
    case Role::KeyServer: return "keyserver";
    case Role::KeyCache: return "keycache";
    case Role::Worker: return "worker";
    case Role::Client: return "client";
  }
  TORCHKEEP_CHECK(false);
  return {};
}

Result<Role> parse_role(std::string_view name) {
  for (const Role role : kRoles) {
    if (name_of(role) == name) return role;
  }
  std::string known;
  for (const Role role : kRoles) known.append(known.empty() ? "" : ", ").append(name_of(role));
  return malformed("role: found \"", name, "\", wanted one of ", known);
}

ReportData ReportData::for_session(const SessionBinding& binding) {
  Bytes hashed;
  append_field(hashed, as_bytes(kSessionLabel));
  append_field(hashed, as_bytes(name_of(binding.attester)));
  append_field(hashed, as_bytes(name_of(binding.peer)));
  append_field(hashed, binding.client_spki);
  append_field(hashed, binding.server_spki);
  append_field(hashed, binding.client_nonce);
  append_field(hashed, binding.server_nonce);
  append_field(hashed, binding.exporter);
  append_field(hashed, binding.context);
  return ReportData(crypto::sha512(hashed));
}

ReportData ReportData::for_certificate(ByteView claims) {
  ByteArray<64> bytes{};
  const Digest256 digest = crypto::sha256(claims);
  std::copy(digest.begin(), digest.end(), bytes.begin());
  return ReportData(bytes);
}

}  // namespace torchkeep::tee
