#include "torchkeep/attest/verify.h"

#include <algorithm>

#include "torchkeep/attest/internal/verified_state.h"
#include "torchkeep/attest/platform_tcb.h"
#include "torchkeep/attest/quote.h"
#include "torchkeep/base/encoding.h"
#include "torchkeep/base/text.h"
#include "torchkeep/crypto/digest.h"

namespace torchkeep::attest {
namespace {

std::vector<std::string> sorted_union(std::vector<std::string> left,
                                      const std::vector<std::string>& right) {
  left.insert(left.end(), right.begin(), right.end());
  std::sort(left.begin(), left.end());
  left.erase(std::unique(left.begin(), left.end()), left.end());
  return left;
}

Attested attested_by(const Quote& quote) {
  if (quote.td) return *quote.td;
  const SgxReport& report = quote.report;
  return SgxEnclave{.mr_enclave = report.mr_enclave,
                    .mr_signer = report.mr_signer,
                    .isv_prod_id = report.isv_prod_id,
                    .isv_svn = report.isv_svn,
                    .attributes = report.attributes,
                    .misc_select = report.misc_select};
}

const ByteArray<64>& report_data_of(const Quote& quote) {
  return quote.td ? quote.td->report_data : quote.report.report_data;
}

}  // namespace

/// One quote's way through the checks, in the order of FORMAT section 3. `why` always names the
/// check under way.
class ClaimsMaker {
 public:
  ClaimsMaker(const Quote& quote, const VerifiedPckChain& chain,
              const VerifiedCollateral::State& collateral, Reason& why)
      : quote_(quote), chain_(chain), collateral_(collateral), why_(why) {}

  /// Everything but the dates.
  Result<Claims> make() {
    TRY(check_tcb_info().context("TCB info"));
    TRY(verify_quoting_enclave().context("quoting enclave"));
    why_ = Reason::BadQuoteSignature;
    if (!crypto::verify_p256(quote_.attestation_key, quote_.signed_bytes, quote_.signature)) {
      return untrusted("quote signature: it does not fit the report; the quote was changed");
    }
    TRY(fill_in_tcb());
    fill_in_report();
    return claims_;
  }

  Result<void> check_dates(TimePoint now) const { return chain_.window.check(now, why_); }

 private:
  const PckExtension& machine() const { return chain_.chain.machine; }

  Result<void> check_tcb_info() {
    why_ = Reason::TcbInfoMismatch;
    const TcbInfo& info = collateral_.tcb_info;
    const TcbInfoKind wanted = quote_.td ? TcbInfoKind::Tdx : TcbInfoKind::Sgx;
    if (info.kind != wanted) {
      const bool tdx = quote_.td.has_value();
      return untrusted("id: found ", tdx ? "SGX" : "TDX", ", wanted ", tdx ? "TDX" : "SGX",
                       ". Fetch the TCB info of /", tdx ? "tdx" : "sgx", "/certification/v4");
    }
    if (info.fmspc != machine().fmspc) {
      return untrusted("fmspc: found ", encode_hex(info.fmspc), ", wanted ",
                       encode_hex(machine().fmspc),
                       " as in the PCK certificate. Fetch the TCB info of this machine's family");
    }
    if (info.pce_id != machine().pce_id) {
      return untrusted("pceId: found ", info.pce_id ? encode_hex(*info.pce_id) : "none",
                       ", wanted ", encode_hex(machine().pce_id), " as in the PCK certificate");
    }
    if (!quote_.td) return {};
    why_ = Reason::TdxModuleMismatch;
    return check_tdx_module(*quote_.td, info);
  }

