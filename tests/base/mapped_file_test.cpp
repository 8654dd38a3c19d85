#include "torchkeep/base/mapped_file.h"

#include <gtest/gtest.h>

#include "tests/support/files.h"

namespace torchkeep {
namespace {

using testing::TemporaryFolder;

TEST(MappedFile, ShowsWhatTheFileHolds) {
  const TemporaryFolder folder;
  ASSERT_TRUE(store_file(folder / "a", as_bytes("content")).ok());
  MappedFile file = MappedFile::open(folder / "a").value();
  const ByteView before = file.bytes();
  const MappedFile moved(std::move(file));
  EXPECT_EQ(as_text(moved.bytes()), "content");
  EXPECT_EQ(moved.bytes().data(), before.data()) << "views outlive a move";
}

TEST(MappedFile, WhatItLetsGoIsThereAgain) {
  const TemporaryFolder folder;
  Bytes content(5 * 4096 + 100);
  for (std::size_t i = 0; i < content.size(); ++i) content[i] = static_cast<std::uint8_t>(i / 7);
  ASSERT_TRUE(store_file(folder / "a", content).ok());
  const MappedFile file = MappedFile::open(folder / "a").value();
  ASSERT_TRUE(equal(file.bytes(), content));
  for (const std::size_t start : {0, 1, 4096, 9000, 20579}) {
    for (std::size_t size = 0; start + size <= content.size(); size += 811) {
      file.let_go(file.bytes().subspan(start, size));
      ASSERT_TRUE(equal(file.bytes(), content)) << start << " " << size;
    }
  }
  file.let_go({});
}

TEST(MappedFile, OfNothingIsEmpty) {
  const TemporaryFolder folder;
  ASSERT_TRUE(store_file(folder / "a", {}).ok());
  EXPECT_TRUE(MappedFile::open(folder / "a").value().bytes().empty());
}

TEST(MappedFile, WhatIsNoFileIsRefused) {
  const TemporaryFolder folder;
  EXPECT_EQ(MappedFile::open(folder / "absent").error().code, ErrorCode::NotFound);
  EXPECT_EQ(MappedFile::open(folder.path()).error().code, ErrorCode::InvalidArgument);
}

}  // namespace
}  // namespace torchkeep
