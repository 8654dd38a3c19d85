#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <thread>

#include <boost/asio/awaitable.hpp>

#include "torchkeep/base/mutex.h"

/// One thread, made at start, that works things off in the order in which they came, so that the
/// serving thread stays free. How many may wait is the callers' to limit.
namespace torchkeep::worker {

namespace asio = boost::asio;

/// *Thread-safe.* Has to end before the io_context of those who wait for it; work that has not
/// begun then is dropped, with the coroutines that wait for it.
class ComputeThread {
 public:
  ComputeThread();
  ~ComputeThread();
  ComputeThread(const ComputeThread&) = delete;
  ComputeThread& operator=(const ComputeThread&) = delete;

  /// Does `work` on the thread, after all that was given before. `work` does not throw; what it
  /// owns dies on the thread too.
  void post(std::function<void()> work);

  /// The same, and comes back with what `work` returned.
  template <typename Work>
  asio::awaitable<std::invoke_result_t<Work&>> run(Work work) {
    // Each step has a name: g++ 12 destroys the temporaries of a co_await twice.
    auto owned = std::make_shared<std::optional<Work>>(std::move(work));
    auto answer = std::make_shared<std::optional<std::invoke_result_t<Work&>>>();
    std::function<void()> job = [owned, answer] {
      answer->emplace((**owned)());
      owned->reset();
    };
    co_await perform(std::move(job));
    co_return std::move(**answer);
  }

 private:
  asio::awaitable<void> perform(std::function<void()> job);
  void serve();

  Mutex mutex_;
  Condition arrived_;
  std::deque<std::function<void()>> queue_ GUARDED_BY(mutex_);
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace torchkeep::worker
