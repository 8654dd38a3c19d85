#include "torchkeep/channel/ra_tls.h"

#include <gmock/gmock.h>

#include "torchkeep/base/encoding.h"
#include "torchkeep/channel/internal/cbor.h"
#include "torchkeep/crypto/digest.h"
#include "torchkeep/json/json.h"

#include "tests/channel/session_world.h"
#include "tests/support/failing_platform.h"
#include "tests/support/files.h"

namespace torchkeep::channel {
namespace {

using ::testing::HasSubstr;

constexpr const char* kOid = "2.23.133.5.4.9";

class RaTlsVectors : public ::testing::TestWithParam<const char*> {
 protected:
  crypto::Certificate certificate_ =
      crypto::parse_pem_chain(
          torchkeep::testing::load_vector(text("channel/vectors/ratls/", GetParam())))
          .value()
          .front();
  json::Json expected_ =
      json::parse(as_text(torchkeep::testing::load_vector("channel/vectors/ratls/expected.json")))
          .value()
          .at(GetParam());
  json::Json extension() const {
    for (const json::Json& extension : expected_.at("extensions")) {
      if (extension.at("oid") == kOid) return extension;
    }
    return {};
  }
};

TEST_P(RaTlsVectors, HoldTheEvidenceThatIsExpected) {
  const auto quote = parse_ra_tls_evidence(certificate_);
  ASSERT_TRUE(quote.ok()) << quote.error();
  const json::Json evidence = extension();
  const json::Json& expected = evidence.at("quote");
  EXPECT_EQ(quote->size(), evidence.at("quote_len").get<std::size_t>());
  EXPECT_EQ(encode_hex(ByteView(*quote).subspan(48 + 320, 64)),
            expected.at("report_data").get<std::string>());
  EXPECT_EQ(encode_hex(ByteView(*quote).subspan(48 + 64, 32)),
            expected.at("mr_enclave").get<std::string>());
  EXPECT_EQ(encode_hex(crypto::sha256(certificate_.public_key_info())),
            expected_.at("spki_sha256").get<std::string>());
}

TEST_P(RaTlsVectors, AreNoEvidenceOfASimulatedMachine) {
  testing::World world;
  const auto claims =
      verify_ra_tls_certificate(certificate_, world.machine.collateral(world.clock.now()),
                                world.client_party().roots, world.clock.now());
  ASSERT_FALSE(claims.ok());
  EXPECT_EQ(claims.error().code, ErrorCode::Untrusted);
}

TEST_P(RaTlsVectors, AreTheSameWhereLegacyEvidenceIsAllowed) {
  const auto strict = parse_ra_tls_evidence(certificate_);
  const auto lenient = parse_ra_tls_evidence(certificate_, RaTlsEvidence::StandardOrLegacy);
  ASSERT_TRUE(lenient.ok()) << lenient.error();
  EXPECT_EQ(*lenient, *strict) << "the standard evidence goes first";
}

// Gramine's deprecated evidence, as its real certificate has it, alone in a certificate.
TEST(LegacyRaTls, IsReadOnlyWhereThatIsAskedFor) {
  constexpr const char* kLegacyOid = "0.6.9.42.840.113741.1337.6";
  const auto gramine =
      crypto::parse_pem_chain(testing::load_vector("channel/vectors/ratls/gramine-cert.pem"))
          .value()
          .front();
  ASSERT_EQ(gramine.extensions(kLegacyOid).size(), 1U) << "the OID as it really is";
  const Bytes real = gramine.extensions(kLegacyOid).front();
  EXPECT_TRUE(equal(ByteView(real).subspan(48 + 320, 64),
                    tee::ReportData::for_certificate(gramine.public_key_info()).bytes()))
      << "the rule as it really is";

  testing::World world;
  const auto key = crypto::EcdsaPrivateKey::generate();
  const auto issue = [&](std::vector<Bytes> quotes) {
    crypto::CertificateRequest request{.common_name = "legacy",
                                       .public_key_info = key.public_key_info(),
                                       .serial = {1},
                                       .not_before = world.clock.now(),
                                       .not_after = world.clock.now() + std::chrono::hours(1)};
    for (Bytes& quote : quotes) request.extensions.push_back({kLegacyOid, std::move(quote)});
    return crypto::issue_certificate(request, nullptr, key);
  };
  const Bytes quote =
      world.worker.make_evidence(tee::ReportData::for_certificate(key.public_key_info())).value();
  const auto certificate = issue({quote});
  const auto strict = parse_ra_tls_evidence(certificate);
  ASSERT_FALSE(strict.ok());
  EXPECT_EQ(strict.error().code, ErrorCode::NotFound);
  EXPECT_THAT(strict.error().message, HasSubstr("deprecated"));

  const auto allowed = RaTlsEvidence::StandardOrLegacy;
  EXPECT_EQ(parse_ra_tls_evidence(certificate, allowed).value(), quote);
  const auto claims =
      verify_ra_tls_certificate(certificate, world.machine.collateral(world.clock.now()),
                                world.worker_party().roots, world.clock.now(), allowed);
  EXPECT_TRUE(claims.ok()) << claims.error();

  EXPECT_EQ(parse_ra_tls_evidence(issue({real}), allowed).error().code, ErrorCode::Untrusted)
      << "evidence of another key";
  EXPECT_EQ(parse_ra_tls_evidence(issue({quote, quote}), allowed).error().code,
            ErrorCode::Malformed);
  EXPECT_EQ(parse_ra_tls_evidence(issue({Bytes(quote.begin(), quote.begin() + 300)}), allowed)
                .error()
                .code,
            ErrorCode::Malformed);
}

INSTANTIATE_TEST_SUITE_P(Samples, RaTlsVectors,
                         ::testing::Values("gramine-cert.pem", "rats-tls-cert.pem"),
                         [](const auto& tested) {
                           return tested.param[0] == 'g' ? "Gramine" : "RatsTls";
                         });

class RaTls : public ::testing::Test {
 protected:
  Result<attest::Claims> verify(const crypto::Certificate& certificate) {
    return verify_ra_tls_certificate(certificate, world_.machine.collateral(world_.clock.now()),
                                     world_.client_party().roots, world_.clock.now());
  }
  testing::World world_;
};

TEST_F(RaTls, TellsWhoWeAre) {
  const auto identity = make_ra_tls_identity(world_.worker, world_.random, world_.clock.now());
  ASSERT_TRUE(identity.ok()) << identity.error();
  EXPECT_EQ(identity->certificate.public_key_info(), identity->key.public_key_info());
  const auto claims = verify(identity->certificate);
  ASSERT_TRUE(claims.ok()) << claims.error();
  EXPECT_EQ(claims->find_enclave()->isv_prod_id, 0x5403);
}

TEST_F(RaTls, NeedsAPlatformThatAnswers) {
  torchkeep::testing::FailingPlatform platform;
  const auto identity = make_ra_tls_identity(platform, world_.random, world_.clock.now());
  ASSERT_FALSE(identity.ok());
  EXPECT_EQ(identity.error().code, ErrorCode::Unavailable);
}

TEST_F(RaTls, RefusesACertificateThatWasChangedInAnyByte) {
  const auto identity = make_ra_tls_identity(world_.worker, world_.random, world_.clock.now());
  ASSERT_TRUE(identity.ok());
  Bytes der = identity->certificate.der();
  for (std::size_t at = 0; at < der.size(); ++at) {
    const auto bit = static_cast<std::uint8_t>(1 << (at % 8));
    der[at] ^= bit;
    const auto changed = crypto::Certificate::from_der(der);
    // Under another issuer's name its signature is that issuer's to check; the key and the evidence
    // that it is bound to are the same.
    if (changed.ok() && changed->issuer_name() == changed->subject_name()) {
      ASSERT_FALSE(parse_ra_tls_evidence(*changed).ok()) << "byte " << at;
    } else if (changed.ok() && parse_ra_tls_evidence(*changed).ok()) {
      ASSERT_EQ(changed->public_key_info(), identity->certificate.public_key_info());
      ASSERT_EQ(changed->extensions(kOid), identity->certificate.extensions(kOid));
    }
    der[at] ^= bit;
  }
}

TEST_F(RaTls, RefusesAnothersEvidenceUnderItsOwnKey) {
  const auto identity = make_ra_tls_identity(world_.worker, world_.random, world_.clock.now());
  ASSERT_TRUE(identity.ok());
  const auto key = crypto::EcdsaPrivateKey::generate();
  const auto stolen = crypto::issue_certificate(
      {.common_name = "thief",
       .public_key_info = key.public_key_info(),
       .serial = {1},
       .not_before = world_.clock.now(),
       .not_after = world_.clock.now() + std::chrono::hours(1),
       .extensions = {{kOid, identity->certificate.extensions(kOid).front()}}},
      nullptr, key);
  const auto claims = verify(stolen);
  ASSERT_FALSE(claims.ok());
  EXPECT_EQ(claims.error().code, ErrorCode::Untrusted);
  EXPECT_THAT(claims.error().message, HasSubstr("another key"));
}

/// Evidence put together by hand, as right or as wrong as a test wants it.
struct Evidence {
  Bytes claims;
  Bytes value;  // of the extension; empty: put together as it should be
  std::size_t extensions = 1;
};

struct Shape {
  const char* name;
  std::function<void(Evidence& evidence, ByteView key_info)> shape;
  std::optional<ErrorCode> expected;
};

Bytes hash_claim(std::uint64_t algorithm, ByteView digest) {
  Bytes out;
  append_cbor_head(out, CborType::Array, 2);
  append_cbor_head(out, CborType::Unsigned, algorithm);
  append_cbor_bytes(out, digest);
  return out;
}

Bytes claims_with(const std::vector<std::pair<std::string, Bytes>>& claims) {
  Bytes out;
  append_cbor_head(out, CborType::Map, claims.size());
  for (const auto& [name, value] : claims) {
    append_cbor_text(out, name);
    append_cbor_bytes(out, value);
  }
  return out;
}

class RaTlsShapes : public RaTls, public ::testing::WithParamInterface<Shape> {};

TEST_P(RaTlsShapes, AreTakenOrRefused) {
  const auto key = crypto::EcdsaPrivateKey::generate();
  const Bytes key_info = key.public_key_info();
  Evidence evidence;
  evidence.claims = claims_with({{"pubkey-hash", hash_claim(1, crypto::sha256(key_info))}});
  GetParam().shape(evidence, key_info);
  if (evidence.value.empty()) {
    const Bytes quote =
        world_.worker.make_evidence(tee::ReportData::for_certificate(evidence.claims)).value();
    append_cbor_head(evidence.value, CborType::Tag, 60000);
    append_cbor_head(evidence.value, CborType::Array, 2);
    append_cbor_bytes(evidence.value, quote);
    append_cbor_bytes(evidence.value, evidence.claims);
  }
  crypto::CertificateRequest request{.common_name = "shape",
                                     .public_key_info = key_info,
                                     .serial = {1},
                                     .not_before = world_.clock.now(),
                                     .not_after = world_.clock.now() + std::chrono::hours(1)};
  request.extensions.assign(evidence.extensions, {kOid, evidence.value});
  const auto quote = parse_ra_tls_evidence(crypto::issue_certificate(request, nullptr, key));
  ASSERT_EQ(quote.ok(), !GetParam().expected.has_value());
  if (!quote.ok()) {
    EXPECT_EQ(quote.error().code, *GetParam().expected) << quote.error();
  }
}

Bytes hex(std::string_view text) { return decode_hex(text).value(); }

INSTANTIATE_TEST_SUITE_P(
    Evidence, RaTlsShapes,
    ::testing::Values(
        Shape{"AsItShouldBe", [](auto&, ByteView) {}, std::nullopt},
        Shape{"Sha384",
              [](auto& it, ByteView key) {
                it.claims = claims_with({{"pubkey-hash", hash_claim(7, crypto::sha384(key))}});
              },
              std::nullopt},
        Shape{"Sha512",
              [](auto& it, ByteView key) {
                it.claims = claims_with({{"pubkey-hash", hash_claim(8, crypto::sha512(key))}});
              },
              std::nullopt},
        Shape{"UnknownClaimBeside",
              [](auto& it, ByteView key) {
                it.claims = claims_with({{"key_0", {1}},
                                         {"pubkey-hash", hash_claim(1, crypto::sha256(key))},
                                         {"nonce", {}}});
              },
              std::nullopt},
        Shape{"NoEvidence", [](auto& it, ByteView) { it.extensions = 0; }, ErrorCode::NotFound},
        Shape{"TwoEvidences", [](auto& it, ByteView) { it.extensions = 2; }, ErrorCode::Malformed},
        Shape{"NoPublicKeyHash",
              [](auto& it, ByteView) {
                it.claims = claims_with({{"nonce", Bytes(32)}});
              },
              ErrorCode::Malformed},
        Shape{"TwoPublicKeyHashes",
              [](auto& it, ByteView key) {
                const Bytes claim = hash_claim(1, crypto::sha256(key));
                it.claims = claims_with({{"pubkey-hash", claim}, {"pubkey-hash", claim}});
              },
              ErrorCode::Malformed},
        Shape{"UnknownAlgorithm",
              [](auto& it, ByteView key) {
                it.claims = claims_with({{"pubkey-hash", hash_claim(2, crypto::sha256(key))}});
              },
              ErrorCode::Malformed},
        Shape{"CutHash",
              [](auto& it, ByteView key) {
                const auto digest = crypto::sha256(key);
                it.claims =
                    claims_with({{"pubkey-hash", hash_claim(1, ByteView(digest).subspan(0, 16))}});
              },
              ErrorCode::Untrusted},
        Shape{"HashOfAnotherLength",
              [](auto& it, ByteView key) {
                it.claims = claims_with({{"pubkey-hash", hash_claim(7, crypto::sha256(key))}});
              },
              ErrorCode::Untrusted},
        Shape{"BytesBehindTheClaims", [](auto& it, ByteView) { it.claims.push_back(0); },
              ErrorCode::Malformed},
        Shape{"ClaimsOfIndefiniteLength",
              [](auto& it, ByteView) {
                it.claims[0] = 0xbf;
                it.claims.push_back(0xff);
              },
              ErrorCode::Malformed},
        Shape{"ClaimNameInLongForm",
              [](auto& it, ByteView) {
                it.claims[1] = 0x78;
                it.claims.insert(it.claims.begin() + 2, 11);
              },
              ErrorCode::Malformed},
        Shape{"ClaimsAreNoMap", [](auto& it, ByteView) { it.claims = hex("80"); },
              ErrorCode::Malformed},
        Shape{"NestedWithoutEnd",
              [](auto& it, ByteView) {
                it.claims = hex("a16178");
                it.claims.insert(it.claims.end(), 5000, 0x81);
              },
              ErrorCode::Malformed},
        Shape{"CountsWithoutItems",
              [](auto& it, ByteView) { it.claims = hex("a161789bffffffffffffffff"); },
              ErrorCode::Malformed},
        Shape{"EmptyValue", [](auto& it, ByteView) { it.value = hex("00"); }, ErrorCode::Malformed},
        Shape{"OtherTag", [](auto& it, ByteView) { it.value = hex("d9ea61824040"); },
              ErrorCode::Malformed},
        Shape{"NoTag", [](auto& it, ByteView) { it.value = hex("824040"); }, ErrorCode::Malformed},
        Shape{"ThreeEntries", [](auto& it, ByteView) { it.value = hex("d9ea6083404040"); },
              ErrorCode::Malformed},
        Shape{"LongerThanThereIs",
              [](auto& it, ByteView) { it.value = hex("d9ea60825affffffff00"); },
              ErrorCode::Malformed},
        Shape{"NoQuote",
              [](auto& it, ByteView) {
                it.value = hex("d9ea608240");
                append_cbor_bytes(it.value, it.claims);
              },
              ErrorCode::Malformed},
        Shape{"OtherReportData",
              [](auto& it, ByteView) {
                Bytes quote(1000);
                quote[0] = 3;
                it.value = hex("d9ea6082");
                append_cbor_bytes(it.value, quote);
                append_cbor_bytes(it.value, it.claims);
              },
              ErrorCode::Untrusted},
        Shape{"QuoteOfUnknownVersion",
              [](auto& it, ByteView) {
                Bytes quote(1000);
                quote[0] = 5;
                it.value = hex("d9ea6082");
                append_cbor_bytes(it.value, quote);
                append_cbor_bytes(it.value, it.claims);
              },
              ErrorCode::Malformed}),
    [](const auto& tested) { return std::string(tested.param.name); });

}  // namespace
}  // namespace torchkeep::channel
