#include <benchmark/benchmark.h>

#include "tests/keycache/site.h"

// What a worker waits for: the cache's own part of a release, without network and session.
namespace torchkeep::keycache {
namespace {

/// The key is there: appraise the worker, grant.
void CachedRelease(benchmark::State& state) {
  Site site;
  TORCHKEEP_CHECK(site.ask().ok());
  for (auto _ : state) TORCHKEEP_CHECK(site.ask().ok());
}
BENCHMARK(CachedRelease)->Unit(benchmark::kMicrosecond);

/// The key is not there: ask, verify the chain and the key server, seal to disk, grant.
void ColdRelease(benchmark::State& state) {
  // Short leases, so that the claims of worker and key server outlast all rounds.
  Site site([](keys::Policy& policy) { policy.lease_seconds = 1; });
  for (auto _ : state) {
    TORCHKEEP_CHECK(site.ask().ok());
    state.PauseTiming();
    site.clock.advance(std::chrono::seconds(1));
    site.cache->expire();
    state.ResumeTiming();
  }
}
BENCHMARK(ColdRelease)->Unit(benchmark::kMicrosecond);

/// An owner's statements, verified from the first on.
void VerifyChain(benchmark::State& state) {
  testing::FakeOwner owner = testing::FakeOwner::with_one_version(testing::fake_policy());
  while (owner.statements().size() < static_cast<std::size_t>(state.range(0))) {
    owner.say(owner.next_policy(testing::fake_policy()));
  }
  for (auto _ : state) TORCHKEEP_CHECK(keys::ModelChain::verify(owner.statements()).ok());
}
BENCHMARK(VerifyChain)->Arg(2)->Arg(100)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace torchkeep::keycache
