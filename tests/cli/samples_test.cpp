#include "torchkeep/cli/samples.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/files.h"

namespace torchkeep::cli {
namespace {

using runtime::Port;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class SampleFiles : public ::testing::Test {
 protected:
  std::string file(const std::string& name) {
    const Path path = folder_ / name;
    std::filesystem::create_directories(path.parent_path());
    EXPECT_TRUE(store_file(path, {}).ok());
    return path.string();
  }
  void expect_refused(const std::vector<Port>& ports, const std::vector<std::string>& arguments,
                      const std::string& words) {
    const auto found = find_samples(ports, arguments);
    ASSERT_FALSE(found.ok()) << words;
    EXPECT_THAT(found.error().message, HasSubstr(words));
  }
  ::torchkeep::testing::TemporaryFolder folder_;
  const std::vector<Port> one_{{"x", runtime::DataType::Float32, {1}}};
  const std::vector<Port> two_{{"x", runtime::DataType::Float32, {1}},
                               {"mask", runtime::DataType::Float32, {1}}};
};

TEST_F(SampleFiles, OfOneInputAreFilesOrAFolderOfThem) {
  const std::string a = file("a.npy"), c = file("set/c.npy"), b = file("set/b.pb");
  file("set/notes.txt");
  EXPECT_THAT(find_samples(one_, {a, (folder_ / "set").string(), "x=" + a}).value(),
              ElementsAre(ElementsAre(a), ElementsAre(b), ElementsAre(c), ElementsAre(a)));
}

TEST_F(SampleFiles, OfSeveralInputsAreNamed) {
  EXPECT_THAT(find_samples(two_, {"x=1.npy", "mask=2.npy", "mask=4.npy", "x=3.npy"}).value(),
              ElementsAre(ElementsAre("1.npy", "2.npy"), ElementsAre("3.npy", "4.npy")));
}

TEST_F(SampleFiles, OfSeveralInputsAreAFolderOrFoldersInOne) {
  const std::string x = file("s/1/x.npy"), mask = file("s/1/mask.pb"), x2 = file("s/2/x.npy"),
                    mask2 = file("s/2/mask.npy");
  EXPECT_THAT(find_samples(two_, {(folder_ / "s/1").string()}).value(),
              ElementsAre(ElementsAre(x, mask)));
  EXPECT_THAT(find_samples(two_, {(folder_ / "s").string()}).value(),
              ElementsAre(ElementsAre(x, mask), ElementsAre(x2, mask2)));
}

TEST_F(SampleFiles, AreRefusedWithTheInputsThatThereAre) {
  const std::string a = file("a.npy");
  file("half/x.npy");
  file("empty/notes.txt");
  expect_refused(one_, {(folder_ / "b.npy").string()}, "no such file; the inputs are \"x\"");
  expect_refused(one_, {(folder_ / "empty").string()}, "holds no sample");
  expect_refused(two_, {(folder_ / "empty").string()}, "holds no sample");
  expect_refused(two_, {(folder_ / "half").string()}, "no file for input \"mask\"");
  expect_refused(two_, {a}, "names no input: write NAME=FILE");
  expect_refused(two_, {"x=a.npy"}, "input \"mask\" is there 0 times, another one 1 times");
  expect_refused(two_, {"x=a.npy", "mask=b.npy", "x=c.npy"}, "is there 1 times, another one 2");
  expect_refused(two_, {"y=a.npy"}, "no such file");
}

}  // namespace
}  // namespace torchkeep::cli
