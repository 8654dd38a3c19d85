#include <atomic>
#include <cctype>
#include <functional>
#include <mutex>

#include <gtest/gtest.h>

#include "torchkeep/attest/internal/chains.h"
#include "torchkeep/attest/qe_identity.h"
#include "torchkeep/attest/quote.h"
#include "torchkeep/attest/snp.h"
#include "torchkeep/attest/tcb_info.h"
#include "torchkeep/attest/verify.h"
#include "torchkeep/base/encoding.h"
#include "torchkeep/base/thread_pool.h"
#include "torchkeep/crypto/x509.h"

#include "tests/attest/vectors.h"

// Every bit of a genuine quote and of its collateral is covered by a signature, or says nothing.
namespace torchkeep::attest {
namespace {

/// Bits whose flip was accepted.
std::vector<std::size_t> accepted_flips(const Bytes& genuine,
                                        const std::function<bool(const Bytes&)>& accepts) {
  std::mutex mutex;
  std::vector<std::size_t> accepted;
  ThreadPool pool(usable_cores());
  pool.parallel_for(genuine.size(), [&](std::size_t byte) {
    Bytes copy = genuine;
    for (std::size_t bit = 0; bit < 8; ++bit) {
      copy[byte] = genuine[byte] ^ static_cast<std::uint8_t>(1u << bit);
      if (!accepts(copy)) continue;
      const std::lock_guard lock(mutex);
      accepted.push_back(byte * 8 + bit);
    }
  });
  return accepted;
}

class EveryBit : public ::testing::TestWithParam<const char*> {
 protected:
  EveryBit()
      : vector_(testing::load_dcap_vector(GetParam())),
        now_(parse_rfc3339(testing::text_at(vector_.manifest, "verify_at")).value()) {}

  bool accepts(Bytes Collateral::*document, const Bytes& flipped) const {
    Collateral collateral = vector_.collateral;
    collateral.*document = flipped;
    return VerifiedCollateral::verify(collateral, {&root_, 1}).ok();
  }

  /// Flips every bit of one document, judged by `verify`, which is the part of the verification
  /// that looks at this document; now and then by the whole of it, and always where a flip is
  /// accepted.
  std::vector<std::size_t> flip(Bytes Collateral::*document,
                                const std::function<bool(const Bytes&)>& verify) const {
    std::atomic<std::size_t> count = 0;
    return accepted_flips(vector_.collateral.*document, [&](const Bytes& flipped) {
      const bool accepted = verify(flipped);
      constexpr std::size_t kWhole = 61;  // no divisor of a byte's bits
      if (accepted || ++count % kWhole == 0) {
        EXPECT_EQ(accepts(document, flipped), accepted);
      }
      return accepted;
    });
  }

