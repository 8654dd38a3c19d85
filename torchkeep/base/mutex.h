#pragma once

#include <condition_variable>
#include <mutex>

/// A mutex whose members clang can check: `GUARDED_BY(mutex_)` behind each member that it guards.
#if defined(__clang__)
#define TORCHKEEP_THREAD_ATTRIBUTE(x) __attribute__((x))
#else
#define TORCHKEEP_THREAD_ATTRIBUTE(x)
#endif
#define GUARDED_BY(mutex) TORCHKEEP_THREAD_ATTRIBUTE(guarded_by(mutex))
#define REQUIRES(mutex) TORCHKEEP_THREAD_ATTRIBUTE(requires_capability(mutex))

namespace torchkeep {

class TORCHKEEP_THREAD_ATTRIBUTE(capability("mutex")) Mutex {
 public:
  void lock() TORCHKEEP_THREAD_ATTRIBUTE(acquire_capability()) { mutex_.lock(); }
  void unlock() TORCHKEEP_THREAD_ATTRIBUTE(release_capability()) { mutex_.unlock(); }

 private:
  std::mutex mutex_;
};

class TORCHKEEP_THREAD_ATTRIBUTE(scoped_lockable) MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) TORCHKEEP_THREAD_ATTRIBUTE(acquire_capability(mutex))
      : mutex_(mutex) {
    mutex_.lock();
  }
  ~MutexLock() TORCHKEEP_THREAD_ATTRIBUTE(release_capability()) { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

/// Waits with a `Mutex`.
using Condition = std::condition_variable_any;

}  // namespace torchkeep
