#pragma once

#include "torchkeep/base/bytes.h"

#if defined(__SANITIZE_ADDRESS__)
#define TORCHKEEP_POISONS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TORCHKEEP_POISONS 1
#endif
#endif
#ifndef TORCHKEEP_POISONS
#define TORCHKEEP_POISONS 0
#endif

#if TORCHKEEP_POISONS
#include <sanitizer/asan_interface.h>
#endif

/// Memory that is there and that nobody may touch: under the address sanitizer a read or write of it
/// ends the process with a report. In all other builds these do nothing.
namespace torchkeep {

/// Whether this build sees poison.
inline constexpr bool kPoisons = TORCHKEEP_POISONS == 1;

/// `bytes` begin on a multiple of 8.
inline void poison([[maybe_unused]] ByteView bytes) {
#if TORCHKEEP_POISONS
  __asan_poison_memory_region(bytes.data(), bytes.size());
#endif
}

/// Takes it back, to the byte.
inline void unpoison([[maybe_unused]] ByteView bytes) {
#if TORCHKEEP_POISONS
  __asan_unpoison_memory_region(bytes.data(), bytes.size());
#endif
}

}  // namespace torchkeep
