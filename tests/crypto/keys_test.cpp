#include <gtest/gtest.h>

#include "torchkeep/crypto/aead.h"
#include "torchkeep/crypto/ecdsa.h"
#include "torchkeep/crypto/ed25519.h"
#include "torchkeep/crypto/hpke.h"
#include "torchkeep/crypto/key.h"

namespace torchkeep::crypto {
namespace {

TEST(Key, CannotBeZeroConstantOrOfAnotherSize) {
  EXPECT_EQ(DataKey::from_bytes(SecretBytes(32)).error().code, ErrorCode::InvalidArgument);
  EXPECT_FALSE(DataKey::from_bytes(SecretBytes::copy_of(Bytes(32, 0xab))));
  EXPECT_FALSE(DataKey::from_bytes(SecretBytes::copy_of(Bytes(31, 1))));
  EXPECT_FALSE(DataKey::from_bytes(SecretBytes()));
  EXPECT_FALSE(Ed25519PrivateKey::from_seed(SecretBytes(32)));
  EXPECT_FALSE(HpkePrivateKey::from_bytes(SecretBytes(32)));
}

TEST(Key, DiffersEachTime) {
  SystemRandom random;
  EXPECT_FALSE(equal(DataKey::generate(random).expose(), DataKey::generate(random).expose()));
}

TEST(EncryptedSecret, OpensOnlyUnderItsKeyAndAad) {
  SystemRandom random;
  const auto key = WrappingKey::generate(random);
  const auto other = WrappingKey::generate(random);
  const Bytes secret(32, 7);
  const Bytes encrypted = encrypt_secret(key.expose(), random, as_bytes("row"), secret);
  EXPECT_TRUE(equal(decrypt_secret(key.expose(), as_bytes("row"), encrypted)->expose(), secret));
  EXPECT_FALSE(decrypt_secret(other.expose(), as_bytes("row"), encrypted));
  EXPECT_FALSE(decrypt_secret(key.expose(), as_bytes("another row"), encrypted));
  for (std::size_t size = 0; size < encrypted.size(); ++size) {
    EXPECT_FALSE(decrypt_secret(key.expose(), as_bytes("row"), ByteView(encrypted).first(size)));
  }
  for (std::size_t bit = 0; bit < encrypted.size() * 8; ++bit) {
    Bytes forged = encrypted;
    forged[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    EXPECT_FALSE(decrypt_secret(key.expose(), as_bytes("row"), forged)) << "bit " << bit;
  }
}

TEST(Hpke, RefusesEveryFlippedBitAndTruncation) {
  SystemRandom random;
  const auto key = HpkePrivateKey::generate(random);
  const Bytes message = hpke_encrypt(key.public_key(), as_bytes("info"), as_bytes("aad"), Bytes(32, 3));
  EXPECT_TRUE(hpke_decrypt(key, as_bytes("info"), as_bytes("aad"), message));
  for (std::size_t bit = 0; bit < message.size() * 8; ++bit) {
    // X25519 ignores the top bit of a coordinate (RFC 7748, 5), but HPKE hashes it all the same.
    Bytes forged = message;
    forged[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    EXPECT_FALSE(hpke_decrypt(key, as_bytes("info"), as_bytes("aad"), forged)) << "bit " << bit;
  }
  EXPECT_EQ(hpke_decrypt(key, {}, {}, ByteView(message).first(47)).error().code, ErrorCode::Malformed);
  const auto stranger = HpkePrivateKey::generate(random);
  EXPECT_FALSE(hpke_decrypt(stranger, as_bytes("info"), as_bytes("aad"), message));
  Bytes low_order(80);  // the all-zero point agrees on zero with everyone
  EXPECT_EQ(hpke_decrypt(key, {}, {}, low_order).error().code, ErrorCode::Untrusted);
}

TEST(EcdsaPrivateKey, KeepsItselfThroughPkcs8) {
  const auto key = EcdsaPrivateKey::generate();
  const SecretBytes der = key.to_der();
  const auto again = EcdsaPrivateKey::from_der(der.expose());
  ASSERT_TRUE(again) << again.error();
  EXPECT_EQ(again->public_point(), key.public_point());
  EXPECT_TRUE(verify_p256(key.public_point(), as_bytes("message"), again->sign(as_bytes("message"))));
  EXPECT_FALSE(EcdsaPrivateKey::from_der(der.expose().first(der.size() - 1)));
  Bytes longer = to_bytes(der.expose());
  longer.push_back(0);
  EXPECT_FALSE(EcdsaPrivateKey::from_der(longer));
  EXPECT_FALSE(EcdsaPrivateKey::from_der({}));
}

}  // namespace
}  // namespace torchkeep::crypto
