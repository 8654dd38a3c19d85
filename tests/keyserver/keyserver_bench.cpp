// How long a release takes in the key server's core: with a durable write to SQLite, and without.
#include <benchmark/benchmark.h>

#include "torchkeep/keyserver/sqlite/sqlite_key_store.h"

#include "tests/keyserver/world.h"
#include "tests/support/files.h"

namespace torchkeep::keyserver {
namespace {

enum class Disk { Memory, Sqlite };

void release(benchmark::State& state, Disk disk, bool renewal) {
  World world;
  const testing::TemporaryFolder folder;
  std::unique_ptr<keys::KeyStore> sqlite;
  if (disk == Disk::Sqlite) sqlite = open_sqlite_key_store(folder / "keys.sqlite").value();
  keys::KeyStore& store = sqlite ? *sqlite : static_cast<keys::KeyStore&>(world.memory);
  const auto server = world.try_open(store).value();
  Story story = world.story(*server);
  world.register_model(*server, story, 1);
  const attest::Claims cache = world.cache();
  const keys::ReleaseRequest request = World::request(story, 1, renewal);
  for (auto _ : state) {
    const auto released = server->release(cache, request);
    if (!released) state.SkipWithError(released.error().message.c_str());
  }
  state.SetItemsProcessed(state.iterations());
}

/// Reading and verifying a log of so many grants again.
void reopen(benchmark::State& state) {
  World world;
  {
    const auto server = world.try_open(world.memory).value();
    Story story = world.story(*server);
    world.register_model(*server, story, 1);
    const attest::Claims cache = world.cache();
    for (std::int64_t i = 0; i < state.range(0); ++i) {
      (void)server->release(cache, World::request(story)).value();
    }
  }
  for (auto _ : state) benchmark::DoNotOptimize(world.try_open(world.memory).value());
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

BENCHMARK_CAPTURE(release, first_durable, Disk::Sqlite, false)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(release, renewal_durable, Disk::Sqlite, true)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(release, first_in_memory, Disk::Memory, false)->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(release, renewal_in_memory, Disk::Memory, true)->Unit(benchmark::kMicrosecond);
BENCHMARK(reopen)->Arg(10'000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace torchkeep::keyserver
