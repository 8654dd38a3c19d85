#pragma once

#include "torchkeep/base/thread_pool.h"
#include "torchkeep/worker/engine.h"

namespace torchkeep::worker {

/// Decrypts a container straight into the runtime. Nothing comes out before the whole file has
/// matched what the owner signed.
class ContainerLoader final : public ModelLoader {
 public:
  /// `pool` decrypts, and outlives the loader; `threads` is what one inference may use.
  ContainerLoader(ThreadPool& pool, int threads) : pool_(pool), threads_(threads) {}
  Result<std::unique_ptr<Engine>> load(const ModelPlace& place, const ModelConfig& config,
                                       const keys::ReleasedKey& key,
                                       const std::atomic<bool>& abandoned) override;

 private:
  ThreadPool& pool_;
  int threads_;
};

}  // namespace torchkeep::worker
