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
