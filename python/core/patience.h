#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "torchkeep/desk/await.h"

#include "python/core/errors.h"

/// Long calls: the GIL is free while they last, and Ctrl-C ends them.
namespace torchkeep::python {

/// Whether Python has no exception pending after it has looked at signals. Takes the GIL.
bool signals_allow();

/// For `desk::Desk`: the calling thread waits with the GIL released.
inline desk::GoOn go_on() {
  return [] { return signals_allow(); };
}

/// Raises `result`'s error, or the KeyboardInterrupt that made it fail. The caller holds the GIL.
template <typename T>
T settled(Result<T> result) {
  if (PyErr_Occurred() != nullptr) throw py::error_already_set();
  return value_or_raise(std::move(result));
}

/// Calls `work`, which returns a Result, without the GIL on the calling thread; `work` does its
/// own waiting with `go_on`.
template <typename F>
auto without_gil(F&& work) {
  auto result = [&] {
    const py::gil_scoped_release free;
    return work();
  }();
  return settled(std::move(result));
}

/// Calls `work` on a thread of its own. Meanwhile the calling thread calls `tick` some times a
/// second, with the GIL; when that throws (Ctrl-C among the reasons), `give_up` is called once
/// and the exception goes on after `work` has ended.
template <typename F>
auto on_a_thread(F&& work, const std::function<void()>& tick, const std::function<void()>& give_up)
    -> decltype(value_or_raise(work())) {
  constexpr std::chrono::milliseconds kTick{60};
  std::mutex mutex;
  std::condition_variable changed;
  bool done = false;
  std::optional<decltype(work())> result;
  std::optional<py::error_already_set> failure;
  {
    const py::gil_scoped_release free;
    std::thread thread([&] {
      result.emplace(work());
      const std::lock_guard lock(mutex);
      done = true;
      changed.notify_all();
    });
    std::unique_lock lock(mutex);
    while (!changed.wait_for(lock, kTick, [&] { return done; })) {
      if (failure) continue;
      lock.unlock();
      {
        const py::gil_scoped_acquire held;
        try {
          if (PyErr_CheckSignals() != 0) throw py::error_already_set();
          tick();
        } catch (py::error_already_set& thrown) {
          failure.emplace(thrown);
          give_up();
        }
      }
      lock.lock();
    }
    lock.unlock();
    thread.join();
  }
  if (failure) throw py::error_already_set(*failure);
  return value_or_raise(std::move(*result));
}

}  // namespace torchkeep::python
