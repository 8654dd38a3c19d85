#include "torchkeep/channel/collateral_folder.h"

#include <thread>

#include <gmock/gmock.h>

#include "torchkeep/channel/internal/collateral_fields.h"

#include "tests/support/files.h"

namespace torchkeep::channel {
namespace {

using ::testing::HasSubstr;

class CollateralFolder : public ::testing::Test {
 protected:
  static attest::Collateral made_of(std::uint8_t byte) {
    attest::Collateral out;
    for (const CollateralField& field : collateral_fields()) {
      out.*field.bytes = Bytes(1000U + byte, byte);
    }
    return out;
  }
  static bool same(const attest::Collateral& left, const attest::Collateral& right) {
    return std::ranges::all_of(collateral_fields(), [&](const CollateralField& field) {
      return left.*field.bytes == right.*field.bytes;
    });
  }

  testing::TemporaryFolder temporary_;
  const Path folder_ = temporary_.path() / "collateral";
};

TEST_F(CollateralFolder, IsReadBackAsItWasWritten) {
  ASSERT_TRUE(store_collateral_folder(folder_, made_of(1)).ok());
  const auto read = load_collateral_folder(folder_);
  ASSERT_TRUE(read.ok()) << read.error();
  EXPECT_TRUE(same(*read, made_of(1)));
}

TEST_F(CollateralFolder, TakesThePlaceOfAnother) {
  ASSERT_TRUE(store_collateral_folder(folder_, made_of(1)).ok());
  attest::Collateral second = made_of(2);
  second.pck_chain.clear();
  const auto stored = store_collateral_folder(folder_ / "", second);
  ASSERT_TRUE(stored.ok()) << stored.error();
  const auto read = load_collateral_folder(folder_);
  ASSERT_TRUE(read.ok()) << read.error();
  EXPECT_TRUE(same(*read, second)) << "nothing is left of the first";
  std::size_t entries = 0;
  for (const auto& entry : std::filesystem::directory_iterator(temporary_.path())) {
    EXPECT_EQ(entry.path(), folder_);
    ++entries;
  }
  EXPECT_EQ(entries, 1U);
}

TEST_F(CollateralFolder, HasEmptyDocumentsWhereFilesAreMissing) {
  std::filesystem::create_directory(folder_);
  ASSERT_TRUE(store_file(folder_ / "pck_crl.der", Bytes{1, 2}).ok());
  ASSERT_TRUE(store_file(folder_ / "quote.bin", Bytes{3}).ok());
  const auto read = load_collateral_folder(folder_);
  ASSERT_TRUE(read.ok()) << read.error();
  attest::Collateral expected;
  expected.pck_crl = {1, 2};
  EXPECT_TRUE(same(*read, expected));
}

TEST_F(CollateralFolder, IsNeverReadAsAMixWhileItIsReplaced) {
  ASSERT_TRUE(store_collateral_folder(folder_, made_of(1)).ok());
  std::atomic<bool> ending{false};
  std::thread writer([&] {
    for (std::uint8_t i = 0; !ending; ++i) {
      EXPECT_TRUE(store_collateral_folder(folder_, made_of(i % 2 + 1)).ok());
    }
  });
  int read_whole = 0;
  for (int i = 0; i < 200; ++i) {
    const auto read = load_collateral_folder(folder_);
    if (!read) {
      EXPECT_EQ(read.error().code, ErrorCode::Unavailable) << read.error();
      continue;
    }
    ++read_whole;
    EXPECT_TRUE(same(*read, made_of(1)) || same(*read, made_of(2)));
  }
  ending = true;
  writer.join();
  EXPECT_GT(read_whole, 0);
}

TEST_F(CollateralFolder, IsNotFoundWhereThereIsNone) {
  const auto read = load_collateral_folder(folder_);
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().code, ErrorCode::NotFound);
}

TEST_F(CollateralFolder, RefusesAFileInPlaceOfTheFolder) {
  ASSERT_TRUE(store_file(folder_, Bytes{1}).ok());
  EXPECT_EQ(load_collateral_folder(folder_).error().code, ErrorCode::InvalidArgument);
  EXPECT_EQ(store_collateral_folder(folder_, made_of(1)).error().code, ErrorCode::InvalidArgument);
}

TEST_F(CollateralFolder, RefusesADocumentThatIsNoFile) {
  std::filesystem::create_directories(folder_ / "tcb_info.json");
  EXPECT_EQ(load_collateral_folder(folder_).error().code, ErrorCode::InvalidArgument);
}

TEST_F(CollateralFolder, RefusesADocumentThatIsTooLarge) {
  std::filesystem::create_directory(folder_);
  ASSERT_TRUE(store_file(folder_ / "tcb_info.json", Bytes(kMaxCollateralBytes + 1)).ok());
  const auto read = load_collateral_folder(folder_);
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().code, ErrorCode::Malformed);
  EXPECT_THAT(read.error().message, HasSubstr("tcb_info.json"));
}

TEST_F(CollateralFolder, LeavesAFolderAloneThatHoldsSomethingElse) {
  std::filesystem::create_directory(folder_);
  ASSERT_TRUE(store_file(folder_ / "thesis.tex", Bytes{1}).ok());
  const auto stored = store_collateral_folder(folder_, made_of(1));
  ASSERT_FALSE(stored.ok());
  EXPECT_EQ(stored.error().code, ErrorCode::InvalidArgument);
  EXPECT_THAT(stored.error().message, HasSubstr("thesis.tex"));
  EXPECT_TRUE(std::filesystem::exists(folder_ / "thesis.tex"));
}

TEST_F(CollateralFolder, SaysWhereItCannotWrite) {
  const auto stored = store_collateral_folder(temporary_.path() / "a" / "b", made_of(1));
  ASSERT_FALSE(stored.ok());
  EXPECT_EQ(stored.error().code, ErrorCode::Unavailable);
}

}  // namespace
}  // namespace torchkeep::channel
