#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "torchkeep/base/mutex.h"
#include "torchkeep/base/text.h"

namespace torchkeep::channel {

namespace asio = boost::asio;

/// Work under way whose result (a `Result`, copyable) many wait for. *Thread-safe.*
template <typename Answer>
class Flight {
 public:
  /// Those who wait are woken on their own executors. Only the first landing counts.
  void land(Answer answer) {
    std::vector<std::function<void()>> waiting;
    {
      const MutexLock lock(mutex_);
      if (answer_) return;
      answer_.emplace(std::move(answer));
      waiting.swap(waiting_);
    }
    for (const auto& wake : waiting) wake();
  }
  asio::awaitable<Answer> wait() {
    const auto executor = co_await asio::this_coro::executor;
    // Named, because g++ 12 destroys a closure within a co_await twice.
    auto initiate = [this, executor](auto handler) {
      // A handler only moves, a std::function wants to copy; the guard keeps its loop alive.
      auto shared = std::make_shared<decltype(handler)>(std::move(handler));
      add([shared, executor, guard = asio::make_work_guard(executor)] {
        asio::post(executor, [shared] { std::move (*shared)(); });
      });
    };
    co_await asio::async_initiate<const asio::use_awaitable_t<>&, void()>(std::move(initiate),
                                                                          asio::use_awaitable);
    const MutexLock lock(mutex_);
    co_return *answer_;
  }

 private:
  void add(std::function<void()> wake) {
    {
      const MutexLock lock(mutex_);
      if (!answer_) {
        waiting_.push_back(std::move(wake));
        return;
      }
    }
    wake();
  }

  Mutex mutex_;
  std::optional<Answer> answer_ GUARDED_BY(mutex_);
  std::vector<std::function<void()>> waiting_ GUARDED_BY(mutex_);
};

/// Lands a flight even if its coroutine is destroyed half way, so that nobody waits for ever.
template <typename Answer>
class Pilot {
 public:
  explicit Pilot(std::shared_ptr<Flight<Answer>> flight) : flight_(std::move(flight)) {}
  ~Pilot() { flight_->land(unavailable("it was broken off")); }
  Pilot(const Pilot&) = delete;
  Pilot& operator=(const Pilot&) = delete;

 private:
  std::shared_ptr<Flight<Answer>> flight_;
};

}  // namespace torchkeep::channel
