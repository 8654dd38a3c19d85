#include "torchkeep/attest/snp.h"

#include "torchkeep/attest/internal/snp_chain.h"
#include "torchkeep/base/encoding.h"
#include "torchkeep/base/text.h"
#include "torchkeep/crypto/digest.h"

namespace torchkeep::attest {

class SnpClaimsMaker {
 public:
  static Claims make(const SnpReport& report, const SnpChain& chain) {
    Claims claims;
    claims.attested_ = report;
    claims.report_data_ = report.report_data;
    claims.root_key_hash_ = crypto::sha256(chain.ark.public_key_info());
    claims.platform_instance_ = to_bytes(report.chip_id);
    claims.collateral_begins_ = chain.window.from();
    claims.collateral_expires_ = chain.window.until();
    claims.collateral_issued_ = chain.issued;
    return claims;
  }
};

namespace {

Result<void> verify_signature(const SnpReport& report, ByteView bytes, const SnpChain& chain,
                              Reason& why) {
  why = Reason::BadQuoteSignature;
  if (report.signer != chain.signer) {
    return untrusted("report: found one signed by ", name_of(report.signer), ", wanted ",
                     name_of(chain.signer), " as the leaf is one");
  }
  if (crypto::verify_p384(chain.leaf_key, bytes.first(kSnpSignedBytes), report.signature)) {
    return {};
  }
  return untrusted("report signature: it is not by the key of this ", name_of(chain.signer),
                   "; the report was changed, or the certificate is another machine's");
}

Result<Claims> judge(ByteView bytes, const SnpEndorsements& endorsements,
                     std::span<const Digest256> ark_key_hashes, TimePoint now, Judgement& out,
                     Reason& why) {
  const SnpReport report = TRY(parse_snp_report(bytes).context("report"));
  out.attested = report;
  out.report_data = report.report_data;
  SnpChain chain = TRY(parse_snp_chain(endorsements));
  out.window_start = chain.window.from();
  out.window_end = chain.window.until();
  TRY(verify_snp_chain(chain, endorsements.crl, ark_key_hashes, why).context("certificate chain"));
  out.window_start = chain.window.from();
  out.window_end = chain.window.until();
  TRY(verify_signature(report, bytes, chain, why));
  TRY(check_leaf_tcb(chain, report, why).context("leaf"));
  TRY(check_leaf_chip(chain, report, why).context("leaf"));
  TRY(chain.window.check(now, why));
  return SnpClaimsMaker::make(report, chain);
}

}  // namespace

const Digest256& amd_milan_root() {
  static const Digest256 hash =
      decode_hex_array<32>("9f056bee44377e29308cb5ffa895bdfb62d18881fa6bed8d6f075b0204089cb9")
          .value();
  return hash;
}

Judgement judge_snp_report(ByteView report, const SnpEndorsements& endorsements,
                           std::span<const Digest256> ark_key_hashes, TimePoint now) {
  Judgement out{internal_error("not judged yet")};
  Reason why = Reason::Malformed;
  out.claims = judge(report, endorsements, ark_key_hashes, now, out, why);
  if (!out.claims) out.reason = why;
  return out;
}

}  // namespace torchkeep::attest
