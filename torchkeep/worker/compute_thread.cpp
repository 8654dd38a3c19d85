#include "torchkeep/worker/compute_thread.h"

#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace torchkeep::worker {

ComputeThread::ComputeThread() : thread_([this] { serve(); }) {}

ComputeThread::~ComputeThread() {
  std::deque<std::function<void()>> dropped;
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    dropped.swap(queue_);
  }
  arrived_.notify_all();
  thread_.join();
}

void ComputeThread::post(std::function<void()> work) {
  {
    MutexLock lock(mutex_);
    if (stopping_) return;
    queue_.push_back(std::move(work));
  }
  arrived_.notify_one();
}

asio::awaitable<void> ComputeThread::perform(std::function<void()> job) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  auto begin = [this, executor, job = std::move(job)](auto handler) {
    auto waiting = std::make_shared<decltype(handler)>(std::move(handler));
    // The guard says that somebody still waits, so that the end of serving waits too.
    post([guard = asio::make_work_guard(executor), executor, waiting, job] {
      job();
      asio::post(executor, std::move(*waiting));
    });
  };
  co_await asio::async_initiate<const asio::use_awaitable_t<>&, void()>(begin, asio::use_awaitable);
}

void ComputeThread::serve() {
  for (;;) {
    std::function<void()> work;
    {
      std::unique_lock lock(mutex_);
      arrived_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (stopping_) return;
      work = std::move(queue_.front());
      queue_.pop_front();
    }
    work();
  }
}

}  // namespace torchkeep::worker
