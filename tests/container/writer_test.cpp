#include "torchkeep/container/writer.h"

#include <csignal>
#include <filesystem>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/container/sample.h"

namespace torchkeep::container {
namespace {

using namespace testing;

std::ptrdiff_t files_in(const torchkeep::testing::TemporaryFolder& folder) {
  return std::distance(std::filesystem::directory_iterator(folder.path()), {});
}

Result<ContainerDigest> write(const Path& path, const Header& header, ThreadPool& pool,
                              const PayloadReader& source = sample_source(),
                              const Progress& progress = {},
                              const BeforeAppearing& before_appearing = {}) {
  crypto::SystemRandom random;
  return write_container(path, header, sample_key(), random, pool, source, progress,
                         before_appearing);
}

TEST(Writer, TellsItsProgress) {
  torchkeep::testing::TemporaryFolder folder;
  ThreadPool pool(2);
  std::uint64_t done = 0;
  const Header header = sample_header(11 * kSegmentPlaintext + 5);
  ASSERT_TRUE(write(folder / "model.tkm", header, pool, sample_source(),
                    [&](std::uint64_t bytes) { done += bytes; }));
  EXPECT_EQ(done, header.payload_bytes);
}

TEST(Writer, LeavesNothingBehindWhenThePayloadFails) {
  torchkeep::testing::TemporaryFolder folder;
  ThreadPool pool(2);
  int calls = 0;
  const auto source = [&](MutableByteView) -> Result<void> {
    if (++calls == 2) return unavailable("the model's file is away");
    return {};
  };
  const auto failed =
      write(folder / "model.tkm", sample_header(30 * kSegmentPlaintext), pool, source);
  EXPECT_EQ(failed.error().message, "the model's file is away");
  EXPECT_EQ(files_in(folder), 0);
}

TEST(Writer, AsksBeforeTheFileAppears) {
  torchkeep::testing::TemporaryFolder folder;
  ThreadPool pool(1);
  const Path path = folder / "model.tkm";
  ContainerDigest told;
  const auto digest = write(path, sample_header(100), pool, sample_source(), {},
                            [&](const ContainerDigest& d) -> Result<void> {
                              told = d;
                              EXPECT_FALSE(std::filesystem::exists(path));
                              return {};
                            });
  EXPECT_EQ(digest.value(), told);
  const Bytes old = load(path);
  const auto refused =
      write(path, sample_header(100), pool, sample_source(), {},
            [](const ContainerDigest&) { return unavailable("no room for the key"); });
  EXPECT_EQ(refused.error().message, "no room for the key");
  EXPECT_EQ(load(path), old);
  EXPECT_EQ(files_in(folder), 1);
}

TEST(Writer, RefusesAHeaderThatNobodyCouldRead) {
  torchkeep::testing::TemporaryFolder folder;
  ThreadPool pool(1);
  for (const std::uint64_t size : {std::uint64_t{0}, kMaxPayloadBytes + 1}) {
    EXPECT_EQ(write(folder / "model.tkm", sample_header(size), pool).error().code,
              ErrorCode::InvalidArgument);
  }
  EXPECT_EQ(files_in(folder), 0);
}

TEST(Writer, NamesAMissingFolder) {
  torchkeep::testing::TemporaryFolder folder;
  ThreadPool pool(1);
  const auto failed = write(folder / "none" / "model.tkm", sample_header(10), pool);
  EXPECT_EQ(failed.error().code, ErrorCode::NotFound);
  EXPECT_NE(failed.error().message.find("model.tkm"), std::string::npos);
}

TEST(Writer, NamesAFullDiskAndLeavesNoHalfFile) {
  for (const std::size_t threads : {1, 4}) {
    torchkeep::testing::TemporaryFolder folder;
    ThreadPool pool(threads);
    rlimit before{};
    ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit small{(std::uint64_t{5} << 20) + 1000, before.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
    const auto failed = write(folder / "model.tkm", sample_header(40 * kSegmentPlaintext), pool);
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, ErrorCode::Unavailable);
    EXPECT_NE(failed.error().message.find("File too large"), std::string::npos) << failed.error();
    EXPECT_EQ(files_in(folder), 0);
  }
}

// Runs `work` in a process of its own; true if it said so.
bool in_child(const std::function<bool()>& work) {
  const pid_t child = fork();
  TORCHKEEP_CHECK(child >= 0);
  if (child == 0) _exit(work() ? 0 : 1);
  int status = 0;
  TORCHKEEP_CHECK(waitpid(child, &status, 0) == child);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST(Writer, NamesAFolderThatMayNotBeWrittenTo) {
  torchkeep::testing::TemporaryFolder folder;
  std::filesystem::permissions(folder.path(), std::filesystem::perms(0555));
  EXPECT_TRUE(in_child([&] {
    if (geteuid() == 0 && (setegid(65534) != 0 || seteuid(65534) != 0)) return false;
    ThreadPool pool(1);
    const auto failed = write(folder / "model.tkm", sample_header(10), pool);
    return !failed && failed.error().code == ErrorCode::Unavailable &&
           failed.error().message.find("Permission denied") != std::string::npos;
  }));
  EXPECT_EQ(files_in(folder), 0);
}

// In KiB: what writing and reading a container of this size needs at most.
long peak_of(std::uint64_t payload_bytes, const Path& path) {
  int ends[2];
  TORCHKEEP_CHECK(pipe(ends) == 0);
  const bool worked = in_child([&] {
    ThreadPool pool(2);
    const Header header = sample_header(payload_bytes);
    const Bytes block = sample_payload(1 << 20);
    const auto source = [&](MutableByteView out) -> Result<void> {
      for (std::size_t at = 0; at < out.size(); at += block.size()) {
        std::copy_n(block.begin(), std::min(block.size(), out.size() - at),
                    out.begin() + std::ptrdiff_t(at));
      }
      return {};
    };
    const auto digest = write(path, header, pool, source);
    if (!digest) return false;
    auto reader = Reader::open(path, sample_key(), expectation(header, *digest), pool);
    if (!reader) return false;
    SecretBytes out(3'000'001);
    for (std::uint64_t done = 0; done < payload_bytes;) {
      const auto size = std::size_t(std::min<std::uint64_t>(out.size(), payload_bytes - done));
      if (!reader->read_exactly(out.expose().first(size))) return false;
      done += size;
    }
    rusage usage{};
    return reader->finish().ok() && getrusage(RUSAGE_SELF, &usage) == 0 &&
           ::write(ends[1], &usage.ru_maxrss, sizeof usage.ru_maxrss) == sizeof usage.ru_maxrss;
  });
  close(ends[1]);
  long peak = 0;
  TORCHKEEP_CHECK(worked && ::read(ends[0], &peak, sizeof peak) == sizeof peak);
  close(ends[0]);
  return peak;
}

TEST(Containers, NeedNoMoreMemoryForALargerPayload) {
  torchkeep::testing::TemporaryFolder folder;
  const long small = peak_of(std::uint64_t{64} << 20, folder / "small");
  const long large = peak_of(std::uint64_t{512} << 20, folder / "large");
  EXPECT_LT(large, small + 8 * 1024) << "64 MiB need " << small << " KiB";
}

}  // namespace
}  // namespace torchkeep::container
