#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <type_traits>

/// The engine's threads. One pool serves our own kernels and, through the six OpenMP symbols that
/// libdnnl imports, oneDNN's: libgomp would start a team for each thread that calls, and its
/// waiting leaves the enclave.
namespace torchkeep::runtime {

/// A fixed team. *Not thread-safe*: one caller at a time, which `Model` sees to.
/// Its threads spin while a `Run` lasts and sleep between runs.
class Pool {
 public:
  /// `threads` counts the caller too: a pool of 1 starts none.
  explicit Pool(int threads);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  int threads() const;

  /// What one thread of a team does: its number, from 0.
  using Work = void (*)(void* data, int thread);
  /// Calls `work` once on each of the first `threads` threads (all if 0), the caller being thread
  /// 0, at the same time; returns when all are done. Called from within a team, runs on the caller
  /// alone.
  void run_team(int threads, Work work, void* data);

  /// Returns when every thread of the team that runs now has called it.
  void wait_for_team();

  /// Calls `work(begin, end)`, or `work(begin, end, thread)` with a thread below threads(), for
  /// parts of 0..count, in parallel where the parts have at least `grain` each. Called from within
  /// a team, runs on the caller alone.
  template <typename F>
  void parallel_for(std::size_t count, std::size_t grain, F&& work);

  /// While it lives, the calling thread's OpenMP calls are served by this pool, its threads are
  /// awake, and denormal numbers count as zero on the calling thread as they do on the pool's.
  class Run {
   public:
    explicit Run(Pool& pool);
    ~Run();
    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;

   private:
    Pool& pool_;
    Pool* outer_;
    unsigned control_;  ///< The caller's floating-point control word.
  };

 private:
  /// Whether the calling thread is one of a team's.
  static bool in_team();

  struct State;
  std::unique_ptr<State> state_;
};

template <typename F>
void Pool::parallel_for(std::size_t count, std::size_t grain, F&& work) {
  const auto call = [&work](std::size_t begin, std::size_t end, std::size_t thread) {
    if constexpr (std::is_invocable_v<F&, std::size_t, std::size_t, std::size_t>)
      work(begin, end, thread);
    else
      work(begin, end);
  };
  const std::size_t parts =
      std::min(static_cast<std::size_t>(threads()), count / std::max<std::size_t>(grain, 1));
  if (parts <= 1 || in_team()) {
    if (count > 0) call(std::size_t{0}, count, std::size_t{0});
    return;
  }
  struct Task {
    decltype(call)& part_of_work;
    std::size_t count, parts;
  } task{call, count, parts};
  run_team(
      static_cast<int>(parts),
      [](void* data, int thread) {
        Task& all = *static_cast<Task*>(data);
        const auto part = static_cast<std::size_t>(thread);
        all.part_of_work(all.count * part / all.parts, all.count * (part + 1) / all.parts, part);
      },
      &task);
}

}  // namespace torchkeep::runtime