  Result<void> verify_quoting_enclave() {
    why_ = Reason::BadQeReportSignature;
    if (!crypto::verify_p256(chain_.pck_key, quote_.qe_report_bytes, quote_.qe_report_signature)) {
      return untrusted("report signature: it is not by the key of this PCK certificate");
    }
    why_ = Reason::QeReportDataMismatch;
    const Digest256 binding =
        std::move(crypto::Sha256().update(quote_.attestation_key).update(quote_.qe_auth_data))
            .finish();
    if (!equal(ByteView(quote_.qe_report.report_data).first(binding.size()), binding)) {
      return untrusted(
          "report data: it does not name this quote's attestation key; the quote was "
          "put together from two");
    }
    why_ = Reason::QeIdentityMismatch;
    const QeIdentity& identity = collateral_.qe_identity;
    const QeKind wanted = quote_.td ? QeKind::TdQe : QeKind::Qe;
    if (identity.kind != wanted) {
      return untrusted("QE identity: found ", name_of(identity.kind), ", wanted ", name_of(wanted),
                       " for a quote of ", quote_.td ? "a trust domain" : "an SGX enclave");
    }
    return check_qe_report(quote_.qe_report, identity);
  }

  Result<void> fill_in_tcb() {
    const TdReport* const td = quote_.td ? &*quote_.td : nullptr;
    const TcbJudgement tcb = TRY(judge_tcb(machine(), quote_.qe_report, td, collateral_.tcb_info,
                                           collateral_.qe_identity, why_));
    claims_.tcb_status_ = tcb.status;
    claims_.platform_tcb_ = tcb.platform->verdict;
    claims_.quoting_enclave_tcb_ = tcb.qe->verdict;
    claims_.tcb_date_ = std::min(tcb.platform->verdict.date, tcb.qe->verdict.date);
    claims_.platform_advisories_ = sorted_union(tcb.platform->verdict.advisories, {});
    claims_.advisories_ =
        sorted_union(tcb.platform->verdict.advisories, tcb.qe->verdict.advisories);
    if (tcb.tdx_module != nullptr) {
      const TcbVerdict& module = tcb.tdx_module->verdict;
      claims_.tdx_module_tcb_ = module;
      claims_.tcb_date_ = std::min(*claims_.tcb_date_, module.date);
      claims_.advisories_ = sorted_union(claims_.advisories_, module.advisories);
    }
    claims_.shortfalls_ = tcb.shortfalls;
    return {};
  }

  void fill_in_report() {
    claims_.attested_ = attested_by(quote_);
    claims_.report_data_ = report_data_of(quote_);
    claims_.tcb_evaluation_data_number_ =
        std::min(collateral_.tcb_info.tcb_evaluation_data_number,
                 collateral_.qe_identity.tcb_evaluation_data_number);
    claims_.root_key_hash_ = crypto::sha256(collateral_.root_key);
    const auto& instance = machine().platform_instance_id;
    claims_.platform_instance_ = to_bytes(instance ? *instance : machine().ppid);
    claims_.collateral_begins_ = chain_.window.from();
    claims_.collateral_expires_ = chain_.window.until();
    claims_.collateral_issued_ = chain_.issued;
  }

