#include "torchkeep/attest/quote.h"
#include "torchkeep/crypto/digest.h"
#include "torchkeep/simulator/internal/parts.h"

namespace torchkeep::simulator {
namespace {

/// Intel's quoting enclave takes the bytes 0 to 31 when its caller gives none.
Bytes qe_auth_data() {
  Bytes out;
  for (std::uint8_t i = 0; i < 32; ++i) out.push_back(i);
  return out;
}

/// What the machine's CPU says of the quoting enclave, which vouches for its attestation key.
attest::SgxReport qe_report(const ByteArray<64>& attestation_key, ByteView auth_data) {
  attest::SgxReport report;
  report.cpu_svn = kCpuSvn;
  report.attributes = kQeAttributes;
  report.mr_enclave = crypto::sha256(as_bytes("torchkeep/simulated/quoting enclave"));
  report.mr_signer = qe_signer();
  report.isv_prod_id = kQeProduct;
  report.isv_svn = kQeSvn;
  Bytes vouched_for = to_bytes(attestation_key);
  append(vouched_for, auth_data);
  const Digest256 bound = crypto::sha256(vouched_for);
  std::copy(bound.begin(), bound.end(), report.report_data.begin());
  return report;
}

attest::SgxReport enclave_report(const attest::SgxEnclave& enclave,
                                 const ByteArray<64>& report_data) {
  attest::SgxReport report;
  report.cpu_svn = kCpuSvn;
  report.misc_select = enclave.misc_select;
  report.attributes = enclave.attributes;
  report.mr_enclave = enclave.mr_enclave;
  report.mr_signer = enclave.mr_signer;
  report.isv_prod_id = enclave.isv_prod_id;
  report.isv_svn = enclave.isv_svn;
  report.report_data = report_data;
  return report;
}

}  // namespace

Bytes Machine::make_quote(const attest::SgxEnclave& enclave,
                          const ByteArray<64>& report_data) const {
  const Parts& parts = state_->parts;
  attest::QuoteHeader header;
  header.qe_svn = kQeSvn;
  header.pce_svn = kPceSvn;
  std::copy(parts.qe_id.begin(), parts.qe_id.end(), header.user_data.begin());

  attest::Quote quote;
  quote.signed_bytes = attest::encode_signed_bytes(header, enclave_report(enclave, report_data));
  quote.signature = parts.attestation_key.sign(quote.signed_bytes);
  quote.attestation_key = parts.attestation_key.public_point();
  quote.qe_auth_data = qe_auth_data();
  quote.qe_report_bytes = attest::encode(qe_report(quote.attestation_key, quote.qe_auth_data));
  quote.qe_report_signature = parts.pck.key.sign(quote.qe_report_bytes);
  const std::string chain = crypto::encode_pem(
      {parts.pck.certificate, parts.platform_ca.certificate, parts.root.certificate});
  quote.certification_data = to_bytes(as_bytes(chain));
  quote.certification_data.push_back(0);
  return attest::encode_quote(quote);
}

}  // namespace torchkeep::simulator
