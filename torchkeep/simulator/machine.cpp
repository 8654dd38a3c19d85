#include "torchkeep/simulator/machine.h"

#include "torchkeep/base/encoding.h"
#include "torchkeep/crypto/hkdf.h"
#include "torchkeep/simulator/internal/parts.h"

namespace torchkeep::simulator {
namespace {

using std::chrono::days;
using std::chrono::minutes;

constexpr days kDocumentLife{30};
constexpr minutes kMoment{1};
constexpr std::string_view kSealingSalt = "torchkeep/simulated/sealing/v1";

Validity validity_of(Condition condition, TimePoint now) {
  const TimePoint end =
      condition == Condition::CollateralExpired ? now - days{1} : now + kDocumentLife;
  return {end - kDocumentLife - kMoment, end};
}

Bytes pem_chain(const Identity& leaf, const Identity& root) {
  return to_bytes(as_bytes(crypto::encode_pem({leaf.certificate, root.certificate})));
}

}  // namespace

Machine::Machine(std::unique_ptr<State> state) : state_(std::move(state)) {}
Machine::Machine(Machine&&) noexcept = default;
Machine& Machine::operator=(Machine&&) noexcept = default;
Machine::~Machine() = default;

Machine Machine::create(crypto::Random& random, TimePoint now) {
  return Machine(std::make_unique<State>(State{make_parts(random, now)}));
}

const crypto::Certificate& Machine::root_certificate() const {
  return state_->parts.root.certificate;
}

attest::RootKey Machine::root_key() const { return state_->parts.root.key.public_point(); }

attest::CollateralKey Machine::collateral_key() const {
  return {attest::TeeType::Sgx, kFmspc, "platform"};
}

void Machine::set_condition(Condition condition) { state_->condition = condition; }

Condition Machine::condition() const { return state_->condition; }

attest::Collateral Machine::collateral(TimePoint now) const {
  const auto& [parts, condition] = *state_;
  const Validity validity = validity_of(condition, now);
  const auto crl = [&](const Identity& issuer, const std::vector<Bytes>& revoked) {
    return crypto::issue_revocation_list(issuer.certificate, issuer.key, revoked, validity.issued,
                                         validity.next_update);
  };
  std::vector<Bytes> revoked;
  if (condition == Condition::PckRevoked) revoked.push_back(parts.pck.certificate.serial());
  return {
      .tcb_info = make_tcb_info(parts, condition, validity),
      .tcb_info_issuer_chain = pem_chain(parts.tcb_signing, parts.root),
      .qe_identity = make_qe_identity(parts, validity),
      .qe_identity_issuer_chain = pem_chain(parts.tcb_signing, parts.root),
      .pck_crl = crl(parts.platform_ca, revoked),
      .pck_crl_issuer_chain = pem_chain(parts.platform_ca, parts.root),
      .root_ca_crl = to_bytes(as_bytes(encode_hex(crl(parts.root, {})))),
  };
}

SecretBytes Machine::sealing_key(const attest::SgxEnclave& enclave,
                                 std::string_view purpose) const {
  Bytes info(enclave.mr_enclave.begin(), enclave.mr_enclave.end());
  info.push_back(enclave.debug() ? 1 : 0);
  append(info, as_bytes(purpose));
  return crypto::hkdf_sha256(state_->parts.fuses.expose(), as_bytes(kSealingSalt), info, 32);
}

}  // namespace torchkeep::simulator
