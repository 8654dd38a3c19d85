#pragma once

#include <cstddef>
#include <functional>
#include <memory>

/// A fixed number of threads for work that splits evenly; an enclave cannot start more later.
namespace torchkeep {

/// *Thread-safe*: concurrent calls take turns.
class ThreadPool {
 public:
  /// `threads` counts the caller too: a pool of 1 starts none.
  explicit ThreadPool(std::size_t threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  std::size_t threads() const;

  /// Calls `work(index)` for each index below `count`, on all threads and the caller's; returns
  /// when all are done. `work` must not throw and must not call the pool again.
  void parallel_for(std::size_t count, const std::function<void(std::size_t)>& work);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The cores that this process may use.
std::size_t usable_cores();

}  // namespace torchkeep
