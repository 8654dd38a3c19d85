#include "torchkeep/worker/compute_thread.h"

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
