#include "torchkeep/channel/ra_tls.h"

#include <set>

#include "torchkeep/base/text.h"
#include "torchkeep/channel/internal/cbor.h"
#include "torchkeep/crypto/digest.h"

// evidence-extension = #6.60000([quote: bstr, claims: bstr])
// claims             = { "pubkey-hash": bstr .cbor [algorithm, hash], ? "nonce": bstr, * tstr =>
// any } algorithm          = 1 (SHA-256) / 7 (SHA-384) / 8 (SHA-512); hash over the DER
// SubjectPublicKeyInfo report data        = SHA-256(claims) || 32 zero bytes
namespace torchkeep::channel {
namespace {

constexpr const char* kEvidenceOid = "2.23.133.5.4.9";
// Its content has tag and length of the OID that was meant: a correct decoder reads this.
constexpr const char* kLegacyOid = "0.6.9.42.840.113741.1337.6";
constexpr std::uint64_t kSgxTdxTag = 60000;
constexpr std::string_view kPublicKeyHash = "pubkey-hash";
constexpr std::uint64_t kSha256 = 1;
constexpr std::uint64_t kSha384 = 7;
constexpr std::uint64_t kSha512 = 8;
// A server is started anew far more often than this; its evidence is stale long before.
constexpr std::chrono::hours kValidBefore{24};
constexpr std::chrono::hours kValidAfter{24 * 365};

struct CertificateEvidence {
  ByteView quote;
  ByteView claims;
};

Bytes encode_claims(ByteView public_key_info) {
  Bytes hash;
  append_cbor_head(hash, CborType::Array, 2);
  append_cbor_head(hash, CborType::Unsigned, kSha256);
  append_cbor_bytes(hash, crypto::sha256(public_key_info));
  Bytes claims;
  append_cbor_head(claims, CborType::Map, 1);
  append_cbor_text(claims, kPublicKeyHash);
  append_cbor_bytes(claims, hash);
  return claims;
}

Bytes encode_evidence(ByteView quote, ByteView claims) {
  Bytes out;
  append_cbor_head(out, CborType::Tag, kSgxTdxTag);
  append_cbor_head(out, CborType::Array, 2);
  append_cbor_bytes(out, quote);
  append_cbor_bytes(out, claims);
  return out;
}

Result<CertificateEvidence> parse_evidence(ByteView value) {
  CborReader reader(value);
  const std::uint64_t tag = TRY(reader.take_head(CborType::Tag, "evidence tag"));
  if (tag != kSgxTdxTag) return malformed("evidence of CBOR tag ", tag, ", wanted ", kSgxTdxTag);
  const std::uint64_t entries = TRY(reader.take_head(CborType::Array, "evidence array"));
  if (entries != 2) return malformed("evidence of ", entries, " entries, wanted 2");
  CertificateEvidence evidence{TRY(reader.take_bytes("quote")), TRY(reader.take_bytes("claims"))};
  TRY(reader.finish("evidence"));
  return evidence;
}

// The claim `pubkey-hash`, which must stand there once; claims that we do not know may stand
// beside.
Result<ByteView> find_public_key_hash(ByteView claims) {
  CborReader reader(claims);
  std::uint64_t left = TRY(reader.take_head(CborType::Map, "claims"));
  std::set<std::string, std::less<>> names;
  std::optional<ByteView> hash;
  for (; left > 0; --left) {
    const std::string name = to_string(TRY(reader.take_text("claim name")));
    if (!names.insert(name).second) return malformed("a claim stands there twice");
    if (name == kPublicKeyHash) {
      hash = TRY(reader.take_bytes(kPublicKeyHash));
    } else {
      TRY(reader.skip_item("claim"));
    }
  }
  TRY(reader.finish("claims"));
  if (!hash) return malformed("the claims have no pubkey-hash: they bind no key");
  return *hash;
}

Result<Bytes> hash_with(std::uint64_t algorithm, ByteView bytes) {
  switch (algorithm) {
    case kSha256: return to_bytes(crypto::sha256(bytes));
    case kSha384: return to_bytes(crypto::sha384(bytes));
    case kSha512: return to_bytes(crypto::sha512(bytes));
    default: return malformed("pubkey-hash of unknown algorithm ", algorithm);
  }
}

Result<void> check_public_key(ByteView claims, ByteView public_key_info) {
  CborReader reader(TRY(find_public_key_hash(claims)));
  const std::uint64_t entries = TRY(reader.take_head(CborType::Array, kPublicKeyHash));
  if (entries != 2) return malformed("pubkey-hash of ", entries, " entries, wanted 2");
  const std::uint64_t algorithm =
      TRY(reader.take_head(CborType::Unsigned, "algorithm of pubkey-hash"));
  const ByteView hash = TRY(reader.take_bytes("hash of pubkey-hash"));
  TRY(reader.finish(kPublicKeyHash));
  if (!equal(hash, TRY(hash_with(algorithm, public_key_info)))) {
    return untrusted("pubkey-hash is of another key than the certificate's");
  }
  return {};
}

// Where the report data stands: after the header (48 bytes) in an SGX report body (version 3, or 4
// with TEE type 0) or in a TD report body (version 4, TEE type 0x81).
Result<ByteView> find_report_data(ByteView quote) {
  constexpr std::size_t kSgxOffset = 48 + 320;
  constexpr std::size_t kTdxOffset = 48 + 520;
  ByteReader reader(quote);
  const std::uint16_t version = TRY(reader.take_le16("quote version"));
  TRY(reader.take_le16("attestation key type"));
  const std::uint32_t tee_type = TRY(reader.take_le32("TEE type"));
  const bool sgx = version == 3 || (version == 4 && tee_type == 0);
  if (!sgx && !(version == 4 && tee_type == 0x81)) {
    return malformed("a quote of version ", version, " and TEE type ", tee_type,
                     " is not known here");
  }
  TRY(reader.take((sgx ? kSgxOffset : kTdxOffset) - 8, "quote"));
  return reader.take(64, "report data");
}

// report data = SHA-256(public key) || 32 zero bytes: the same rule as for claims, over other bytes
Result<Bytes> parse_legacy(ByteView quote, ByteView public_key_info) {
  const ByteView report_data = TRY(find_report_data(quote));
  if (!equal(report_data, tee::ReportData::for_certificate(public_key_info).bytes())) {
    return untrusted("the quote's report data is not the hash of the certificate's key");
  }
  return to_bytes(quote);
}

}  // namespace

Result<RaTlsIdentity> make_ra_tls_identity(tee::Platform& platform, crypto::Random& random,
                                           TimePoint now) {
  auto key = crypto::EcdsaPrivateKey::generate();
  Bytes public_key_info = key.public_key_info();
  const Bytes claims = encode_claims(public_key_info);
  const Bytes quote = TRY(platform.make_evidence(tee::ReportData::for_certificate(claims))
                              .context("evidence for our certificate"));
  ByteArray<16> serial = random.array<16>();
  serial[0] = static_cast<std::uint8_t>((serial[0] & 0x7f) | 0x40);
  crypto::Certificate certificate = crypto::issue_certificate(
      {.common_name = "torchkeep RA-TLS",
       .public_key_info = std::move(public_key_info),
       .serial = to_bytes(serial),
       .not_before = now - kValidBefore,
       .not_after = now + kValidAfter,
       .extensions = {{.oid = kEvidenceOid, .value = encode_evidence(quote, claims)}}},
      nullptr, key);
  return RaTlsIdentity{std::move(key), std::move(certificate)};
}

Result<Bytes> parse_ra_tls_evidence(const crypto::Certificate& certificate,
                                    RaTlsEvidence accepted) {
  const std::vector<Bytes> standard = certificate.extensions(kEvidenceOid);
  const std::vector<Bytes> legacy = certificate.extensions(kLegacyOid);
  const bool by_legacy =
      standard.empty() && !legacy.empty() && accepted == RaTlsEvidence::StandardOrLegacy;
  const std::vector<Bytes>& extensions = by_legacy ? legacy : standard;
  if (extensions.empty() && !legacy.empty()) {
    return not_found(
        "the certificate carries Gramine's deprecated evidence alone, which is read only where "
        "that "
        "is asked for");
  }
  if (extensions.empty()) return not_found("the certificate carries no evidence");
  if (extensions.size() > 1) return malformed("the certificate carries more than one evidence");
  if (equal(certificate.issuer_name(), certificate.subject_name())) {
    TRY(certificate.verify_issued_by(certificate).context("the certificate's own signature"));
  }
  if (by_legacy) return parse_legacy(extensions.front(), certificate.public_key_info());
  const CertificateEvidence evidence = TRY(parse_evidence(extensions.front()));
  TRY(check_public_key(evidence.claims, certificate.public_key_info()));
  const ByteView report_data = TRY(find_report_data(evidence.quote));
  if (!equal(report_data, tee::ReportData::for_certificate(evidence.claims).bytes())) {
    return untrusted("the quote's report data is not the hash of the certificate's claims");
  }
  return to_bytes(evidence.quote);
}

Result<attest::Claims> verify_ra_tls_certificate(const crypto::Certificate& certificate,
                                                 const attest::Collateral& collateral,
                                                 std::span<const attest::RootKey> roots,
                                                 TimePoint now, RaTlsEvidence accepted) {
  const Bytes quote =
      TRY(parse_ra_tls_evidence(certificate, accepted).context("RA-TLS certificate"));
  return attest::verify_quote(quote, collateral, roots, now);
}

}  // namespace torchkeep::channel
