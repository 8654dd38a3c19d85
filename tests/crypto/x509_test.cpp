#include "torchkeep/crypto/x509.h"

#include <gtest/gtest.h>

#include "torchkeep/base/encoding.h"

namespace torchkeep::crypto {
namespace {

const TimePoint kStart = parse_rfc3339("2026-01-01T00:00:00Z").value();
const TimePoint kEnd = parse_rfc3339("2049-12-31T00:00:00Z").value();

struct Authority {
  EcdsaPrivateKey key = EcdsaPrivateKey::generate();
  Certificate root = issue_certificate({.common_name = "Test Root",
                                        .public_key_info = key.public_key_info(),
                                        .serial = {1},
                                        .not_before = kStart,
                                        .not_after = kEnd,
                                        .is_ca = true},
                                       nullptr, key);
  EcdsaPrivateKey leaf_key = EcdsaPrivateKey::generate();
  CertificateRequest request{.common_name = "leaf",
                             .public_key_info = leaf_key.public_key_info(),
                             .serial = {0x80, 0x01},
                             .not_before = kStart,
                             .not_after = kEnd,
                             .dns_names = {"localhost"},
                             .ip_addresses = {"127.0.0.1"},
                             .extensions = {{"1.2.840.113741.1.13.1", {0x30, 0x00}}}};
  Certificate leaf = issue_certificate(request, &root, key);
};

TEST(Certificate, SaysWhatWasAskedFor) {
  const Authority authority;
  EXPECT_EQ(authority.leaf.common_name(), "leaf");
  EXPECT_EQ(authority.leaf.subject(), "CN=leaf");
  EXPECT_EQ(authority.leaf.serial(), (Bytes{0x80, 0x01}));
  EXPECT_EQ(authority.leaf.not_before(), kStart);
  EXPECT_EQ(authority.leaf.not_after(), kEnd);
  EXPECT_FALSE(authority.leaf.is_ca());
  EXPECT_TRUE(authority.root.is_ca());
  EXPECT_EQ(*authority.leaf.p256_point(), authority.leaf_key.public_point());
  EXPECT_EQ(authority.leaf.public_key_info(), authority.leaf_key.public_key_info());
  EXPECT_EQ(authority.leaf.extensions("1.2.840.113741.1.13.1"), (std::vector<Bytes>{{0x30, 0x00}}));
  EXPECT_TRUE(authority.leaf.extensions("1.2.3.4").empty());
  EXPECT_FALSE(authority.leaf.has_unknown_critical_extension());
}

TEST(Certificate, IsIssuedByItsIssuerOnly) {
  const Authority authority, namesake;  // the same names, other keys
  EXPECT_TRUE(authority.leaf.verify_issued_by(authority.root));
  EXPECT_TRUE(authority.root.verify_issued_by(authority.root));
  EXPECT_EQ(authority.leaf.verify_issued_by(namesake.root).error().code, ErrorCode::Untrusted);
  EXPECT_EQ(authority.root.verify_issued_by(authority.leaf).error().code, ErrorCode::Untrusted);
}

TEST(Certificate, HasNoBitThatCanBeFlippedUnseen) {
  const Authority authority;
  for (std::size_t bit = 0; bit < authority.leaf.der().size() * 8; ++bit) {
    Bytes forged = authority.leaf.der();
    forged[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    const auto parsed = Certificate::from_der(forged);
    EXPECT_FALSE(parsed && parsed->verify_issued_by(authority.root)) << "bit " << bit;
  }
}

TEST(Certificate, RefusesTruncationAndTrailingBytes) {
  const Authority authority;
  for (std::size_t size = 0; size < authority.leaf.der().size(); ++size) {
    EXPECT_FALSE(Certificate::from_der(ByteView(authority.leaf.der()).first(size)));
  }
  Bytes longer = authority.leaf.der();
  longer.push_back(0);
  EXPECT_EQ(Certificate::from_der(longer).error().code, ErrorCode::Malformed);
}

TEST(PemChain, IsReadBackAsWritten) {
  const Authority authority;
  const std::string pem = encode_pem({authority.leaf, authority.root});
  const auto chain = parse_pem_chain(as_bytes(pem));
  ASSERT_TRUE(chain) << chain.error();
  ASSERT_EQ(chain->size(), 2U);
  EXPECT_EQ(chain->at(0).der(), authority.leaf.der());
  EXPECT_EQ(chain->at(1).der(), authority.root.der());
  EXPECT_TRUE(parse_pem_chain(as_bytes(pem + std::string("\n \0", 3))));
}

TEST(PemChain, RefusesWhatIsNone) {
  const Authority authority;
  const std::string one = encode_pem({authority.leaf});
  std::string many;
  for (int i = 0; i < 9; ++i) many += one;
  for (const std::string& pem : {std::string(), std::string("text"), "text\n" + one, one + "text", many,
                                 one.substr(0, one.size() / 2)}) {
    EXPECT_FALSE(parse_pem_chain(as_bytes(pem))) << pem.substr(0, 40);
  }
}

TEST(RevocationList, ListsTheRevokedOnly) {
  const Authority authority;
  const Bytes der = issue_revocation_list(authority.root, authority.key, {{0x80, 0x01}}, kStart, kEnd);
  const auto list = RevocationList::parse(der);
  ASSERT_TRUE(list) << list.error();
  EXPECT_TRUE(list->lists(authority.leaf));
  EXPECT_FALSE(list->lists(authority.root));
  EXPECT_EQ(list->this_update(), kStart);
  EXPECT_EQ(list->next_update(), kEnd);
  EXPECT_TRUE(list->verify_issued_by(authority.root));
  EXPECT_FALSE(list->verify_issued_by(Authority().root));
  const auto from_hex = RevocationList::parse(as_bytes(encode_hex(der)));
  ASSERT_TRUE(from_hex);
  EXPECT_TRUE(from_hex->verify_issued_by(authority.root));
}

TEST(RevocationList, RefusesEveryFlippedBitAndTruncation) {
  const Authority authority;
  const Bytes der = issue_revocation_list(authority.root, authority.key, {{5}}, kStart, kEnd);
  for (std::size_t bit = 0; bit < der.size() * 8; ++bit) {
    Bytes forged = der;
    forged[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    const auto list = RevocationList::parse(forged);
    EXPECT_FALSE(list && list->verify_issued_by(authority.root)) << "bit " << bit;
  }
  for (std::size_t size = 0; size < der.size(); ++size) {
    EXPECT_FALSE(RevocationList::parse(ByteView(der).first(size)));
  }
}

}  // namespace
}  // namespace torchkeep::crypto
