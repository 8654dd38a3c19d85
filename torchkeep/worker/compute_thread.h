#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <thread>

#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

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
    using Answer = std::invoke_result_t<Work&>;
    auto answer = std::make_shared<std::optional<Answer>>();
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    co_await asio::async_initiate<const asio::use_awaitable_t<>&, void()>(
        [this, executor, answer](auto handler, Work todo) {
          // The guard says that somebody still waits, so that the end of serving waits too.
          auto waiting = std::make_shared<decltype(handler)>(std::move(handler));
          auto owned = std::make_shared<std::optional<Work>>(std::move(todo));
          post([guard = asio::make_work_guard(executor), executor, answer, waiting, owned] {
            answer->emplace((**owned)());
            owned->reset();
            asio::post(executor, std::move(*waiting));
          });
        },
        asio::use_awaitable, std::move(work));
    co_return std::move(**answer);
  }

 private:
  void serve();

  Mutex mutex_;
  Condition arrived_;
  std::deque<std::function<void()>> queue_ GUARDED_BY(mutex_);
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace torchkeep::worker