  const Quote& quote_;
  const VerifiedPckChain& chain_;
  const VerifiedCollateral::State& collateral_;
  Reason& why_;
  Claims claims_;
};

namespace {

Result<Claims> judge(const Quote& quote, ByteView pck_pem, const VerifiedCollateral& collateral,
                     TimePoint now, Judgement& out, Reason& why) {
  const auto chain =
      TRY(verify_pck_chain(pck_pem, collateral.state(), why).context("PCK certificate chain"));
  out.window_start = chain->window.from();
  out.window_end = chain->window.until();
  ClaimsMaker maker(quote, *chain, collateral.state(), why);
  Claims claims = TRY(maker.make());
  out.tcb_status = claims.tcb_status();
  out.advisories = claims.advisories();
  out.platform_advisories = claims.platform_advisories();
  TRY(maker.check_dates(now));
  return claims;
}

Result<Claims> judge_from_bytes(ByteView bytes, const Collateral& collateral,
                                std::span<const RootKey> roots, TimePoint now, RootCaCrl rule,
                                Judgement& out, Reason& why) {
  const Quote quote = TRY(parse_quote(bytes).context("quote"));
  out.attested = attested_by(quote);
  out.report_data = report_data_of(quote);
  const ByteView pck_pem = TRY(find_pck_pem(quote, collateral.pck_chain, why));
  const auto verified = TRY(VerifiedCollateral::verify(collateral, roots, why, rule));
  return judge(quote, pck_pem, verified, now, out, why);
}

/// AMD's evidence comes with other collateral; said by name before it looks like a broken quote.
Result<void> refuse_snp(ByteView bytes) {
  const auto tee = find_tee(bytes);
  if (!tee || *tee != TeeType::Snp) return {};
  return untrusted(
      "evidence: found an SEV-SNP report, wanted a quote of an SGX enclave or a TDX trust domain; "
      "no policy of this version can name an SEV-SNP guest");
}

}  // namespace

Result<TeeType> find_tee(ByteView evidence) {
  constexpr std::size_t kTold = 8;  // quote: version 2, key type 2, TEE type 4; report: version 4
  if (evidence.size() < kTold) return malformed("evidence has ", evidence.size(), " bytes");
  const std::uint32_t version = load_le16(evidence.first(2));
  const std::uint32_t key_type = load_le16(evidence.subspan(2, 2));
  const std::uint32_t tee_type = load_le32(evidence.subspan(4, 4));
  // No quote has key type 0, and no report so high a version that the two could be confused.
  if (key_type == 0 && version >= 2 && version <= 5) return TeeType::Snp;
  const bool is_quote = key_type != 0 && version >= 3 && version <= 5;
  if (is_quote && tee_type == kTeeTypeSgx) return TeeType::Sgx;
  if (is_quote && tee_type == kTeeTypeTdx) return TeeType::Tdx;
  return malformed("evidence begins with ", encode_hex(evidence.first(kTold)),
                   ": it is neither an SGX or TDX quote nor an SEV-SNP report");
}

Result<CollateralKey> find_collateral_key(ByteView bytes) {
  TRY(refuse_snp(bytes));
  const Quote quote = TRY(parse_quote(bytes).context("quote"));
  Reason why{};
  const ByteView pem = TRY(find_pck_pem(quote, {}, why));
  const PckChain chain = TRY(parse_pck_chain(pem, why).context("PCK certificate chain"));
  const TeeType tee = quote.td ? TeeType::Tdx : TeeType::Sgx;
  const std::string ca = chain.issuer.ca.common_name();
  if (ca == kPlatformCa) return CollateralKey{tee, chain.machine.fmspc, "platform"};
  if (ca == kProcessorCa) return CollateralKey{tee, chain.machine.fmspc, "processor"};
  return malformed("PCK certificate chain: found issuer \"", ca, "\", wanted \"", kPlatformCa,
                   "\" or \"", kProcessorCa, '"');
}

Judgement judge_quote(ByteView quote, const Collateral& collateral, std::span<const RootKey> roots,
                      TimePoint now, RootCaCrl root_ca_crl) {
  Judgement out{internal_error("not judged yet")};
  Reason why = Reason::Malformed;
  out.claims = judge_from_bytes(quote, collateral, roots, now, root_ca_crl, out, why);
  if (!out.claims) out.reason = why;
  return out;
}

Result<Claims> verify_quote(ByteView quote, const Collateral& collateral,
                            std::span<const RootKey> roots, TimePoint now) {
  TRY(refuse_snp(quote));
  return judge_quote(quote, collateral, roots, now).claims;
}

Result<Claims> verify_quote(ByteView bytes, const VerifiedCollateral& collateral, TimePoint now) {
  TRY(refuse_snp(bytes));
  Reason why{};
  Judgement unused{internal_error("not judged yet")};
  const Quote quote = TRY(parse_quote(bytes).context("quote"));
  const ByteView pem = TRY(find_pck_pem(quote, {}, why));
  return judge(quote, pem, collateral, now, unused, why);
}

}  // namespace torchkeep::attest
