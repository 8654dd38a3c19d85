#include "torchkeep/client/statement_book.h"

#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"
#include "tests/support/fake_owner.h"
#include "tests/support/files.h"

namespace torchkeep::client {
namespace {

using testing::fake_genesis;
using testing::fake_policy;

class Book : public ::testing::Test {
 protected:
  StatementBook open() const {
    auto book = try_open();
    EXPECT_TRUE(book) << book.error();
    return std::move(book).value();
  }
  Result<StatementBook> try_open() const {
    return StatementBook::open(file_, key_, fake_genesis(), "resnet50");
  }
  /// Registered, and confirmed.
  StatementBook registered() const {
    StatementBook book = open();
    confirm(book, book.next_register(fake_policy(), clock_.now()));
    return book;
  }
  static void confirm(StatementBook& book, const Result<keys::SignedStatement>& said) {
    ASSERT_TRUE(said) << said.error();
    const auto confirmed = book.confirm(keys::hash_of(*said));
    ASSERT_TRUE(confirmed) << confirmed.error();
  }
  Result<keys::SignedStatement> next_version(StatementBook& book, std::uint64_t version) const {
    ContainerDigest digest;
    digest.bytes.fill(5);
    KeyId id;
    id.bytes.fill(static_cast<std::uint8_t>(version));
    return book.next_version(version, digest, id, clock_.now());
  }

