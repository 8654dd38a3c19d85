#include "torchkeep/keys/messages.h"

#include <functional>

#include <gtest/gtest.h>

#include "tests/support/fake_owner.h"

namespace torchkeep::keys {
namespace {

using testing::fake_data_key;
using testing::fake_policy;
using testing::FakeOwner;

ReleaseRequest request_for(const FakeOwner& owner) {
  ReleaseRequest request;
  request.owner = owner.key();
  request.name = owner.name();
  request.version = 1;
  request.nonce.fill(7);
  return request;
}

/// What a faithful key server answers.
Release release_for(const FakeOwner& owner, const ReleaseRequest& request) {
  Release release;
  release.lease.id.fill(4);
  release.lease.nonce = request.nonce;
  release.lease.seconds = 3600;
  release.lease.log_position = 12;
  release.statements = owner.statements();
  if (!request.renewal) release.data_key = fake_data_key(1);
  return release;
}

Bytes bytes_of(const SecretBuffer& buffer) { return {buffer.begin(), buffer.end()}; }

TEST(ReleaseRequestMessage, ReadsBackAsWritten) {
  ReleaseRequest request = request_for(FakeOwner());
  request.renewal = true;
  const auto read = parse_release_request(encode(request));
  ASSERT_TRUE(read) << read.error();
  EXPECT_EQ(read->owner, request.owner);
  EXPECT_EQ(read->name, request.name);
  EXPECT_EQ(read->version, 1u);
  EXPECT_EQ(read->nonce, request.nonce);
  EXPECT_TRUE(read->renewal);
}

TEST(ReleaseRequestMessage, RefusesWhatIsNone) {
  const std::string good = to_string(encode(request_for(FakeOwner())));
  const json::Json tree = json::parse(good).value();
  const auto refused = [&](const char* field, json::Json value) {
    json::Json bad = tree;
    bad[field] = std::move(value);
    return parse_release_request(as_bytes(bad.dump())).error().code == ErrorCode::Malformed;
  };
  EXPECT_TRUE(refused("more", 1u));
  EXPECT_TRUE(refused("name", "../../etc/passwd"));
  EXPECT_TRUE(refused("nonce", "00"));
  EXPECT_TRUE(refused("owner", std::string(64, 'g')));
  EXPECT_TRUE(refused("renewal", 1u));
  EXPECT_TRUE(refused("version", -1));
  EXPECT_FALSE(parse_release_request(as_bytes(good + " ")));
  EXPECT_FALSE(parse_release_request({}));
  EXPECT_FALSE(parse_release_request(Bytes(5000, ' ')));
}

TEST(ReleaseMessage, ReadsBackAsWritten) {
  const FakeOwner owner = FakeOwner::with_one_version(fake_policy());
  Release release = release_for(owner, request_for(owner));
  release.lease.requests = 100;
  const auto read = parse_release(encode(release));
  ASSERT_TRUE(read) << read.error();
  EXPECT_EQ(read->lease.id, release.lease.id);
  EXPECT_EQ(read->lease.nonce, release.lease.nonce);
  EXPECT_EQ(read->lease.seconds, 3600u);
  EXPECT_EQ(read->lease.requests, 100u);
  EXPECT_EQ(read->lease.log_position, 12u);
  ASSERT_EQ(read->statements.size(), 2u);
  EXPECT_EQ(hash_of(read->statements[1]), hash_of(owner.statements()[1]));
  ASSERT_TRUE(read->data_key);
  EXPECT_TRUE(equal(read->data_key->expose(), fake_data_key(1).expose()));
}

TEST(ReleaseMessage, KeepsTheKeyOutOfItsJson) {
  const FakeOwner owner = FakeOwner::with_one_version(fake_policy());
  const SecretBuffer encoded = encode(release_for(owner, request_for(owner)));
  const std::uint32_t length = load_le32(ByteView(encoded).first(4));
  ASSERT_EQ(encoded.size(), 4 + length + 32);
  const std::string_view tree = as_text(ByteView(encoded).subspan(4, length));
  const Bytes key = to_bytes(fake_data_key(1).expose());
  EXPECT_EQ(tree.find(as_text(key)), std::string_view::npos);
  EXPECT_EQ(tree.find(encode_hex(key)), std::string_view::npos);
  EXPECT_EQ(tree.find(encode_base64(key).substr(0, 40)), std::string_view::npos);
}

TEST(ReleaseMessage, RefusesEveryOtherLength) {
  const FakeOwner owner = FakeOwner::with_one_version(fake_policy());
  const Bytes good = bytes_of(encode(release_for(owner, request_for(owner))));
  for (std::size_t size = 0; size < good.size(); ++size) {
    if (size == good.size() - 32) continue;  // a release without a key, which is one too
    EXPECT_EQ(parse_release(ByteView(good).first(size)).error().code, ErrorCode::Malformed) << size;
  }
  Bytes longer = good;
  longer.push_back(0);
  EXPECT_EQ(parse_release(longer).error().code, ErrorCode::Malformed);
}

TEST(ReleaseMessage, RefusesALyingLength) {
  const FakeOwner owner = FakeOwner::with_one_version(fake_policy());
  const Bytes good = bytes_of(encode(release_for(owner, request_for(owner))));
  for (const std::int64_t change : {-1, 1, 31, 32, 33}) {
    Bytes length;
    append_le32(length, static_cast<std::uint32_t>(load_le32(ByteView(good).first(4)) + change));
    Bytes bad = good;
    std::copy(length.begin(), length.end(), bad.begin());
    EXPECT_FALSE(parse_release(bad)) << change;
  }
  EXPECT_FALSE(parse_release(Bytes(4, 0xff)));
  EXPECT_FALSE(parse_release(Bytes(36, 0)));
}

TEST(ReleaseMessage, RefusesAKeyOfEqualBytes) {
  const FakeOwner owner = FakeOwner::with_one_version(fake_policy());
  Bytes bad = bytes_of(encode(release_for(owner, request_for(owner))));
  std::fill(bad.end() - 32, bad.end(), std::uint8_t{0});
  EXPECT_EQ(parse_release(bad).error().code, ErrorCode::Malformed);
}

/// A frame around some JSON, without a key.
Bytes frame(const json::Json& tree) {
  const std::string text = tree.dump();
  Bytes out;
  append_le32(out, static_cast<std::uint32_t>(text.size()));
  append(out, as_bytes(text));
  return out;
}

TEST(ReleaseMessage, RefusesOtherFields) {
  const FakeOwner owner = FakeOwner::with_one_version(fake_policy());
  const Bytes good = bytes_of(encode(release_for(owner, request_for(owner))));
  const std::uint32_t length = load_le32(ByteView(good).first(4));
  const json::Json tree = json::parse(as_text(ByteView(good).subspan(4, length))).value();
  const auto refused = [&](const std::function<void(json::Json&)>& change) {
    json::Json bad = tree;
    change(bad);
    return parse_release(frame(bad)).error().code == ErrorCode::Malformed;
  };
  ASSERT_TRUE(parse_release(frame(tree)));
  EXPECT_TRUE(refused([](auto& t) { t["data_key"] = "AA"; }));
  EXPECT_TRUE(refused([](auto& t) { t["statements"] = json::Json::array(); }));
  EXPECT_TRUE(refused([](auto& t) { t["statements"] = 1u; }));
  EXPECT_TRUE(refused([](auto& t) { t["statements"][0] = nullptr; }));
  EXPECT_TRUE(refused([](auto& t) { t["lease"].erase("nonce"); }));
  EXPECT_TRUE(refused([](auto& t) { t["lease"]["seconds"] = 0u; }));
  EXPECT_TRUE(refused([](auto& t) { t["lease"]["seconds"] = 2'592'001u; }));
  EXPECT_TRUE(refused([](auto& t) { t["lease"]["requests"] = -1; }));
  EXPECT_TRUE(refused([](auto& t) { t["lease"]["until"] = "forever"; }));
  EXPECT_TRUE(refused([](auto& t) { t["lease"]["id"] = std::string(30, '0'); }));
}

TEST(SubmissionMessage, ReadsBackAsWritten) {
  const FakeOwner owner = FakeOwner::with_one_version(fake_policy());
  const auto bare = parse_submission(encode(Submission{owner.statements()[0], std::nullopt}));
  ASSERT_TRUE(bare) << bare.error();
  EXPECT_FALSE(bare->data_key);
  EXPECT_EQ(hash_of(bare->statement), hash_of(owner.statements()[0]));
  const auto keyed = parse_submission(encode(Submission{owner.statements()[1], fake_data_key(1)}));
  ASSERT_TRUE(keyed) << keyed.error();
  EXPECT_TRUE(equal(keyed->data_key->expose(), fake_data_key(1).expose()));
}

TEST(SubmissionMessage, RefusesWhatIsNone) {
  const FakeOwner owner = FakeOwner::with_one_version(fake_policy());
  const json::Json statement = encode(owner.statements()[0]);
  EXPECT_TRUE(parse_submission(frame({{"statement", statement}})));
  EXPECT_FALSE(parse_submission(frame({{"statement", statement}, {"more", 1u}})));
  EXPECT_FALSE(parse_submission(frame(json::Json::object())));
  EXPECT_FALSE(parse_submission(frame(json::Json::array())));
  EXPECT_FALSE(parse_submission({}));
}

TEST(ReceiptMessage, ReadsBackAsWrittenAndRefusesTheRest) {
  const Receipt receipt{41, StatementHash{{1, 2, 3}}};
  const auto read = parse_receipt(encode(receipt));
  ASSERT_TRUE(read) << read.error();
  EXPECT_EQ(read->log_position, 41u);
  EXPECT_EQ(read->statement, receipt.statement);
  EXPECT_FALSE(parse_receipt(as_bytes("{}")));
  EXPECT_FALSE(parse_receipt(as_bytes(R"({"log_position":1})")));
  EXPECT_FALSE(parse_receipt(Bytes(5000, '[')));
}

}  // namespace
}  // namespace torchkeep::keys
