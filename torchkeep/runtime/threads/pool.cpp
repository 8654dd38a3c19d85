#include "torchkeep/runtime/threads/pool.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include <xmmintrin.h>

#include "torchkeep/base/check.h"
#include "torchkeep/runtime/threads/openmp.h"
#include "torchkeep/runtime/threads/patience.h"

namespace torchkeep::runtime {
namespace {

constexpr unsigned kFlushDenormals = 0x8040;  // MXCSR: flush to zero, denormals are zeros
/// Waits by looking, as long as `patience` has it and `may_look`, then by sleeping, until `value`
/// is no longer `old`; returns what it is then.
template <typename MayLook>
std::uint32_t wait_for_change(Patience& patience, const std::atomic<std::uint32_t>& value,
                              std::uint32_t old, MayLook may_look) {
  const int most = patience.looks();
  int looks = 0;
  for (; looks < most && may_look(); ++looks) {
    const std::uint32_t now = value.load(std::memory_order_acquire);
    if (now != old) {
      patience.found(looks);
      return now;
    }
    _mm_pause();
  }
  if (looks == most) patience.in_vain();
  value.wait(old, std::memory_order_acquire);
  return value.load(std::memory_order_acquire);
}

}  // namespace

// A job is announced by a new number in `job`; each thread answers by setting its own `done`.
struct Pool::State {
  struct alignas(64) Worker {
    std::atomic<std::uint32_t> done{0};
    std::thread thread;
  };

  alignas(64) std::atomic<std::uint32_t> job{0};
  std::atomic<bool> stopping{false};
  std::atomic<bool> running{false};  // a Run is alive: do not sleep
  // Of the current job; written before `job` is, read after.
  Work work = nullptr;
  void* data = nullptr;
  int team = 1;
  alignas(64) std::atomic<std::uint32_t> barrier_arrived{0};
  alignas(64) std::atomic<std::uint32_t> barrier_round{0};
  std::vector<Worker> workers;
  Patience patience;  // of the caller

  explicit State(int threads) : workers(static_cast<std::size_t>(std::max(threads, 1) - 1)) {}

  void serve(Pool& pool, int thread) {
    _mm_setcsr(_mm_getcsr() | kFlushDenormals);
    Worker& self = workers[static_cast<std::size_t>(thread - 1)];
    Patience own;
    for (std::uint32_t seen = 0;;) {
      seen =
          wait_for_change(own, job, seen, [&] { return running.load(std::memory_order_relaxed); });
      if (stopping.load(std::memory_order_relaxed)) return;
      if (thread < team) {
        openmp::Team in_team(&pool, thread, team);
        work(data, thread);
      }
      self.done.store(seen, std::memory_order_release);
      self.done.notify_one();  // no system call where nobody sleeps
    }
  }
};

Pool::Pool(int threads) : state_(std::make_unique<State>(threads)) {
  for (std::size_t i = 0; i < state_->workers.size(); ++i) {
    state_->workers[i].thread =
        std::thread([this, i] { state_->serve(*this, static_cast<int>(i) + 1); });
  }
}

Pool::~Pool() {
  state_->stopping = true;
  ++state_->job;
  state_->job.notify_all();
  for (State::Worker& worker : state_->workers) worker.thread.join();
}

bool Pool::in_team() { return openmp::in_team(); }

int Pool::threads() const { return static_cast<int>(state_->workers.size()) + 1; }

void Pool::run_team(int wanted, Work work, void* data) {
  State& state = *state_;
  const bool nested = openmp::in_team();
  const int team = nested ? 1 : wanted <= 0 ? threads() : std::min(wanted, threads());
  if (team == 1) {
    openmp::Team alone(this, 0, 1);
    work(data, 0);
    return;
  }
  state.work = work;
  state.data = data;
  state.team = team;
  const std::uint32_t job = state.job.load(std::memory_order_relaxed) + 1;
  state.job.store(job, std::memory_order_release);
  state.job.notify_all();  // no system call where nobody sleeps
  {
    openmp::Team in_team(this, 0, team);
    work(data, 0);
  }
  // All of them, also those that had no part: none may still look at this job when the next is
  // written.
  for (State::Worker& worker : state.workers) {
    for (std::uint32_t done = worker.done.load(std::memory_order_acquire); done != job;) {
      done = wait_for_change(state.patience, worker.done, done, [] { return true; });
    }
  }
}

void Pool::wait_for_team() {
  State& state = *state_;
  const std::uint32_t round = state.barrier_round.load(std::memory_order_acquire);
  const auto arrived = state.barrier_arrived.fetch_add(1, std::memory_order_acq_rel) + 1;
  if (arrived == static_cast<std::uint32_t>(state.team)) {
    state.barrier_arrived.store(0, std::memory_order_relaxed);
    state.barrier_round.store(round + 1, std::memory_order_release);
    state.barrier_round.notify_all();
    return;
  }
  Patience at_the_barrier;
  wait_for_change(at_the_barrier, state.barrier_round, round, [] { return true; });
}

Pool::Run::Run(Pool& pool)
    : pool_(pool), outer_(openmp::set_current_pool(&pool)), control_(_mm_getcsr()) {
  _mm_setcsr(control_ | kFlushDenormals);
  pool_.state_->running = true;
}

Pool::Run::~Run() {
  pool_.state_->running = false;
  _mm_setcsr(control_);
  openmp::set_current_pool(outer_);
}

}  // namespace torchkeep::runtime
