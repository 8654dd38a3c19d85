// What a draft's file holds: everything that was not changed, byte for byte.
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "torchkeep/quantise/draft.h"

#include "tests/quantise/model_file.h"

namespace torchkeep::quantise {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;
using namespace testing;

/// y = x * w, with much that a quantiser knows nothing of.
ModelFile odd_model() {
  ModelFile file;
  file.input("x", {-1, 64})
      .output("y", {-1, 32})
      .weights("w", {64, 32})
      .weights("unread", {3})
      .add(node("MatMul", {"x", "w"}, {"y"}).text(6, "a doc string").text(999, "unknown"))
      .field(13, port("y", {-1, 32}))
      .field(10, Message().text(1, "x"))
      .field(777, Message().number(1, 5));
  return file;
}

std::vector<float> answer(const Path& path) {
  const auto model = runtime::Model::load_onnx(path);
  EXPECT_TRUE(model.ok()) << model.error();
  std::mt19937 random(3);
  const auto made = (*model)->run(one(random_tensor({2, 64}, random))).value();
  const auto elements = made[0].elements<float>();
  return {elements.begin(), elements.end()};
}

class Store : public ::testing::Test {
 protected:
  void SetUp() override { odd_model().store(model_); }
  Source source() const { return Source::open(model_).value(); }
  std::size_t files() const {
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator(folder_.path()),
                      std::filesystem::directory_iterator()));
  }
  TemporaryFolder folder_;
  Path model_ = folder_ / "m.onnx", output_ = folder_ / "o.onnx";
};

TEST_F(Store, ADraftWithoutChangesIsTheSameFile) {
  const Source from = source();
  Draft draft(from);
  ASSERT_TRUE(draft.drop_unread().ok());
  const Stored stored = store(draft, output_).value();
  const Bytes before = load_file(model_, 1 << 20).value(),
              after = load_file(output_, 1 << 20).value();
  EXPECT_EQ(before, after);
  EXPECT_EQ(stored.bytes, before.size());
  EXPECT_TRUE(stored.data.empty());
}

TEST_F(Store, ChangesStandBesideWhatWasThere) {
  const Source from = source();
  Draft draft(from);
  const std::string name = draft.make_name("w");
  EXPECT_EQ(name, "w_1") << "w is there";
  draft.add(encode_tensor(name, std::vector<float>(64 * 32, 1), {64, 32}));
  ASSERT_TRUE(draft.reread(0, 1, name).ok());
  ASSERT_TRUE(draft.drop_unread().ok());
  ASSERT_TRUE(store(draft, output_).ok());
  const std::string after = to_string(load_file(output_, 1 << 20).value());
  for (const char* kept : {"a doc string", "unknown", "unread"})
    EXPECT_THAT(after, HasSubstr(kept));
  const Source again = Source::open(output_).value();
  EXPECT_EQ(again.nodes()[0].inputs[1], "w_1");
  EXPECT_EQ(again.find_known("w"), nullptr) << "nothing reads it any more";
  EXPECT_NE(again.find_known("unread"), nullptr) << "nothing read it before";
  EXPECT_NE(answer(model_), answer(output_));
}

TEST_F(Store, WhatIsTooLargeForTheFileLiesBesideIt) {
  const Source from = source();
  const Draft draft(from);
  const Stored stored = store(draft, output_, 4096).value();
  EXPECT_EQ(stored.data, folder_ / "o.onnx.data");
  EXPECT_EQ(stored.bytes, std::filesystem::file_size(output_) + 64 * 32 * 4);
  EXPECT_EQ(answer(model_), answer(output_));
  // And external data stays external.
  const Source large = Source::open(output_).value();
  const Stored again = store(Draft(large), folder_ / "again.onnx").value();
  EXPECT_EQ(again.data, folder_ / "again.onnx.data");
  EXPECT_EQ(answer(model_), answer(folder_ / "again.onnx"));
}

