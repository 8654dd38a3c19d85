#include <gtest/gtest.h>

#include "torchkeep/crypto/hkdf.h"
#include "torchkeep/tee/platform.h"

#include "tests/support/failing_platform.h"

namespace torchkeep::tee {
namespace {

/// A machine that only seals; its identity is a byte.
class SealingPlatform final : public Platform {
 public:
  explicit SealingPlatform(std::uint8_t identity) : identity_(identity) {}
  PlatformKind kind() const override { return PlatformKind::Simulated; }
  Result<Bytes> make_evidence(const ReportData&) override {
    return Error{ErrorCode::Unavailable, "seals only"};
  }
  Result<SecretBytes> sealing_key(std::string_view purpose) override {
    return crypto::hkdf_sha256(Bytes(32, identity_), {}, as_bytes(purpose), 32);
  }

 private:
  std::uint8_t identity_;
};

const Bytes kSecret{1, 2, 3, 4, 5};
const Bytes kAad{42};

TEST(Sealing, GivesTheSecretBackToTheSameEnclave) {
  SealingPlatform platform(1);
  const Bytes sealed = seal(platform, "kek", kAad, kSecret).value();
  EXPECT_EQ(to_bytes(unseal(platform, "kek", kAad, sealed).value().expose()), kSecret);
  EXPECT_NE(seal(platform, "kek", kAad, kSecret).value(), sealed) << "each nonce is used once";
}

TEST(Sealing, RefusesAnotherEnclavePurposeOrAad) {
  SealingPlatform platform(1), other(2);
  const Bytes sealed = seal(platform, "kek", kAad, kSecret).value();
  EXPECT_EQ(unseal(other, "kek", kAad, sealed).error().code, ErrorCode::Untrusted);
  EXPECT_EQ(unseal(platform, "leases", kAad, sealed).error().code, ErrorCode::Untrusted);
  EXPECT_EQ(unseal(platform, "kek", Bytes{43}, sealed).error().code, ErrorCode::Untrusted);
  EXPECT_EQ(unseal(platform, "kek", {}, sealed).error().code, ErrorCode::Untrusted);
}

TEST(Sealing, RefusesEveryFlippedBitAndTruncation) {
  SealingPlatform platform(1);
  const Bytes sealed = seal(platform, "kek", kAad, kSecret).value();
  for (std::size_t bit = 0; bit < sealed.size() * 8; ++bit) {
    Bytes forged = sealed;
    forged[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    EXPECT_EQ(unseal(platform, "kek", kAad, forged).error().code, ErrorCode::Untrusted);
  }
  for (std::size_t size = 0; size < sealed.size(); ++size) {
    EXPECT_FALSE(unseal(platform, "kek", kAad, ByteView(sealed).first(size)));
  }
}

TEST(Purpose, IsANameOfAtMost64Bytes) {
  EXPECT_TRUE(check_purpose("k").ok());
  EXPECT_TRUE(check_purpose(std::string(kMaxPurposeBytes, 'k')).ok());
  EXPECT_EQ(check_purpose("").error().code, ErrorCode::InvalidArgument);
  EXPECT_EQ(check_purpose(std::string(kMaxPurposeBytes + 1, 'k')).error().code,
            ErrorCode::InvalidArgument);
}

TEST(Sealing, FailsWithThePlatform) {
  testing::FailingPlatform platform;
  EXPECT_EQ(seal(platform, "kek", kAad, kSecret).error().code, ErrorCode::Unavailable);
  EXPECT_EQ(unseal(platform, "kek", kAad, kSecret).error().code, ErrorCode::Unavailable);
}

}  // namespace
}  // namespace torchkeep::tee
