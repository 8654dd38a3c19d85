#include "torchkeep/base/thread_pool.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "torchkeep/base/mutex.h"

namespace torchkeep {

struct ThreadPool::State {
  Mutex turns;  // one parallel_for at a time

  Mutex mutex;
  Condition started GUARDED_BY(mutex);
  Condition finished GUARDED_BY(mutex);
  const std::function<void(std::size_t)>* work GUARDED_BY(mutex) = nullptr;
  std::size_t count GUARDED_BY(mutex) = 0;
  std::size_t generation GUARDED_BY(mutex) = 0;
  std::size_t busy GUARDED_BY(mutex) = 0;
  bool stopping GUARDED_BY(mutex) = false;
  std::atomic<std::size_t> next{0};

  std::vector<std::thread> threads;

  void take_indices(const std::function<void(std::size_t)>& todo, std::size_t limit) {
    for (std::size_t i = next.fetch_add(1); i < limit; i = next.fetch_add(1)) todo(i);
  }

  void serve() {
    std::size_t seen = 0;
    for (;;) {
      const std::function<void(std::size_t)>* todo = nullptr;
      std::size_t limit = 0;
      {
        std::unique_lock lock(mutex);
        started.wait(lock, [&] { return stopping || generation != seen; });
        if (stopping) return;
        seen = generation;
        todo = work;
        limit = count;
      }
      take_indices(*todo, limit);
      MutexLock lock(mutex);
      if (--busy == 0) finished.notify_one();
    }
  }
};

ThreadPool::ThreadPool(std::size_t threads) : state_(std::make_unique<State>()) {
  for (std::size_t i = 1; i < threads; ++i) {
    state_->threads.emplace_back([state = state_.get()] { state->serve(); });
  }
}

ThreadPool::~ThreadPool() {
  {
    MutexLock lock(state_->mutex);
    state_->stopping = true;
  }
  state_->started.notify_all();
  for (std::thread& thread : state_->threads) thread.join();
}

std::size_t ThreadPool::threads() const { return state_->threads.size() + 1; }

void ThreadPool::parallel_for(std::size_t count, const std::function<void(std::size_t)>& work) {
  MutexLock turn(state_->turns);
  if (count <= 1 || state_->threads.empty()) {
    for (std::size_t i = 0; i < count; ++i) work(i);
    return;
  }
  {
    MutexLock lock(state_->mutex);
    state_->work = &work;
    state_->count = count;
    state_->busy = state_->threads.size();
    state_->next = 0;
    ++state_->generation;
  }
  state_->started.notify_all();
  state_->take_indices(work, count);
  std::unique_lock lock(state_->mutex);
  state_->finished.wait(lock, [&] { return state_->busy == 0; });
}

std::size_t usable_cores() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) {
    return static_cast<std::size_t>(std::max(1, CPU_COUNT(&set)));
  }
  return std::max(1u, std::thread::hardware_concurrency());
}

}  // namespace torchkeep
