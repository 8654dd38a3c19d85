#include "torchkeep/worker/model_host.h"

#include "tests/worker/fixture.h"

namespace torchkeep::worker {
namespace {

struct Host : Worker {
  void add(const std::string& file, std::string_view contents = "x") {
    std::filesystem::create_directories((folder / file).parent_path());
    ASSERT_TRUE(store_file(folder / file, as_bytes(contents)));
  }
  void rescan() {
    ASSERT_TRUE(host.rescan());
    host.tick();
  }
  SlotState state(std::uint64_t version) {
    const auto slot = host.find("resnet50", version);
    EXPECT_TRUE(slot);
    return (*slot)->state();
  }
  void wait_ready(std::uint64_t version) {
    run_until([&] { return state(version) == SlotState::Ready; });
  }
  ModelHost host{folder.path(), bench};
};

TEST(ModelHost, ServesWhatStandsInTheFolderAtStart) {
  Host host;
  host.add("resnet50/1/model.tkm");
  host.add("resnet50/2/model.tkm");
  EXPECT_TRUE(host.host.ready()) << "nothing is there yet";
  host.rescan();
  EXPECT_FALSE(host.host.ready());
  host.wait_ready(1);
  host.wait_ready(2);
  EXPECT_TRUE(host.host.ready());
  EXPECT_EQ(host.host.all().size(), 2u);
}

TEST(ModelHost, ServesAModelThatIsCopiedInLaterOnceItIsWhole) {
  Host host;
  host.rescan();
  host.add("resnet50/1/model.tkm", "x");
  host.rescan();
  EXPECT_FALSE(host.host.find("resnet50", 1)) << "it may still grow";
  host.add("resnet50/1/model.tkm", "xx");
  host.rescan();
  EXPECT_FALSE(host.host.find("resnet50", 1)) << "it did";
  host.rescan();
  host.wait_ready(1);
}

TEST(ModelHost, StopsAModelWhoseFilesAreGone) {
  Host host;
  host.add("resnet50/1/model.tkm");
  host.rescan();
  host.wait_ready(1);
  std::filesystem::remove_all(host.folder / "resnet50");
  host.rescan();
  EXPECT_EQ(host.host.find("resnet50", 1).error().code, ErrorCode::NotFound);
  host.wait_for_inference();
  EXPECT_EQ(host.engines->alive, 0);
  EXPECT_TRUE(host.log.contains("resnet50 version 1: stopped: its files are gone"));
}

TEST(ModelHost, TriesABadContainerAgainWhenItWasReplaced) {
  Host host;
  host.loader.failure = untrusted("container: segment 0");
  host.add("resnet50/1/model.tkm");
  host.rescan();
  host.run_until([&] { return host.state(1) == SlotState::Stopped; });
  EXPECT_FALSE(host.host.ready());
  host.loader.failure.reset();
  host.rescan();
  EXPECT_EQ(host.keys.requests, 1);
  host.add("resnet50/1/model.tkm", "whole");
  host.rescan();
  host.rescan();
  host.wait_ready(1);
}

TEST(ModelHost, GoesOnServingAModelWhoseFileWasReplaced) {
  Host host;
  host.add("resnet50/1/model.tkm");
  host.rescan();
  host.wait_ready(1);
  host.add("resnet50/1/model.tkm", "another");
  host.rescan();
  host.rescan();
  EXPECT_EQ(host.state(1), SlotState::Ready);
  EXPECT_EQ(host.loader.loads, 1);
}

TEST(ModelHost, FindsTheHighestVersionThatIsServed) {
  Host host;
  host.add("resnet50/1/model.tkm");
  host.add("resnet50/2/model.tkm");
  host.add("resnet50/3/model.tkm");  // Not registered.
  host.rescan();
  EXPECT_EQ((*host.host.find("resnet50", {}))->place().version, 3u) << "none is served yet";
  host.wait_ready(1);
  host.wait_ready(2);
  EXPECT_EQ((*host.host.find("resnet50", {}))->place().version, 2u);
  EXPECT_EQ(host.host.find("resnet50", 4).error().code, ErrorCode::NotFound);
  EXPECT_EQ(host.host.find("resnet", {}).error().code, ErrorCode::NotFound);
  EXPECT_EQ(host.host.versions("resnet50").size(), 3u);
}

TEST(ModelHost, NamesWhatIsNoModelOnce) {
  Host host;
  host.add("README");
  for (int i = 0; i < 3; ++i) host.rescan();
  EXPECT_EQ(host.log.count("ignored: "), 1u);
}

TEST(ModelHost, KeepsServingWhileItsFolderIsAway) {
  Host host;
  host.add("repository/resnet50/1/model.tkm");
  ModelHost models(host.folder / "repository", host.bench);
  ASSERT_TRUE(models.rescan());
  host.run_until([&] { return models.ready(); });
  std::filesystem::rename(host.folder / "repository", host.folder / "elsewhere");
  EXPECT_EQ(models.rescan().error().code, ErrorCode::NotFound);
  EXPECT_TRUE(models.ready());
}

TEST(ModelHost, EndsWithAllModelsWiped) {
  Host host;
  host.add("resnet50/1/model.tkm");
  host.add("resnet50/2/model.tkm");
  host.rescan();
  host.wait_ready(1);
  host.wait_ready(2);
  host.host.stop();
  host.wait_for_inference();
  EXPECT_EQ(host.engines->alive, 0);
  host.clock.advance(1h);
  host.rescan();
  host.io.poll();
  EXPECT_EQ(host.keys.requests, 2);
}

}  // namespace
}  // namespace torchkeep::worker