  /// Flips that leave every certificate as it was changed white space only.
  void expect_only_blanks(Bytes Collateral::*document,
                          const std::function<bool(const Bytes&)>& verify) const {
    const Bytes& pem = vector_.collateral.*document;
    const std::string genuine = crypto::encode_pem(crypto::parse_pem_chain(pem).value());
    for (const std::size_t bit : flip(document, verify)) {
      Bytes flipped = pem;
      flipped[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
      EXPECT_EQ(crypto::encode_pem(crypto::parse_pem_chain(flipped).value()), genuine) << bit;
    }
  }

  /// The digits of a signature may be of either case; nothing else may change.
  void expect_only_hex_case(Bytes Collateral::*document,
                            const std::function<bool(const Bytes&)>& verify) const {
    const Bytes& json = vector_.collateral.*document;
    const std::size_t signature = as_text(json).rfind("\"signature\"");
    for (const std::size_t bit : flip(document, verify)) {
      EXPECT_GT(bit / 8, signature);
      EXPECT_EQ(bit % 8, 5u);
      EXPECT_TRUE(std::isalpha(json[bit / 8])) << bit;
    }
  }

  template <typename Document>
  bool is_signed(const Document& document) const {
    return crypto::verify_p256(signer_.p256_point().value(), document.signed_bytes,
                               document.signature)
        .ok();
  }
  bool accepts_crl(const Bytes& flipped, const crypto::Certificate& issuer) const {
    Reason why{};
    return verify_crl(flipped, issuer, "CRL", why).ok();
  }

  testing::Vector vector_;
  TimePoint now_;
  RootKey root_ = intel_root_key();
  crypto::Certificate signer_ = parse_chain(vector_.collateral.tcb_info_issuer_chain, 2).value()[0];
};

TEST_P(EveryBit, OfAQuoteIsCovered) {
  const auto collateral = VerifiedCollateral::verify(vector_.collateral, {&root_, 1}).value();
  const Quote genuine = parse_quote(vector_.quote).value();
  const Bytes quote = encode_quote(genuine);
  const auto chain = crypto::parse_pem_chain(genuine.certification_data).value();
  const auto accepted = accepted_flips(
      quote, [&](const Bytes& flipped) { return verify_quote(flipped, collateral, now_).ok(); });
  // White space and padding around certificates say nothing.
  for (const std::size_t bit : accepted) {
    Bytes flipped = quote;
    flipped[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
    Quote other = parse_quote(flipped).value();
    EXPECT_EQ(crypto::encode_pem(crypto::parse_pem_chain(other.certification_data).value()),
              crypto::encode_pem(chain))
        << bit;
    other.certification_data = genuine.certification_data;
    EXPECT_EQ(other, genuine) << bit;
  }
  EXPECT_LE(accepted.size(), 2u);
}

TEST_P(EveryBit, OfTcbInfoIsCovered) {
  expect_only_hex_case(&Collateral::tcb_info, [&](const Bytes& flipped) {
    const auto info = parse_tcb_info(flipped);
    return info && is_signed(*info);
  });
}

TEST_P(EveryBit, OfQeIdentityIsCovered) {
  expect_only_hex_case(&Collateral::qe_identity, [&](const Bytes& flipped) {
    const auto identity = parse_qe_identity(flipped);
    return identity && is_signed(*identity);
  });
}

TEST_P(EveryBit, OfTheIssuerChainsOfTcbInfoAndQeIdentityIsCovered) {
  ASSERT_EQ(vector_.collateral.tcb_info_issuer_chain, vector_.collateral.qe_identity_issuer_chain);
  expect_only_blanks(&Collateral::tcb_info_issuer_chain, [&](const Bytes& flipped) {
    const auto chain = parse_chain(flipped, 2);
    return chain && verify_leaf((*chain)[0], "Intel SGX TCB Signing", (*chain)[1]) &&
           verify_root((*chain)[1], {&root_, 1});
  });
}

TEST_P(EveryBit, OfTheIssuerChainOfThePckCrlIsCovered) {
  expect_only_blanks(&Collateral::pck_crl_issuer_chain, [&](const Bytes& flipped) {
    const auto chain = parse_chain(flipped, 2);
    return chain && verify_pck_ca({(*chain)[0], (*chain)[1]}, {&root_, 1});
  });
}

TEST_P(EveryBit, OfTheCrlsIsCovered) {
  const auto chain = parse_chain(vector_.collateral.pck_crl_issuer_chain, 2).value();
  EXPECT_TRUE(flip(&Collateral::pck_crl, [&](const Bytes& flipped) {
                return accepts_crl(flipped, chain[0]);
              }).empty());
  EXPECT_TRUE(flip(&Collateral::root_ca_crl, [&](const Bytes& flipped) {
                return accepts_crl(flipped, chain[1]);
              }).empty());
}

INSTANTIATE_TEST_SUITE_P(All, EveryBit,
                         ::testing::Values("sgx3-cfgswhardening", "tdx5-td15-uptodate"),
                         [](const auto& vector) {
                           return std::string(vector.index == 0 ? "Sgx" : "Tdx");
                         });

/// AMD's evidence: the report, and each certificate against the one above it.
class EverySnpBit : public ::testing::Test {
 protected:
  Bytes load(const char* file) const { return testing::load_dcap_file("snp-milan-vcek", file); }
  bool accepts(const Bytes& report, const SnpEndorsements& endorsements) const {
    return judge_snp_report(report, endorsements, {&root_, 1}, now_).claims.ok();
  }

  Digest256 root_ = amd_milan_root();
  TimePoint now_ = parse_rfc3339("2026-03-25T12:00:00Z").value();
  SnpEndorsements endorsements_{
      .leaf = load("leaf.der"), .ask = load("ask.pem"), .ark = load("ark.pem")};
  crypto::Certificate leaf_ = crypto::Certificate::from_der(endorsements_.leaf).value();
  crypto::Certificate ask_ = crypto::parse_pem_chain(endorsements_.ask).value()[0];
  crypto::Certificate ark_ = crypto::parse_pem_chain(endorsements_.ark).value()[0];
};

// What no signature covers behind it must be zero.
TEST_F(EverySnpBit, OfAReportIsCovered) {
  const Bytes report = load("quote.bin");
  ASSERT_TRUE(accepts(report, endorsements_));
  const auto key = leaf_.p384_point().value();
  EXPECT_TRUE(accepted_flips(report, [&](const Bytes& flipped) {
                const auto parsed = parse_snp_report(flipped);
                return parsed && crypto::verify_p384(key, ByteView(flipped).first(kSnpSignedBytes),
                                                     parsed->signature)
                                     .ok();
              }).empty());
  for (const std::size_t byte : {0x08u, 0x50u, 0x90u, 0x180u, 0x1a0u, 0x2a0u, 0x2e8u, 0x330u}) {
    Bytes flipped = report;
    flipped[byte] ^= 1;
    EXPECT_FALSE(accepts(flipped, endorsements_)) << byte;
  }
}

TEST_F(EverySnpBit, OfTheLeafIsCovered) {
  EXPECT_TRUE(accepted_flips(leaf_.der(), [&](const Bytes& flipped) {
                const auto leaf = crypto::Certificate::from_der(flipped);
                return leaf && leaf->is_signed_with_rsa_pss() && leaf->verify_issued_by(ask_);
              }).empty());
}

TEST_F(EverySnpBit, OfTheCasIsCovered) {
  for (const auto& certificate : {ask_, ark_}) {
    EXPECT_TRUE(accepted_flips(certificate.der(), [&](const Bytes& flipped) {
                  const auto ca = crypto::Certificate::from_der(flipped);
                  return ca && ca->is_signed_with_rsa_pss() && ca->verify_issued_by(ark_);
                }).empty());
  }
}

}  // namespace
}  // namespace torchkeep::attest
