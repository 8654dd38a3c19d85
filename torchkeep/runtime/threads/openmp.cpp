#include "torchkeep/runtime/threads/openmp.h"

#include <utility>

#include "torchkeep/base/check.h"

namespace torchkeep::runtime::openmp {
namespace {

struct Place {
  Pool* pool = nullptr;
  int thread = 0;
  int threads = 1;
  bool inside = false;  // of a parallel region
};
// OpenMP's functions take no context, so it must lie with the thread.
thread_local Place place;

}  // namespace

Pool* set_current_pool(Pool* pool) { return std::exchange(place.pool, pool); }
bool in_team() { return place.inside && place.threads > 1; }

Team::Team(Pool* pool, int thread, int threads)
    : pool_(std::exchange(place.pool, pool)),
      thread_(std::exchange(place.thread, thread)),
      threads_(std::exchange(place.threads, threads)),
      inside_(std::exchange(place.inside, true)) {}

Team::~Team() { place = {pool_, thread_, threads_, inside_}; }

}  // namespace torchkeep::runtime::openmp

// What libdnnl imports of OpenMP, all of it (tests/runtime/openmp_test.cpp compares). The program's
// own definitions come before those of libgomp, which is loaded and stays idle.
// Source: gcc's libgomp ABI, "Implementing PARALLEL construct"; OpenMP 4.5, section 3.2.
namespace openmp = torchkeep::runtime::openmp;

extern "C" {
void GOMP_parallel(void (*work)(void*), void* data, unsigned threads, unsigned flags);
void GOMP_barrier();
int omp_get_max_threads();
int omp_get_num_threads();
int omp_get_thread_num();
int omp_in_parallel();

int omp_get_max_threads() {
  return openmp::place.pool == nullptr ? 1 : openmp::place.pool->threads();
}
int omp_get_num_threads() { return openmp::place.threads; }
int omp_get_thread_num() { return openmp::place.thread; }
int omp_in_parallel() { return openmp::in_team() ? 1 : 0; }

void GOMP_parallel(void (*work)(void*), void* data, unsigned threads, unsigned /*flags*/) {
  struct Region {
    void (*work)(void*);
    void* data;
  } region{work, data};
  const auto enter = [](void* all, int) {
    const Region& one = *static_cast<Region*>(all);
    one.work(one.data);
  };
  if (openmp::place.pool == nullptr) {
    openmp::Team alone(nullptr, 0, 1);
    enter(&region, 0);
    return;
  }
  openmp::place.pool->run_team(static_cast<int>(threads), enter, &region);
}

void GOMP_barrier() {
  if (openmp::in_team()) openmp::place.pool->wait_for_team();
}
}
