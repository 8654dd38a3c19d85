#include "torchkeep/client/owner.h"

#include <gtest/gtest.h>

#include "tests/support/fake_owner.h"
#include "tests/support/files.h"

namespace torchkeep::client {
namespace {

namespace filesystem = std::filesystem;
using filesystem::perms;

class OwnerFolder : public ::testing::Test {
 protected:
  Owner create() { return create_owner(folder_, random_).value(); }
  KeyServerPin pin(std::uint8_t genesis = 0x99) const {
    return {{"127.0.0.1", 8440}, testing::fake_genesis(genesis)};
  }
  Error error_of_loading() const {
    const auto owner = load_owner(folder_);
    return owner ? Error{ErrorCode::Internal, "loaded"} : owner.error();
  }
  void write(const char* name, ByteView bytes) const {
    ASSERT_TRUE(store_file(folder_ / name, bytes, 0600));
  }
  testing::TemporaryFolder parent_;
  Path folder_ = parent_ / "owner";
  crypto::SystemRandom random_;
};

TEST_F(OwnerFolder, ReadsBackWhatItMade) {
  const Owner made = create();
  const auto loaded = load_owner(folder_);
  ASSERT_TRUE(loaded) << loaded.error();
  EXPECT_EQ(loaded->public_key(), made.public_key());
  EXPECT_EQ(loaded->recovery_key().public_key(), made.recovery_key().public_key());
  EXPECT_FALSE(loaded->key_server());
}

TEST_F(OwnerFolder, IsPrivate) {
  create();
  EXPECT_EQ(filesystem::status(folder_).permissions(), perms::owner_all);
  for (const char* name : {"owner.key", "recovery.key"}) {
    EXPECT_EQ(filesystem::status(folder_ / name).permissions(),
              perms::owner_read | perms::owner_write)
        << name;
  }
}

TEST_F(OwnerFolder, LeavesTheModeOfAFolderThatWasThere) {
  filesystem::create_directory(folder_);
  filesystem::permissions(folder_, perms::owner_all | perms::group_read | perms::group_exec);
  create();
  EXPECT_EQ(filesystem::status(folder_).permissions(),
            perms::owner_all | perms::group_read | perms::group_exec);
}

TEST_F(OwnerFolder, NeverReplacesKeys) {
  const Owner first = create();
  EXPECT_EQ(create_owner(folder_, random_).error().code, ErrorCode::InvalidArgument);
  EXPECT_EQ(load_owner(folder_)->public_key(), first.public_key());
}

TEST_F(OwnerFolder, FinishesWhatWasCutOff) {
  const Owner first = create();
  // Killed between the two files.
  filesystem::remove(folder_ / "owner.key");
  EXPECT_EQ(error_of_loading().code, ErrorCode::NotFound);
  const auto second = create_owner(folder_, random_);
  ASSERT_TRUE(second) << second.error();
  EXPECT_EQ(second->recovery_key().public_key(), first.recovery_key().public_key());
}

TEST_F(OwnerFolder, SaysHowToMakeOneWhereThereIsNone) {
  EXPECT_EQ(error_of_loading().code, ErrorCode::NotFound);
  EXPECT_NE(error_of_loading().message.find("torchkeep owner init"), std::string::npos);
}

TEST_F(OwnerFolder, RefusesKeysThatOthersMayRead) {
  create();
  for (const char* name : {"owner.key", "recovery.key"}) {
    for (const perms open : {perms::group_read, perms::others_read, perms::group_write}) {
      filesystem::permissions(folder_ / name, open, filesystem::perm_options::add);
      EXPECT_EQ(error_of_loading().code, ErrorCode::Untrusted) << name;
      EXPECT_NE(error_of_loading().message.find("chmod 600"), std::string::npos);
      filesystem::permissions(folder_ / name, open, filesystem::perm_options::remove);
    }
  }
  EXPECT_TRUE(load_owner(folder_));
}

TEST_F(OwnerFolder, RefusesDamagedKeys) {
  create();
  const Bytes good = load_file(folder_ / "owner.key", 64).value();
  write("owner.key", ByteView(good).first(31));
  EXPECT_EQ(error_of_loading().code, ErrorCode::Malformed);
  write("owner.key", Bytes(33, 1));
  EXPECT_EQ(error_of_loading().code, ErrorCode::Malformed);
  write("owner.key", Bytes(32, 0));
  EXPECT_EQ(error_of_loading().code, ErrorCode::InvalidArgument);
  write("owner.key", good);
  EXPECT_TRUE(load_owner(folder_));
  write("recovery.key", {});
  EXPECT_EQ(error_of_loading().code, ErrorCode::Malformed);
  filesystem::remove(folder_ / "recovery.key");
  EXPECT_EQ(error_of_loading().code, ErrorCode::NotFound);
  EXPECT_NE(error_of_loading().message.find("recovery"), std::string::npos);
}

TEST_F(OwnerFolder, RemembersItsKeyServer) {
  Owner owner = create();
  ASSERT_TRUE(owner.pin_key_server(pin()));
  const auto loaded = load_owner(folder_);
  ASSERT_TRUE(loaded->key_server());
  EXPECT_EQ(loaded->key_server()->genesis, pin().genesis);
  EXPECT_EQ(loaded->key_server()->endpoint, pin().endpoint);
}

TEST_F(OwnerFolder, FollowsAKeyServerThatMovedButNoOther) {
  Owner owner = create();
  ASSERT_TRUE(owner.pin_key_server(pin()));
  KeyServerPin moved = pin();
  moved.endpoint.port = 9000;
  EXPECT_TRUE(owner.pin_key_server(moved));
  EXPECT_EQ(load_owner(folder_)->key_server()->endpoint.port, 9000);
  const auto other = owner.pin_key_server(pin(0x98));
  EXPECT_EQ(other.error().code, ErrorCode::Denied);
  EXPECT_NE(other.error().message.find("another owner folder"), std::string::npos);
  EXPECT_EQ(load_owner(folder_)->key_server()->genesis, pin().genesis);
}

TEST_F(OwnerFolder, RefusesADamagedPin) {
  Owner owner = create();
  ASSERT_TRUE(owner.pin_key_server(pin()));
  const std::string good = to_string(load_file(folder_ / "key-server.json", 4096).value());
  for (const std::string& bad :
       {std::string("{}"), std::string(""), good.substr(1), good + "x",
        std::string(R"({"endpoint":"127.0.0.1:1","genesis":"00"})"),
        std::string(R"({"endpoint":"nowhere","genesis":")") + pin().genesis.hex() + "\"}",
        R"({"more":1,)" + good.substr(1), std::string(5000, ' ')}) {
    write("key-server.json", as_bytes(bad));
    EXPECT_FALSE(load_owner(folder_)) << bad;
    EXPECT_NE(error_of_loading().message.find("key-server.json"), std::string::npos) << bad;
  }
}

TEST_F(OwnerFolder, OpensBooksOnlyBehindAPin) {
  Owner owner = create();
  EXPECT_EQ(owner.open_book("resnet50").error().code, ErrorCode::InvalidArgument);
  ASSERT_TRUE(owner.pin_key_server(pin()));
  EXPECT_TRUE(owner.open_book("resnet50"));
  EXPECT_EQ(owner.open_book("../resnet50").error().code, ErrorCode::InvalidArgument);
}

TEST_F(OwnerFolder, ListsItsModels) {
  Owner owner = create();
  EXPECT_TRUE(owner.models()->empty());
  ASSERT_TRUE(owner.pin_key_server(pin()));
  for (const char* name : {"zebra", "bert"}) {
    auto book = owner.open_book(name);
    ASSERT_TRUE(book->next_register(testing::fake_policy(), TimePoint{}));
  }
  write("models/NOTES.txt", as_bytes("mine"));
  write("models/Not-A-Name.json", as_bytes("{}"));
  EXPECT_EQ(owner.models().value(), (std::vector<std::string>{"bert", "zebra"}));
}

}  // namespace
}  // namespace torchkeep::client