  testing::TemporaryFolder folder_;
  Path file_ = folder_ / "resnet50.json";
  crypto::Ed25519PrivateKey key_ = testing::fake_owner_key(1);
  testing::FakeClock clock_;
};

TEST_F(Book, IsEmptyAtFirst) {
  const StatementBook book = open();
  EXPECT_FALSE(book.chain());
  EXPECT_FALSE(book.pending());
}

TEST_F(Book, SaysEverythingAnOwnerCanSay) {
  StatementBook book = registered();
  confirm(book, next_version(book, 1));
  confirm(book, next_version(book, 2));
  keys::Policy policy = fake_policy();
  policy.lease_seconds = 5;
  confirm(book, book.next_policy(policy, clock_.now()));
  confirm(book, book.next_minimum(2, clock_.now()));
  confirm(book, book.next_suspend(clock_.now()));
  confirm(book, book.next_resume(clock_.now()));
  confirm(book, book.next_revoke(2, clock_.now()));
  const StatementBook again = open();
  ASSERT_TRUE(again.chain());
  EXPECT_EQ(again.chain()->head(), book.chain()->head());
  EXPECT_EQ(again.chain()->next_sequence(), 8u);
  EXPECT_EQ(again.chain()->policy().lease_seconds, 5u);
}

TEST_F(Book, SendsTheVerySameStatementAgainAfterACrash) {
  StatementBook book = registered();
  const auto said = next_version(book, 1);
  ASSERT_TRUE(said) << said.error();
  // The program ends here: sent or not, nobody knows.
  StatementBook again = open();
  ASSERT_TRUE(again.pending());
  EXPECT_EQ(keys::hash_of(*again.pending()), keys::hash_of(*said));
  const auto more = next_version(again, 2);
  EXPECT_EQ(more.error().code, ErrorCode::Denied);
  EXPECT_NE(more.error().message.find("pending"), std::string::npos);
  ASSERT_TRUE(again.confirm(keys::hash_of(*said)));
  EXPECT_FALSE(open().pending());
  EXPECT_TRUE(open().chain()->versions().contains(1));
}

TEST_F(Book, KeepsARegistrationPendingOverACrash) {
  {
    StatementBook book = open();
    ASSERT_TRUE(book.next_register(fake_policy(), clock_.now()));
  }
  StatementBook again = open();
  ASSERT_TRUE(again.pending());
  EXPECT_EQ(again.next_register(fake_policy(), clock_.now()).error().code, ErrorCode::Denied);
  EXPECT_EQ(next_version(again, 1).error().code, ErrorCode::Denied);
}

TEST_F(Book, ForgetsWhatTheKeyServerRefused) {
  StatementBook book = registered();
  const StatementHash head = book.chain()->head();
  ASSERT_TRUE(next_version(book, 1));
  ASSERT_TRUE(book.abandon());
  EXPECT_FALSE(book.pending());
  EXPECT_EQ(book.chain()->head(), head);
  EXPECT_EQ(open().chain()->head(), head);
  EXPECT_FALSE(open().pending());
  EXPECT_TRUE(next_version(book, 1));
}

TEST_F(Book, KnowsWhetherWhatIsPendingMayHaveBeenSent) {
  StatementBook book = open();
  EXPECT_FALSE(book.unsent()) << "nothing is pending";
  ASSERT_TRUE(book.next_register(fake_policy(), clock_.now()));
  EXPECT_TRUE(book.unsent());
  EXPECT_FALSE(open().unsent()) << "whoever left it may have sent it";
  book.sending();
  EXPECT_FALSE(book.unsent());
  ASSERT_TRUE(book.abandon());
  ASSERT_TRUE(book.next_register(fake_policy(), clock_.now()));
  EXPECT_TRUE(book.unsent()) << "another one";
}

TEST_F(Book, ForgetsARefusedRegistration) {
  StatementBook book = open();
  ASSERT_TRUE(book.next_register(fake_policy(), clock_.now()));
  ASSERT_TRUE(book.abandon());
  EXPECT_FALSE(open().chain());
  EXPECT_TRUE(book.next_register(fake_policy(), clock_.now()));
}

TEST_F(Book, ConfirmsNothingElse) {
  StatementBook book = registered();
  EXPECT_EQ(book.confirm(book.chain()->head()).error().code, ErrorCode::InvalidArgument);
  EXPECT_EQ(book.abandon().error().code, ErrorCode::InvalidArgument);
  ASSERT_TRUE(next_version(book, 1));
  EXPECT_EQ(book.confirm(StatementHash{}).error().code, ErrorCode::InvalidArgument);
  EXPECT_TRUE(open().pending());
}

TEST_F(Book, RefusesWhatMakesNoSenseBeforeItIsSent) {
  StatementBook empty = open();
  EXPECT_EQ(next_version(empty, 1).error().code, ErrorCode::Denied);
  EXPECT_EQ(empty.next_suspend(clock_.now()).error().code, ErrorCode::Denied);
  StatementBook book = registered();
  confirm(book, next_version(book, 1));
  EXPECT_EQ(book.next_register(fake_policy(), clock_.now()).error().code, ErrorCode::Denied);
  EXPECT_EQ(next_version(book, 1).error().code, ErrorCode::Denied);
  EXPECT_EQ(next_version(book, 0).error().code, ErrorCode::Malformed);
  EXPECT_EQ(book.next_resume(clock_.now()).error().code, ErrorCode::Denied);
  EXPECT_EQ(book.next_revoke(9, clock_.now()).error().code, ErrorCode::Denied);
  keys::Policy bad = fake_policy();
  bad.lease_seconds = 0;
  EXPECT_EQ(book.next_policy(bad, clock_.now()).error().code, ErrorCode::Malformed);
  EXPECT_FALSE(book.pending());
  EXPECT_FALSE(open().pending());
}

TEST_F(Book, NeverStatesATimeBehindTheOneBefore) {
  StatementBook book = registered();
  clock_.advance(-std::chrono::hours(5));
  confirm(book, next_version(book, 1));
  EXPECT_EQ(format_rfc3339(book.chain()->newest_time()), "2026-11-23T10:00:00Z");
}

TEST_F(Book, ChangesNothingWhereItCannotBeStored) {
  StatementBook book = registered();
  const StatementHash head = book.chain()->head();
  std::filesystem::remove(file_);
  std::filesystem::create_directory(file_);
  ASSERT_TRUE(store_file(file_ / "in-the-way", as_bytes("x")));
  EXPECT_EQ(next_version(book, 1).error().code, ErrorCode::Unavailable);
  EXPECT_FALSE(book.pending());
  EXPECT_EQ(book.chain()->head(), head);
}

TEST_F(Book, RefusesAnotherOwnersModelsOrServers) {
  registered();
  const auto other_key = testing::fake_owner_key(2);
  const auto code = [&](const crypto::Ed25519PrivateKey& key, const Genesis& genesis,
                        const char* model) {
    const auto book = StatementBook::open(file_, key, genesis, model);
    return book ? ErrorCode::Internal : book.error().code;
  };
  EXPECT_EQ(code(other_key, fake_genesis(), "resnet50"), ErrorCode::Untrusted);
  EXPECT_EQ(code(key_, fake_genesis(0x98), "resnet50"), ErrorCode::Untrusted);
  EXPECT_EQ(code(key_, fake_genesis(), "bert"), ErrorCode::Untrusted);
  EXPECT_EQ(code(key_, fake_genesis(), "../x"), ErrorCode::InvalidArgument);
}

TEST_F(Book, RefusesEveryEditAndNamesTheFile) {
  StatementBook book = registered();
  confirm(book, next_version(book, 1));
  const std::string good = to_string(load_file(file_, 1 << 20).value());
  for (std::size_t i = 0; i < good.size(); i += 7) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    ASSERT_TRUE(store_file(file_, as_bytes(bad)));
    const auto read = try_open();
    ASSERT_FALSE(read) << "byte " << i;
    EXPECT_NE(read.error().message.find("resnet50.json"), std::string::npos) << read.error();
  }
  for (const char* bad :
       {"", "{}", R"({"pending":true,"statements":[]})", R"({"statements":[]})",
        R"({"pending":false,"statements":[1]})", R"({"more":1,"pending":false,"statements":[]})"}) {
    ASSERT_TRUE(store_file(file_, as_bytes(bad)));
    EXPECT_FALSE(try_open()) << bad;
  }
}

}  // namespace
}  // namespace torchkeep::client
