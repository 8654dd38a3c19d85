#include "torchkeep/client/recovery_file.h"

#include <gtest/gtest.h>

#include "tests/support/fake_owner.h"
#include "tests/support/files.h"

namespace torchkeep::client {
namespace {

using testing::fake_data_key;

crypto::HpkePrivateKey recovery_key(std::uint8_t seed) {
  SecretBytes bytes(32);
  bytes.expose()[1] = seed;  // X25519 ignores the low bits of byte 0.
  bytes.expose()[31] = 0x40;
  return crypto::HpkePrivateKey::from_bytes(std::move(bytes)).value();
}

Recovery recovery() {
  RecoveryHeader header;
  header.owner = testing::fake_owner_key(1).public_key();
  header.name = "resnet50";
  header.version = 3;
  header.container_digest.bytes.fill(8);
  header.key_id = keys::key_id(fake_data_key(1).expose());
  return encrypt_recovery(header, fake_data_key(1), recovery_key(1).public_key());
}

TEST(RecoveryFile, BringsTheKeyBack) {
  const testing::TemporaryFolder folder;
  ASSERT_TRUE(store_recovery(folder / "model.tkm.recovery", recovery()));
  const auto loaded = load_recovery(folder / "model.tkm.recovery");
  ASSERT_TRUE(loaded) << loaded.error();
  EXPECT_EQ(loaded->header.name, "resnet50");
  EXPECT_EQ(loaded->header.version, 3u);
  const auto key = decrypt_recovery(*loaded, recovery_key(1));
  ASSERT_TRUE(key) << key.error();
  EXPECT_TRUE(equal(key->expose(), fake_data_key(1).expose()));
}

TEST(RecoveryFile, OpensUnderNoOtherKey) {
  EXPECT_EQ(decrypt_recovery(recovery(), recovery_key(2)).error().code, ErrorCode::Untrusted);
}

TEST(RecoveryFile, RefusesEveryFlippedBit) {
  const std::string good = encode(recovery());
  const auto key = recovery_key(1);
  ASSERT_TRUE(decrypt_recovery(parse_recovery(good).value(), key));
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << bit % 8));
    const auto read = parse_recovery(bad);
    if (!read) {
      EXPECT_EQ(read.error().code, ErrorCode::Malformed) << bit;
      continue;
    }
    const auto opened = decrypt_recovery(*read, key);
    ASSERT_FALSE(opened) << "bit " << bit << " of " << bad;
    EXPECT_EQ(opened.error().code, ErrorCode::Untrusted) << bit;
  }
}

TEST(RecoveryFile, RefusesAKeyThatIsNotTheOneItNames) {
  RecoveryHeader header = recovery().header;
  const Recovery other = encrypt_recovery(header, fake_data_key(2), recovery_key(1).public_key());
  const auto opened = decrypt_recovery(other, recovery_key(1));
  EXPECT_EQ(opened.error().code, ErrorCode::Untrusted);
  EXPECT_NE(opened.error().message.find("not the one it names"), std::string::npos);
}

TEST(RecoveryFile, RefusesAHeaderOfAnotherModel) {
  Recovery moved = recovery();
  moved.header.name = "bert";
  EXPECT_EQ(decrypt_recovery(moved, recovery_key(1)).error().code, ErrorCode::Untrusted);
}

TEST(RecoveryFile, RefusesOtherFields) {
  const json::Json good = json::parse(encode(recovery())).value();
  const auto refused = [&](const char* field, json::Json value) {
    json::Json bad = good;
    if (value.is_null()) {
      bad.erase(field);
    } else {
      bad[field] = std::move(value);
    }
    const auto read = parse_recovery(bad.dump());
    return !read && read.error().code == ErrorCode::Malformed;
  };
  for (const auto& [field, value] : good.items()) EXPECT_TRUE(refused(field.c_str(), nullptr));
  EXPECT_TRUE(refused("comment", "mine"));
  EXPECT_TRUE(refused("format", "torchkeep/recovery/v2"));
  EXPECT_TRUE(refused("name", "../model"));
  EXPECT_TRUE(refused("owner", "00"));
  EXPECT_TRUE(refused("version", "3"));
  EXPECT_TRUE(refused("key_id", std::string(30, '0')));
  EXPECT_TRUE(refused("encrypted_key", "A"));
  EXPECT_FALSE(parse_recovery(good.dump(2)));
  EXPECT_FALSE(parse_recovery(""));
}

TEST(RecoveryFile, NamesThePathOfADamagedOne) {
  const testing::TemporaryFolder folder;
  const Path path = folder / "broken.recovery";
  ASSERT_TRUE(store_file(path, as_bytes("{}")));
  EXPECT_NE(load_recovery(path).error().message.find("broken.recovery"), std::string::npos);
  EXPECT_EQ(load_recovery(folder / "none").error().code, ErrorCode::NotFound);
  ASSERT_TRUE(store_file(path, Bytes(5000, ' ')));
  EXPECT_EQ(load_recovery(path).error().code, ErrorCode::Malformed);
}

TEST(RecoveryFile, IsItsOwnersToRead) {
  const testing::TemporaryFolder folder;
  ASSERT_TRUE(store_recovery(folder / "r", recovery()));
  EXPECT_EQ(std::filesystem::status(folder / "r").permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

}  // namespace
}  // namespace torchkeep::client