TEST_F(Store, WhatMustLieInTheFileAndDoesNotFitIsRefused) {
  const Source from = source();
  const auto stored = store(Draft(from), output_, 100);
  ASSERT_FALSE(stored.ok());
  EXPECT_EQ(stored.error().code, ErrorCode::InvalidArgument);
  EXPECT_THAT(stored.error().message, HasSubstr("at most 100 may"));
  EXPECT_EQ(files(), 1U) << "nothing is left behind";
}

TEST_F(Store, AFolderThatIsNotThereLeavesNothing) {
  const Source from = source();
  EXPECT_EQ(store(Draft(from), folder_ / "absent/o.onnx").error().code, ErrorCode::NotFound);
  EXPECT_EQ(store(Draft(from), folder_ / "absent/o.onnx", 4096).error().code, ErrorCode::NotFound);
  EXPECT_EQ(files(), 1U);
}

struct Fault {
  const char* name;
  std::function<void(const Path&)> make;
  ErrorCode code;
  const char* words;
};
class WrongSources : public ::testing::TestWithParam<Fault> {};
TEST_P(WrongSources, AreRefused) {
  const TemporaryFolder folder;
  GetParam().make(folder / "m.onnx");
  const auto source = Source::open(folder / "m.onnx");
  ASSERT_FALSE(source.ok());
  EXPECT_EQ(source.error().code, GetParam().code) << source.error();
  EXPECT_THAT(source.error().message, HasSubstr(GetParam().words));
}

void store_text(const Path& path, std::string_view bytes) {
  ASSERT_TRUE(store_file(path, as_bytes(bytes)).ok());
}
Message outside(std::string_view location) {
  return Message().number(1, 2).number(2, 1).text(8, "w").number(14, 1).message(
      13, Message().text(1, "location").text(2, location));
}

INSTANTIATE_TEST_SUITE_P(
    Source, WrongSources,
    ::testing::Values(
        Fault{"NoFile", [](const Path&) {}, ErrorCode::NotFound, "is not there"},
        Fault{"AnEmptyFile", [](const Path& path) { store_text(path, ""); }, ErrorCode::Malformed,
              "wanted is one graph"},
        Fault{"AText", [](const Path& path) { store_text(path, "hello, this is a text"); },
              ErrorCode::Malformed, "m.onnx"},
        Fault{"TwoGraphs",
              [](const Path& path) { store_text(path, std::string_view("\x3a\0\x3a\0", 4)); },
              ErrorCode::Malformed, "wanted is one graph"},
        Fault{"ATensorTwice",
              [](const Path& path) {
                ModelFile().known("w", {1}, {1}).known("w", {1}, {1}).store(path);
              },
              ErrorCode::Malformed, "\"w\" is there twice"},
        Fault{"ElementsThatDoNotFollowTheirShape",
              [](const Path& path) {
                ModelFile().known("w", {3}, {1, 2}).store(path);
              },
              ErrorCode::Malformed, "\"w\""},
        Fault{"AValueMadeTwice",
              [](const Path& path) {
                ModelFile()
                    .input("x", {1})
                    .add(node("Relu", {"x"}, {"y"}))
                    .add(node("Relu", {"x"}, {"y"}))
                    .store(path);
              },
              ErrorCode::Malformed, "\"y\" is made twice"},
        Fault{"DataThatIsNotThere",
              [](const Path& path) { ModelFile().field(5, outside("w.bin")).store(path); },
              ErrorCode::NotFound, "tensor \"w\""},
        Fault{"DataElsewhere",
              [](const Path& path) { ModelFile().field(5, outside("../w.bin")).store(path); },
              ErrorCode::Malformed, "is not beside the model"},
        Fault{"DataThatIsTooShort",
              [](const Path& path) {
                store_text(path.parent_path() / "w.bin", "abcd");
                ModelFile().field(5, outside("w.bin")).store(path);
              },
              ErrorCode::Malformed, "ends after w.bin"},
        Fault{"QuantisedAlready",
              [](const Path& path) {
                ModelFile()
                    .field(5, Message().number(1, 2).number(2, 22).text(8, "w"))
                    .add(node("DequantizeLinear", {"w", "s"}, {"y"}))
                    .store(path);
              },
              ErrorCode::InvalidArgument, "quantised already"}),
    [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace torchkeep::quantise
