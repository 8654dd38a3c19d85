#include "torchkeep/keyserver/entry.h"

#include "tests/keyserver/refused.h"
#include "tests/keyserver/world.h"

namespace torchkeep::keyserver {
namespace {

Grant some_grant() {
  Grant grant;
  grant.lease.fill(1);
  grant.model.bytes.fill(2);
  grant.version = 3;
  grant.renewal = true;
  grant.mr_enclave.fill(4);
  grant.mr_signer.fill(5);
  grant.isv_prod_id = 0x5402;
  grant.isv_svn = 7;
  grant.platform = Bytes(16, 8);
  grant.seconds = 600;
  grant.requests = 1000;
  return grant;
}

std::vector<LogEntry> some_entries() {
  const TimePoint time = parse_rfc3339("2026-11-23T10:00:00Z").value();
  const RowDigest row{{"key", Bytes(40, 9)}, Digest256{1, 2, 3}};
  const RowDigest other{{"owner", Bytes(32, 7)}, Digest256{4}};
  return {{time, Began{Genesis{{1}}}, {row}},
          {time, Stated{ModelId{{2}}, StatementHash{{3}}}, {row, other}},
          {time, some_grant(), {}}};
}

TEST(LogEntry, ReadsBackAsItWasWritten) {
  for (const LogEntry& entry : some_entries()) {
    const auto read = parse_log_entry(encode(entry));
    ASSERT_TRUE(read) << read.error();
    EXPECT_EQ(*read, entry);
  }
}

TEST(LogEntry, HasNoSecondSpelling) {
  // Whatever byte is changed: refused, or another entry that is spelt just so.
  for (const LogEntry& entry : some_entries()) {
    const Bytes written = encode(entry);
    for (std::size_t place = 0; place < written.size(); ++place) {
      Bytes changed = written;
      changed[place] ^= 1;
      const auto read = parse_log_entry(changed);
      EXPECT_FALSE(read && *read == entry) << place;
      EXPECT_FALSE(parse_log_entry(ByteView(written).first(place))) << place;
    }
  }
}

struct BadEntry {
  const char* name;
  const char* from;
  const char* to;
  const char* told;
};

class BadEntries : public ::testing::TestWithParam<BadEntry> {};

TEST_P(BadEntries, AreRefusedByName) {
  LogEntry entry = some_entries()[2];
  entry.rows = some_entries()[0].rows;
  std::string text = to_string(encode(entry));
  const std::size_t place = text.find(GetParam().from);
  ASSERT_NE(place, std::string::npos) << text;
  text.replace(place, std::strlen(GetParam().from), GetParam().to);
  EXPECT_TRUE(refused(parse_log_entry(as_bytes(text)), ErrorCode::Malformed, GetParam().told));
}

INSTANTIATE_TEST_SUITE_P(
    KeyServer, BadEntries,
    ::testing::Values(BadEntry{"AnotherEvent", "\"granted\"", "\"gifted\"", "gifted"},
                      BadEntry{"AnUnknownField", "\"event\"", "\"dek\":\"00\",\"event\"", "dek"},
                      BadEntry{"ALeaseTooShort", "\"lease\":\"01", "\"lease\":\"", "lease"},
                      BadEntry{"AProductTooLarge", "\"isv_prod_id\":21506", "\"isv_prod_id\":65536",
                               "isv_prod_id"},
                      BadEntry{"ANegativeVersion", "\"version\":3", "\"version\":-3", "version"},
                      BadEntry{"UpperCaseHex", "\"id\":\"0909", "\"id\":\"0A09", "lower-case"},
                      BadEntry{"AFractionOfASecond", "10:00:00Z", "10:00:00.5Z", "whole seconds"},
                      BadEntry{"ATimeOfAnotherZone", "10:00:00Z", "10:00:00+01:00", "time"},
                      BadEntry{"ARowWithoutDigest", "\"digest\"", "\"digits\"", "dig"},
                      BadEntry{"WhiteSpace", "{\"event\"", "{ \"event\"", ""}),
    [](const auto& tested) { return std::string(tested.param.name); });

TEST(LogEntry, RefusesPlatformsAndRowIdsThatAreTooLong) {
  LogEntry entry = some_entries()[2];
  std::get<Grant>(entry.event).platform = Bytes(65, 1);
  EXPECT_TRUE(refused(parse_log_entry(encode(entry)), ErrorCode::Malformed, "platform"));
  entry = some_entries()[0];
  entry.rows[0].row.id = Bytes(65, 1);
  EXPECT_TRUE(refused(parse_log_entry(encode(entry)), ErrorCode::Malformed, "id"));
}

TEST(RowDigest, DependsOnWhereEachPartEnds) {
  const Digest256 digest = digest_of({"key", {1, 2}, {3, 4}});
  EXPECT_NE(digest, digest_of({"key", {1, 2, 3}, {4}}));
  EXPECT_NE(digest, digest_of({"key", {1}, {2, 3, 4}}));
  EXPECT_NE(digest, digest_of({"ke", {'y', 1, 2}, {3, 4}}));
  EXPECT_NE(digest, digest_of({"owner", {1, 2}, {3, 4}}));
}

class Heads : public ::testing::Test {
 protected:
  crypto::SystemRandom random_;
  crypto::Ed25519PrivateKey key_ = crypto::Ed25519PrivateKey::generate(random_);
  Genesis genesis_{{1, 2, 3}};
  LogHead head_{41, {9, 8, 7}};
  Bytes signed_ = sign_head(head_, genesis_, key_);
};

TEST_F(Heads, AreTrustedAsTheyWereSigned) {
  const auto read = verify_head(signed_, genesis_, key_.public_key());
  ASSERT_TRUE(read) << read.error();
  EXPECT_EQ(*read, head_);
}

TEST_F(Heads, AreRefusedWithAnyBitFlipped) {
  for (std::size_t bit = 0; bit < signed_.size() * 8; ++bit) {
    Bytes changed = signed_;
    changed[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    EXPECT_TRUE(
        refused(verify_head(changed, genesis_, key_.public_key()), ErrorCode::Untrusted, ""))
        << bit;
  }
}

TEST_F(Heads, AreRefusedCutShortOrWithMoreBehind) {
  for (std::size_t size = 0; size < signed_.size(); ++size) {
    EXPECT_TRUE(refused(verify_head(ByteView(signed_).first(size), genesis_, key_.public_key()),
                        ErrorCode::Malformed, "log head"));
  }
  signed_.push_back(0);
  EXPECT_TRUE(
      refused(verify_head(signed_, genesis_, key_.public_key()), ErrorCode::Malformed, "too many"));
}

TEST_F(Heads, AreRefusedUnderAnotherGenesisOrKey) {
  const auto other = crypto::Ed25519PrivateKey::generate(random_);
  EXPECT_TRUE(
      refused(verify_head(signed_, genesis_, other.public_key()), ErrorCode::Untrusted, ""));
  EXPECT_TRUE(
      refused(verify_head(signed_, Genesis{{1}}, key_.public_key()), ErrorCode::Untrusted, ""));
}

}  // namespace
}  // namespace torchkeep::keyserver
