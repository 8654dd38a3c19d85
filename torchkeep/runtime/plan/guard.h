#pragma once

#include "torchkeep/base/poison.h"
#include "torchkeep/runtime/plan/plan.h"

/// Sees to it that steps keep to the memory that they named. All activations lie in one arena, where
/// a byte too far is some other tensor's and no sanitizer would know; so under the address
/// sanitizer a red zone stands behind each, a step may touch what it named and nothing else of the
/// arena, and memory that nobody has written yet holds no zeros. oneDNN's code is not instrumented:
/// what it writes too far is found in the red zones behind the step.
namespace torchkeep::runtime::plan {

/// Behind each buffer of the arena.
inline constexpr std::uint64_t kRedZoneBytes = kPoisons ? 64 : 0;
/// Floats that are no numbers, integers of -1.
inline constexpr std::uint8_t kUnwritten = 0xFF;

/// For one run of a plan. In other builds it does nothing.
class ArenaGuard {
 public:
  /// `buffers` and `outputs` as the plan has them; all outlive the guard.
  ArenaGuard(std::span<const Buffer> buffers, MutableByteView arena, std::span<Tensor> outputs);
  /// The arena is anybody's again.
  ~ArenaGuard();
  ArenaGuard(const ArenaGuard&) = delete;
  ArenaGuard& operator=(const ArenaGuard&) = delete;

  /// Lets `step` at its buffers; those that no step has named before begin unwritten.
  void open(const Step& step);
  /// Ends the process if something was written behind one of them: a kernel is broken.
  void close(const Step& step);

 private:
  MutableByteView place_of(const Buffer& buffer) const;
  MutableByteView red_zone_of(const Buffer& buffer) const;

  std::span<const Buffer> buffers_;
  MutableByteView arena_;
  std::vector<bool> begun_;
};

}  // namespace torchkeep::runtime::plan
