#pragma once

#include "torchkeep/runtime/threads/pool.h"

/// Which pool and which team the calling thread belongs to, as OpenMP's functions ask for it.
namespace torchkeep::runtime::openmp {

/// The pool that serves the calling thread's OpenMP calls from now on; null: it is alone.
/// Returns the one before.
Pool* set_current_pool(Pool* pool);
bool in_team();

/// While it lives, the calling thread is number `thread` of a team of `threads`.
class Team {
 public:
  Team(Pool* pool, int thread, int threads);
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

 private:
  Pool* pool_;
  int thread_, threads_;
  bool inside_;
};

}  // namespace torchkeep::runtime::openmp
