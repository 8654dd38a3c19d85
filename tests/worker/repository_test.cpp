#include "torchkeep/worker/repository.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "torchkeep/worker/model_config.h"

#include "tests/support/files.h"

namespace torchkeep::worker {
namespace {

struct Repository {
  Path make(const std::string& folder) const {
    std::filesystem::create_directories(root.path() / folder);
    return root.path() / folder;
  }
  void add(const std::string& file, std::string_view contents = "x") const {
    std::filesystem::create_directories((root.path() / file).parent_path());
    ASSERT_TRUE(store_file(root.path() / file, as_bytes(contents)));
  }
  RepositoryScan scan() const { return scan_repository(root.path()).value(); }
  testing::TemporaryFolder root;
};

TEST(Repository, FindsEveryVersionInOrder) {
  Repository repository;
  repository.add("resnet50/10/model.tkm");
  repository.add("resnet50/9/model.tkm");
  repository.add("bert.base_x-1/1/model.tkm", "longer");
  repository.add("bert.base_x-1/1/config.json");
  const RepositoryScan scan = repository.scan();
  EXPECT_TRUE(scan.ignored.empty());
  ASSERT_EQ(scan.models.size(), 3u);
  EXPECT_EQ(describe(scan.models[0]), "bert.base_x-1 version 1");
  EXPECT_EQ(describe(scan.models[1]), "resnet50 version 9");
  EXPECT_EQ(describe(scan.models[2]), "resnet50 version 10");
  EXPECT_EQ(scan.models[0].container_mark.bytes, 6u);
  EXPECT_FALSE(scan.models[0].config.empty());
  EXPECT_TRUE(scan.models[1].config.empty());
}

TEST(Repository, IsEmptyIfTheFolderIs) {
  Repository repository;
  EXPECT_TRUE(repository.scan().models.empty());
}

TEST(Repository, NoticesThatAFileWasReplaced) {
  Repository repository;
  repository.add("m/1/model.tkm");
  const ModelPlace before = repository.scan().models.at(0);
  EXPECT_EQ(repository.scan().models.at(0), before);
  repository.add("m/1/model.tkm", "another");
  EXPECT_NE(repository.scan().models.at(0), before);
}

struct Oddity {
  const char* name;
  std::function<void(const Repository&)> make;
  const char* told;
};
void PrintTo(const Oddity& oddity, std::ostream* out) { *out << oddity.name; }

class Oddities : public ::testing::TestWithParam<Oddity> {};

TEST_P(Oddities, AreIgnoredAndNamed) {
  Repository repository;
  GetParam().make(repository);
  const RepositoryScan scan = repository.scan();
  EXPECT_TRUE(scan.models.empty());
  ASSERT_EQ(scan.ignored.size(), 1u);
  EXPECT_NE(scan.ignored[0].find(GetParam().told), std::string::npos) << scan.ignored[0];
}

void link(const Repository& repository, const std::string& to, const std::string& name) {
  std::filesystem::create_directories((repository.root.path() / name).parent_path());
  std::filesystem::create_symlink(to, repository.root.path() / name);
}

INSTANTIATE_TEST_SUITE_P(
    All, Oddities,
    ::testing::Values(
        Oddity{"AFileAmongModels", [](auto& r) { r.add("README"); }, "README"},
        Oddity{"AnUpperCaseName", [](auto& r) { r.add("ResNet/1/model.tkm"); }, "a-z"},
        Oddity{"AHiddenFolder", [](auto& r) { r.add(".git/1/model.tkm"); }, "'.'"},
        Oddity{"ALongName", [](auto& r) { r.add(std::string(65, 'a') + "/1/model.tkm"); }, "64"},
        Oddity{"AZeroVersion", [](auto& r) { r.add("m/0/model.tkm"); }, "is no version"},
        Oddity{"ALeadingZero", [](auto& r) { r.add("m/01/model.tkm"); }, "is no version"},
        Oddity{"ANegativeVersion", [](auto& r) { r.add("m/-1/model.tkm"); }, "is no version"},
        Oddity{"AWordAsVersion", [](auto& r) { r.add("m/latest/model.tkm"); }, "is no version"},
        Oddity{"AVersionWithATail", [](auto& r) { r.add("m/1.bak/model.tkm"); }, "is no version"},
        Oddity{"AnEndlessVersion", [](auto& r) { r.add("m/99999999999999999999/model.tkm"); },
               "is no version"},
        Oddity{"AFileAsVersion", [](auto& r) { r.add("m/1"); }, "no folder of a version"},
        Oddity{"AnEmptyVersion", [](auto& r) { r.make("m/1"); }, "holds no model.tkm"},
        Oddity{"AFolderAsContainer", [](auto& r) { r.make("m/1/model.tkm"); }, "no regular file"},
        Oddity{"APipeAsContainer",
               [](auto& r) { ASSERT_EQ(mkfifo((r.make("m/1") / "model.tkm").c_str(), 0600), 0); },
               "no regular file"},
        Oddity{"ALinkAsContainer", [](auto& r) { link(r, "/etc/hostname", "m/1/model.tkm"); },
               "symbolic link"},
        Oddity{"ALinkAsVersion", [](auto& r) { link(r, "/tmp", "m/1"); }, "no folder of a version"},
        Oddity{"ALinkAsModel", [](auto& r) { link(r, "/tmp", "m"); }, "no folder of a model"}),
    [](const auto& one) { return one.param.name; });

TEST(Repository, ServesNoModelWhoseLimitsAreALink) {
  Repository repository;
  repository.add("m/1/model.tkm");
  link(repository, "/dev/null", "m/1/config.json");
  EXPECT_TRUE(repository.scan().models.empty());
}

TEST(Repository, ServesAModelBesideAFileThatIsNone) {
  Repository repository;
  repository.add("m/1/model.tkm");
  repository.add("m/1/model.tkm.recovery");
  const RepositoryScan scan = repository.scan();
  EXPECT_EQ(scan.models.size(), 1u);
  ASSERT_EQ(scan.ignored.size(), 1u);
  EXPECT_NE(scan.ignored[0].find("model.tkm.recovery"), std::string::npos);
}

TEST(Repository, SaysWhatIsWrongWithTheFolder) {
  const testing::TemporaryFolder folder;
  EXPECT_EQ(scan_repository(folder / "absent").error().code, ErrorCode::NotFound);
  ASSERT_TRUE(store_file(folder / "file", as_bytes("x")));
  EXPECT_EQ(scan_repository(folder / "file").error().code, ErrorCode::InvalidArgument);
}

TEST(ModelConfig, HasDefaultsForWhatIsLeftOut) {
  const ModelConfig config = parse_model_config(R"({"max_queue":3})").value();
  EXPECT_EQ(config.max_queue, 3u);
  EXPECT_EQ(config.max_request_bytes, ModelConfig().max_request_bytes);
  EXPECT_TRUE(load_model_config(Path()));
}

TEST(ModelConfig, RefusesWhatItDoesNotKnow) {
  for (const char* bad : {"", "[]", "{", R"({"max_queue":0})", R"({"max_queue":-1})",
                          R"({"max_queue":1.5})", R"({"max_queue":"3"})", R"({"max_queue":70000})",
                          R"({"max_request_bytes":99999999999})", R"({"max_activation_bytes":0})",
                          R"({"any_client":true})", R"({"max_queue":1,"max_queue":1})"}) {
    const auto config = parse_model_config(bad);
    ASSERT_FALSE(config) << bad;
    EXPECT_EQ(config.error().code, ErrorCode::Malformed);
  }
  EXPECT_NE(parse_model_config(R"({"any_client":true})").error().message.find("any_client"),
            std::string::npos);
}

TEST(ModelConfig, IsReadFromNoEndlessFile) {
  const testing::TemporaryFolder folder;
  ASSERT_TRUE(store_file(folder / "config.json", as_bytes(std::string(kMaxConfigBytes + 1, ' '))));
  EXPECT_EQ(load_model_config(folder / "config.json").error().code, ErrorCode::Malformed);
}

}  // namespace
}  // namespace torchkeep::worker
