#include <gtest/gtest.h>

#include "torchkeep/attest/verify.h"

#include "tests/attest/forger.h"

// What a forger gets refused who can sign anything but has not Intel's keys, or who has only some
// of them.
namespace torchkeep::attest {
namespace {

using testing::Forger;
using testing::kDay;
using testing::kNow;
using testing::qe_level;
using testing::tcb_level;

Judgement judge(Forger& forger, TimePoint now = kNow) {
  const testing::Evidence evidence = forger.make();
  return judge_quote(evidence.quote, evidence.collateral, {&evidence.root, 1}, now);
}

TEST(Forger, UnlessAskedToForgeMakesEvidenceThatVerifies) {
  Forger forger;
  const Judgement judgement = judge(forger);
  ASSERT_TRUE(judgement.claims.ok()) << judgement.claims.error();
  EXPECT_EQ(judgement.claims->tcb_status(), TcbStatus::UpToDate);
  EXPECT_TRUE(judgement.claims->shortfalls().empty());
}

struct Forgery {
  const char* name;
  std::function<void(Forger&)> forge;
  Reason reason;
  const char* complaint;
};

class Forgeries : public ::testing::TestWithParam<Forgery> {};

TEST_P(Forgeries, AreRefusedWithTheirReason) {
  Forger forger;
  GetParam().forge(forger);
  const Judgement judgement = judge(forger);
  ASSERT_FALSE(judgement.claims.ok());
  const Error& error = judgement.claims.error();
  EXPECT_EQ(name_of(judgement.reason.value()), name_of(GetParam().reason)) << error;
  EXPECT_NE(error.message.find(GetParam().complaint), std::string::npos) << error;
  EXPECT_EQ(error.code, judgement.reason == Reason::Malformed ||
                                judgement.reason == Reason::UnsupportedCertDataType
                            ? ErrorCode::Malformed
                            : ErrorCode::Untrusted)
      << error;
}

std::string forgery_name(const ::testing::TestParamInfo<Forgery>& forgery) {
  return forgery.param.name;
}

// A critical extension nobody knows: the number of the basic constraints made 2.5.29.127.
crypto::Certificate make_unknown_critical(const crypto::Certificate& pck, const Forger& forger) {
  const Bytes basic_constraints = {0x06, 0x03, 0x55, 0x1d, 0x13};
  const Bytes unknown = {0x06, 0x03, 0x55, 0x1d, 0x7f};
  return testing::edit_certificate(pck, basic_constraints, unknown, forger.ca.key);
}

INSTANTIATE_TEST_SUITE_P(
    Chain, Forgeries,
    ::testing::Values(
        Forgery{"RootOfAnotherName", [](auto& f) { f.root.request.common_name = "Root"; },
                Reason::UntrustedChain, "Intel SGX Root CA"},
        Forgery{"RootThatIsNoCa", [](auto& f) { f.root.request.is_ca = false; },
                Reason::UntrustedChain, "not one of a CA"},
        Forgery{"PckCaOfAnotherName", [](auto& f) { f.ca.request.common_name = "PCK CA"; },
                Reason::UntrustedChain, "PCK Platform CA"},
        Forgery{"PckCaThatIsNoCa", [](auto& f) { f.ca.request.is_ca = false; },
                Reason::UntrustedChain, "not one of a CA"},
        Forgery{"PckThatIsACa", [](auto& f) { f.pck.request.is_ca = true; }, Reason::UntrustedChain,
                "is one of a CA"},
        Forgery{"PckOfAnotherName", [](auto& f) { f.pck.request.common_name = "PCK"; },
                Reason::UntrustedChain, "Intel SGX PCK Certificate"},
        Forgery{"PckWithUnknownCriticalExtension",
                [](auto& f) { f.edit_pck = make_unknown_critical; }, Reason::UntrustedChain,
                "critical extension"},
        Forgery{"PckSignedByAnotherCa",
                [](auto& f) {
                  f.edit_chain = [](auto& chain) {
                    Forger other;
                    const auto root = other.root.issue(nullptr, other.root);
                    chain[1] = other.ca.issue(&root, other.root);
                  };
                },
                Reason::UntrustedChain, "not signed by"},
        Forgery{"ChainUnderAnotherRoot",
                [](auto& f) {
                  f.edit_chain = [](auto& chain) {
                    Forger other;
                    chain[2] = other.root.issue(nullptr, other.root);
                  };
                },
                Reason::UntrustedChain, "accepted roots"},
        Forgery{"ChainWithoutRoot", [](auto& f) { f.edit_chain = [](auto& c) { c.pop_back(); }; },
                Reason::Malformed, "2 certificates, not 3"},
        Forgery{"ChainWithACertificateMore",
                [](auto& f) { f.edit_chain = [](auto& c) { c.push_back(c[2]); }; },
                Reason::Malformed, "4 certificates, not 3"},
        Forgery{"PckWithoutSgxExtension", [](auto& f) { f.sgx_extension = false; },
                Reason::Malformed, "found 0 SGX extensions"},
        Forgery{"CertificationDataOfAnotherType",
                [](auto& f) { f.edit_quote = [](auto& q) { q.certification_type = 3; }; },
                Reason::UnsupportedCertDataType, "found type 3"}),
    forgery_name);

INSTANTIATE_TEST_SUITE_P(
    Revocation, Forgeries,
    ::testing::Values(
        Forgery{"PckRevoked",
                [](auto& f) {
                  f.revoked_by_ca = {{9}, f.pck.request.serial};
                },
                Reason::CertificateRevoked, "PCK CRL"},
        Forgery{"PckCaRevoked", [](auto& f) { f.revoked_by_root = {f.ca.request.serial}; },
                Reason::CertificateRevoked, "root CA CRL"},
        Forgery{"TcbSignerRevoked", [](auto& f) { f.revoked_by_root = {f.signer.request.serial}; },
                Reason::CertificateRevoked, "TCB Signing"},
        Forgery{"NoPckCrl", [](auto& f) { f.edit_collateral = [](auto& c) { c.pck_crl.clear(); }; },
                Reason::Malformed, "PCK CRL: the document is missing"},
        Forgery{"NoRootCaCrl",
                [](auto& f) { f.edit_collateral = [](auto& c) { c.root_ca_crl.clear(); }; },
                Reason::Malformed, "root CA CRL: the document is missing"},
        Forgery{"CrlsExchanged",
                [](auto& f) {
                  f.edit_collateral = [](auto& c) { std::swap(c.pck_crl, c.root_ca_crl); };
                },
                Reason::CrlIssuerMismatch, "another CA's list"},
        Forgery{"RootsOwnListInPlaceOfTheCas",
                [](auto& f) { f.edit_collateral = [](auto& c) { c.pck_crl = c.root_ca_crl; }; },
                Reason::CrlIssuerMismatch, "another CA's list"},
        Forgery{"CrlByAnotherKey",
                [](auto& f) {
                  f.edit_collateral = [](auto& c) {
                    c.pck_crl = Forger().make().collateral.pck_crl;
                  };
                },
                Reason::CrlBadSignature, "not signed by"},
        Forgery{"PckCrlWithoutItsChainByAnotherKey",
                [](auto& f) {
                  f.edit_collateral = [](auto& c) {
                    c.pck_crl = Forger().make().collateral.pck_crl;
                    c.pck_crl_issuer_chain.clear();
                  };
                },
                Reason::CrlBadSignature, "not signed by"},
        Forgery{"PckRevokedInAListWithoutItsChain",
                [](auto& f) {
                  f.revoked_by_ca = {f.pck.request.serial};
                  f.edit_collateral = [](auto& c) { c.pck_crl_issuer_chain.clear(); };
                },
                Reason::CertificateRevoked, "PCK CRL"},
        Forgery{"HtmlForACrl",
                [](auto& f) {
                  f.edit_collateral = [](auto& c) { c.pck_crl = to_bytes(as_bytes("<html>")); };
                },
                Reason::Malformed, "PCK CRL"}),
    forgery_name);

INSTANTIATE_TEST_SUITE_P(
    Documents, Forgeries,
    ::testing::Values(
        Forgery{"TcbInfoOfAnotherFamily", [](auto& f) { f.tcb_info["fmspc"] = "010203040507"; },
                Reason::TcbInfoMismatch, "fmspc: found 010203040507, wanted 010203040506"},
        Forgery{"TcbInfoOfAnotherPce", [](auto& f) { f.tcb_info["pceId"] = "0001"; },
                Reason::TcbInfoMismatch, "pceId"},
        Forgery{"TcbInfoWithoutPce", [](auto& f) { f.tcb_info.erase("pceId"); },
                Reason::TcbInfoMismatch, "pceId: found none"},
        Forgery{"TcbInfoByAPck",
                [](auto& f) {
                  // A machine's own key signs its TCB info.
                  f.signer.request.common_name = "Intel SGX PCK Certificate";
                },
                Reason::UntrustedChain, "Intel SGX TCB Signing"},
        Forgery{"TcbSignerThatIsACa", [](auto& f) { f.signer.request.is_ca = true; },
                Reason::UntrustedChain, "is one of a CA"},
        Forgery{"TcbInfoByAnotherKey",
                [](auto& f) {
                  f.edit_collateral = [](auto& c) {
                    c.tcb_info = Forger().make().collateral.tcb_info;
                  };
                },
                Reason::TcbInfoBadSignature, "TCB info: signature"},
        Forgery{"QeIdentityByAnotherKey",
                [](auto& f) {
                  f.edit_collateral = [](auto& c) {
                    c.qe_identity = Forger().make().collateral.qe_identity;
                  };
                },
                Reason::QeIdentityBadSignature, "QE identity: signature"},
        Forgery{"QeIdentityUnderAnotherRoot",
                [](auto& f) {
                  f.edit_collateral = [](auto& c) {
                    c.qe_identity_issuer_chain = Forger().make().collateral.tcb_info_issuer_chain;
                  };
                },
                Reason::UntrustedChain, "QE identity issuer chain"},
        Forgery{"DocumentsExchanged",
                [](auto& f) {
                  f.edit_collateral = [](auto& c) { std::swap(c.tcb_info, c.qe_identity); };
                },
                Reason::Malformed, "tcbInfo"},
        Forgery{"HtmlForTcbInfo",
                [](auto& f) {
                  f.edit_collateral = [](auto& c) { c.tcb_info = to_bytes(as_bytes("<html>")); };
                },
                Reason::Malformed, "TCB info"},
        Forgery{"NoQeIdentity",
                [](auto& f) { f.edit_collateral = [](auto& c) { c.qe_identity.clear(); }; },
                Reason::Malformed, "QE identity: the document is missing"}),
    forgery_name);

INSTANTIATE_TEST_SUITE_P(
    QuotingEnclave, Forgeries,
    ::testing::Values(
        Forgery{"AttestationKeyNotNamed", [](auto& f) { f.bind_attestation_key = false; },
                Reason::QeReportDataMismatch, "attestation key"},
        Forgery{"AttestationKeyOfAnother",
                [](auto& f) {
                  f.edit_quote = [](Quote& q) {
                    const auto key = crypto::EcdsaPrivateKey::generate();
                    q.attestation_key = key.public_point();
                    q.signature = key.sign(q.signed_bytes);
                  };
                },
                Reason::QeReportDataMismatch, "attestation key"},
        Forgery{"ReportByAnotherPck",
                [](auto& f) {
                  f.edit_quote = [](Quote& q) {
                    q.qe_report_signature =
                        crypto::EcdsaPrivateKey::generate().sign(q.qe_report_bytes);
                  };
                },
                Reason::BadQeReportSignature, "PCK certificate"},
        Forgery{"OfAnotherSigner", [](auto& f) { f.qe_report.mr_signer[31] ^= 1; },
                Reason::QeIdentityMismatch, "MRSIGNER"},
        Forgery{"OfAnotherProduct", [](auto& f) { f.qe_report.isv_prod_id = 2; },
                Reason::QeIdentityMismatch, "ISVPRODID: found 2, wanted 1"},
        Forgery{"WithOtherMiscSelect", [](auto& f) { f.qe_report.misc_select = 1; },
                Reason::QeIdentityMismatch, "MISCSELECT"},
        Forgery{"WithoutProvisionKey", [](auto& f) { f.qe_report.attributes[0] = 0x05; },
                Reason::QeIdentityMismatch, "ATTRIBUTES"},
        Forgery{"InDebugMode", [](auto& f) { f.qe_report.attributes[0] |= 0x02; },
                Reason::QeIdentityMismatch, "ATTRIBUTES"},
        Forgery{"InDebugModeThatTheIdentityOverlooks",
                [](auto& f) {
                  f.qe_identity["attributesMask"] = "F9FFFFFFFFFFFFFF0000000000000000";
                  f.qe_report.attributes[0] |= 0x02;
                },
                Reason::QeIdentityMismatch, "debug mode"},
        Forgery{"WithIdentityForTdx", [](auto& f) { f.qe_identity["id"] = "TD_QE"; },
                Reason::QeIdentityMismatch, "found TD_QE, wanted QE"},
        Forgery{"BelowEveryLevel", [](auto& f) { f.qe_report.isv_svn = 5; },
                Reason::TcbNotSupported, "ISVSVN: found 5, wanted at least 6"},
        Forgery{"Revoked", [](auto& f) { f.qe_identity["tcbLevels"] = {qe_level(8, "Revoked")}; },
                Reason::TcbRevoked, "Revoked"}),
    forgery_name);

INSTANTIATE_TEST_SUITE_P(
    Enclave, Forgeries,
    ::testing::Values(
        Forgery{"MeasurementChanged",
                [](auto& f) { f.edit_quote = [](Quote& q) { q.signed_bytes[48 + 64] ^= 1; }; },
                Reason::BadQuoteSignature, "quote signature"},
        Forgery{"SignatureOfAnotherKey",
                [](auto& f) {
                  f.edit_quote = [](Quote& q) {
                    q.signature = crypto::EcdsaPrivateKey::generate().sign(q.signed_bytes);
                  };
                },
                Reason::BadQuoteSignature, "quote signature"},
        Forgery{"SignatureOfZeros",
                [](auto& f) { f.edit_quote = [](Quote& q) { q.signature.fill(0); }; },
                Reason::BadQuoteSignature, "quote signature"},
        Forgery{"AttestationKeyOffTheCurve",
                [](auto& f) { f.edit_quote = [](Quote& q) { q.attestation_key.fill(1); }; },
                Reason::QeReportDataMismatch, "attestation key"},
        Forgery{"OtherVendor", [](auto& f) { f.header.qe_vendor_id[0] ^= 1; }, Reason::Malformed,
                "QE vendor id"},
        Forgery{"Tdx", [](auto& f) { f.header.tee_type = 0x81; }, Reason::Malformed, "TEE type"}),
    forgery_name);

INSTANTIATE_TEST_SUITE_P(
    Platform, Forgeries,
    ::testing::Values(
        Forgery{"BelowEveryLevel", [](auto& f) { f.machine.components[0] = 3; },
                Reason::TcbNotSupported,
                "TCB component 1 (BIOS, Early Microcode Update): found 3, wanted at least 4"},
        Forgery{"BelowEveryLevelInPceSvn", [](auto& f) { f.machine.pce_svn = 11; },
                Reason::TcbNotSupported, "PCESVN: found 11, wanted at least 12"},
        Forgery{"BelowEveryLevelInTheLastComponent", [](auto& f) { f.machine.components[15] = 0; },
                Reason::TcbNotSupported, "TCB component 16: found 0, wanted at least 1"},
        Forgery{
            "Revoked",
            [](auto& f) {
              f.tcb_info["tcbLevels"] = {tcb_level(6, 13, "UpToDate"), tcb_level(5, 13, "Revoked")};
            },
            Reason::TcbRevoked, "found 5, wanted at least 6"}),
    forgery_name);

INSTANTIATE_TEST_SUITE_P(
    Dates, Forgeries,
    ::testing::Values(
        Forgery{"TcbInfoExpired",
                [](auto& f) {
                  f.tcb_info["nextUpdate"] = format_rfc3339(kNow - std::chrono::seconds(1));
                },
                Reason::Expired, "TCB info"},
        Forgery{"QeIdentityExpired",
                [](auto& f) {
                  f.qe_identity["nextUpdate"] = format_rfc3339(kNow - std::chrono::seconds(1));
                },
                Reason::Expired, "QE identity"},
        Forgery{"TcbInfoOfTomorrow",
                [](auto& f) { f.tcb_info["issueDate"] = format_rfc3339(kNow + kDay); },
                Reason::NotYetValid, "TCB info"},
        Forgery{"CrlsExpired", [](auto& f) { f.crl_next = kNow - std::chrono::seconds(1); },
                Reason::Expired, "CRL"},
        Forgery{"CrlsOfTomorrow", [](auto& f) { f.crl_issued = kNow + kDay; }, Reason::NotYetValid,
                "CRL"},
        Forgery{"PckExpired", [](auto& f) { f.pck.request.not_after = kNow - kDay; },
                Reason::Expired, "Intel SGX PCK Certificate"},
        Forgery{"PckCaExpired", [](auto& f) { f.ca.request.not_after = kNow - kDay; },
                Reason::Expired, "Intel SGX PCK Platform CA"},
        Forgery{"RootExpired", [](auto& f) { f.root.request.not_after = kNow - kDay; },
                Reason::Expired, "Intel SGX Root CA"},
        Forgery{"TcbSignerExpired", [](auto& f) { f.signer.request.not_after = kNow - kDay; },
                Reason::Expired, "Intel SGX TCB Signing"},
        Forgery{"PckOfTomorrow", [](auto& f) { f.pck.request.not_before = kNow + kDay; },
                Reason::NotYetValid, "Intel SGX PCK Certificate"}),
    forgery_name);

TEST(Dates, AreNamedWithFoundAndWanted) {
  Forger forger;
  const Judgement late = judge(forger, kNow + 29 * kDay + std::chrono::seconds(1));
  EXPECT_EQ(late.reason, Reason::Expired);
  EXPECT_NE(late.claims.error().message.find("2026-12-22T10:00:00Z"), std::string::npos);
  EXPECT_EQ(late.tcb_status, TcbStatus::UpToDate);
  EXPECT_TRUE(judge(forger, kNow + 29 * kDay).claims.ok());
}

// Intel has two certificates of one root key; a chain may hold the other one.
TEST(Chain, MayHoldTheOtherCertificateOfTheRoot) {
  Forger forger;
  forger.edit_chain = [&](auto& chain) {
    testing::Party& root = forger.root;
    root.request.serial = {77};
    chain[2] = root.issue(nullptr, root);
  };
  EXPECT_TRUE(judge(forger).claims.ok());
}

TEST(Chain, MayBeOrderedAsOldPlatformsDo) {
  Forger forger;
  forger.edit_chain = [](auto& chain) { std::swap(chain[1], chain[2]); };
  EXPECT_TRUE(judge(forger).claims.ok());
}

TEST(PckCrl, WithoutItsIssuerChainIsVerifiedWithTheQuotesOwn) {
  Forger forger;
  forger.edit_collateral = [](auto& c) { c.pck_crl_issuer_chain.clear(); };
  const Judgement judgement = judge(forger);
  EXPECT_TRUE(judgement.claims.ok()) << judgement.claims.error();
  EXPECT_EQ(judge(forger, kNow + 31 * kDay).reason, Reason::Expired);
}

}  // namespace
}  // namespace torchkeep::attest
