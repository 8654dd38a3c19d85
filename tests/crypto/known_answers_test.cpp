#include <gtest/gtest.h>

#include "torchkeep/base/encoding.h"
#include "torchkeep/crypto/aead.h"
#include "torchkeep/crypto/digest.h"
#include "torchkeep/crypto/ecdsa.h"
#include "torchkeep/crypto/ed25519.h"
#include "torchkeep/crypto/hkdf.h"
#include "torchkeep/crypto/hpke.h"

// Known answers from outside; each names its source.
namespace torchkeep::crypto {
namespace {

Bytes hex(std::string_view text) { return decode_hex(text).value(); }

TEST(Digest, AnswersAsFips180) {
  EXPECT_EQ(encode_hex(sha256(as_bytes("abc"))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(encode_hex(sha384(as_bytes("abc"))),
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7");
  EXPECT_EQ(encode_hex(sha512(as_bytes("abc"))),
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
            "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
}

TEST(Digest, IsTheSameInPieces) {
  Sha256 pieces;
  pieces.update(as_bytes("a")).update({}).update(as_bytes("bc"));
  EXPECT_EQ(std::move(pieces).finish(), sha256(as_bytes("abc")));
}

TEST(Hmac, AnswersAsRfc4231Case2) {
  EXPECT_EQ(encode_hex(hmac_sha256(as_bytes("Jefe"), as_bytes("what do ya want for nothing?"))),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST(Hkdf, AnswersAsRfc5869Case1) {
  const Bytes key(22, 0x0b);
  const Bytes salt = hex("000102030405060708090a0b0c");
  const Bytes info = hex("f0f1f2f3f4f5f6f7f8f9");
  constexpr auto kPrk = "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5";
  constexpr auto kOkm =
      "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865";
  EXPECT_EQ(encode_hex(hkdf_extract_sha256(salt, key).expose()), kPrk);
  EXPECT_EQ(encode_hex(hkdf_expand_sha256(hex(kPrk), info, 42).expose()), kOkm);
  EXPECT_EQ(encode_hex(hkdf_sha256(key, salt, info, 42).expose()), kOkm);
}

TEST(Hkdf, AnswersAsRfc5869Case3WithoutSaltAndInfo) {
  EXPECT_EQ(encode_hex(hkdf_sha256(Bytes(22, 0x0b), {}, {}, 42).expose()),
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}

// Case 16 of McGrew and Viega, "The Galois/Counter Mode of Operation", as NIST published it.
struct GcmCase16 {
  Bytes key = hex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308");
  Nonce nonce = *to_array<kNonceBytes>(hex("cafebabefacedbaddecaf888"));
  Bytes aad = hex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
  Bytes plaintext = hex(
      "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
      "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39");
  Bytes ciphertext = hex(
      "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
      "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
      "76fc6ece0f4e1768cddf8853bb2d551b");
};

TEST(Aes256Gcm, AnswersAsCase16) {
  const GcmCase16 known;
  Aes256Gcm cipher(known.key);
  Bytes out(known.ciphertext.size());
  cipher.encrypt(known.nonce, known.aad, known.plaintext, out);
  EXPECT_EQ(out, known.ciphertext);
  Bytes back(known.plaintext.size());
  ASSERT_TRUE(cipher.decrypt(known.nonce, known.aad, known.ciphertext, back));
  EXPECT_EQ(back, known.plaintext);
}

TEST(Aes256Gcm, WorksInPlace) {
  const GcmCase16 known;
  Aes256Gcm cipher(known.key);
  Bytes bytes = known.plaintext;
  bytes.resize(known.ciphertext.size());
  cipher.encrypt(known.nonce, known.aad, ByteView(bytes).first(known.plaintext.size()), bytes);
  EXPECT_EQ(bytes, known.ciphertext);
  ASSERT_TRUE(cipher.decrypt(known.nonce, known.aad, bytes,
                             MutableByteView(bytes).first(known.plaintext.size())));
  bytes.resize(known.plaintext.size());
  EXPECT_EQ(bytes, known.plaintext);
}

TEST(Aes256Gcm, RefusesEveryFlippedBitAndWipesItsOutput) {
  const GcmCase16 known;
  Aes256Gcm cipher(known.key);
  const Bytes zeros(known.plaintext.size());
  for (std::size_t bit = 0; bit < known.ciphertext.size() * 8; ++bit) {
    Bytes forged = known.ciphertext;
    forged[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    Bytes out(known.plaintext.size(), 0xff);
    const auto refused = cipher.decrypt(known.nonce, known.aad, forged, out);
    ASSERT_FALSE(refused) << "bit " << bit;
    EXPECT_EQ(refused.error().code, ErrorCode::Untrusted);
    EXPECT_EQ(out, zeros);
  }
}

TEST(Aes256Gcm, RefusesOtherAadNonceAndMissingTag) {
  const GcmCase16 known;
  Aes256Gcm cipher(known.key);
  Bytes out(known.plaintext.size());
  Nonce other = known.nonce;
  other[11] ^= 1;
  EXPECT_FALSE(cipher.decrypt(other, known.aad, known.ciphertext, out));
  EXPECT_FALSE(cipher.decrypt(known.nonce, {}, known.ciphertext, out));
  EXPECT_EQ(cipher.decrypt(known.nonce, known.aad, ByteView(known.ciphertext).first(15), {}).error().code,
            ErrorCode::Malformed);
}

TEST(Ed25519, AnswersAsRfc8032Test2) {
  const auto key = Ed25519PrivateKey::from_seed(SecretBytes::copy_of(
      hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")));
  ASSERT_TRUE(key);
  EXPECT_EQ(encode_hex(key->public_key().bytes),
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
  const Bytes message = hex("72");
  const Ed25519Signature signature = key->sign(message);
  EXPECT_EQ(encode_hex(signature),
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");
  EXPECT_TRUE(verify_ed25519(key->public_key(), message, signature));
  EXPECT_FALSE(verify_ed25519(key->public_key(), hex("73"), signature));
  for (std::size_t bit = 0; bit < signature.size() * 8; ++bit) {
    Ed25519Signature forged = signature;
    forged[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    EXPECT_FALSE(verify_ed25519(key->public_key(), message, forged)) << "bit " << bit;
  }
}

void expect_rfc6979_sample() {
  const Bytes point = hex(
      "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
      "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299");
  const Bytes signature = hex(
      "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
      "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8");
  EXPECT_TRUE(verify_p256(point, as_bytes("sample"), signature));
  EXPECT_EQ(verify_p256(point, as_bytes("Sample"), signature).error().code, ErrorCode::Untrusted);
  EXPECT_EQ(verify_p256(point, as_bytes("sample"), ByteView(signature).first(63)).error().code,
            ErrorCode::Untrusted);
  Bytes no_point = point;
  no_point[0] ^= 1;
  EXPECT_EQ(verify_p256(no_point, as_bytes("sample"), signature).error().code, ErrorCode::Malformed);
  EXPECT_FALSE(verify_p256(point, as_bytes("sample"), Bytes(64)));
  for (std::size_t bit = 0; bit < signature.size() * 8; ++bit) {
    Bytes forged = signature;
    forged[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    EXPECT_FALSE(verify_p256(point, as_bytes("sample"), forged)) << "bit " << bit;
  }
}

TEST(Ecdsa, AnswersAsRfc6979ForSample) {
  expect_rfc6979_sample();
  ASSERT_TRUE(prepare_p256(
      hex("60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
          "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299")));
  expect_rfc6979_sample();
}

TEST(Ecdsa, APreparedKeyVerifiesWhatTheOthersDo) {
  const auto key = EcdsaPrivateKey::generate();
  const auto point = key.public_point();
  std::vector<std::pair<Bytes, ByteArray<64>>> signed_messages;
  for (std::uint8_t i = 0; i < 100; ++i) {
    const Bytes message(i, i);
    signed_messages.emplace_back(message, key.sign(message));
    ASSERT_TRUE(verify_p256(point, message, signed_messages.back().second));
  }
  ASSERT_TRUE(prepare_p256(point));
  for (const auto& [message, signature] : signed_messages) {
    EXPECT_TRUE(verify_p256(point, message, signature));
    EXPECT_FALSE(verify_p256(point, as_bytes("another message"), signature));
  }
  EXPECT_TRUE(prepare_p256(point)) << "again";
}

TEST(Ecdsa, NoPointIsPrepared) {
  EXPECT_EQ(prepare_p256(Bytes(64)).error().code, ErrorCode::Malformed);
  EXPECT_EQ(prepare_p256(Bytes(63)).error().code, ErrorCode::Malformed);
}

// r or s out of 1 to n - 1 (FIPS 186-5, 6.4.2, step 1): each would divide by zero or repeat another.
TEST(Ecdsa, RefusesNumbersOutOfTheOrder) {
  const auto key = EcdsaPrivateKey::generate();
  const auto prepared = EcdsaPrivateKey::generate();
  ASSERT_TRUE(prepare_p256(prepared.public_point()));
  const Bytes order = hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
  for (const auto* one : {&key, &prepared}) {
    const auto good = one->sign(as_bytes("message"));
    for (const Bytes& number : {Bytes(32), order, Bytes(32, 0xff)}) {
      for (const std::size_t at : {0, 32}) {
        auto bad = good;
        std::copy(number.begin(), number.end(), bad.begin() + static_cast<std::ptrdiff_t>(at));
        EXPECT_EQ(verify_p256(one->public_point(), as_bytes("message"), bad).error().code,
                  ErrorCode::Untrusted);
      }
    }
  }
}

// Made by the Python package cryptography 48.0.0 (hpke.Suite), an implementation other than ours.
TEST(Hpke, OpensAnotherImplementationsMessage) {
  Bytes private_key(32);
  for (std::size_t i = 0; i < 32; ++i) private_key[i] = static_cast<std::uint8_t>(i);
  const auto key = HpkePrivateKey::from_bytes(SecretBytes::copy_of(private_key));
  ASSERT_TRUE(key);
  const Bytes message = hex(
      "1f2dae571b2118cdc15146b6de1bfc2c42d788a92dac8ef511fb7d7a2b43f760ea0b836721fde50ecbd5e6ceb6252a"
      "f1ee4c3d45a43ee0c4c7b8677d621f9b1beb0693fc0da0");
  const auto opened = hpke_decrypt(*key, as_bytes("the info"), {}, message);
  ASSERT_TRUE(opened) << opened.error();
  EXPECT_EQ(as_text(opened->expose()), "torchkeep known answer");
  EXPECT_FALSE(hpke_decrypt(*key, as_bytes("other info"), {}, message));
  EXPECT_FALSE(hpke_decrypt(*key, as_bytes("the info"), as_bytes("aad"), message));
}

}  // namespace
}  // namespace torchkeep::crypto
