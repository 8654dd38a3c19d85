#pragma once

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <optional>
#include <string>

/// How much memory this process has in use.
namespace torchkeep::testing {

/// A number of /proc/self/status that is given in KiB, in bytes.
inline std::uint64_t resident_memory(const std::string& name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(name + ":")) return std::stoull(line.substr(name.size() + 1)) << 10;
  }
  return 0;
}

/// By how many bytes resident memory was at most above what it was before, while `work` ran. None
/// where that cannot be told: under sanitizers, whose own memory is most of it, and where the
/// kernel does not begin to count anew.
template <typename F>
std::optional<std::uint64_t> peak_growth(const F& work) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  work();
  return std::nullopt;
#else
  std::ofstream("/proc/self/clear_refs") << "5";  // proc(5): the peak is what there is now
  const std::uint64_t before = resident_memory("VmRSS");
  constexpr std::uint64_t kNoise = std::uint64_t{1} << 20;
  const bool counts = before != 0 && resident_memory("VmHWM") <= before + kNoise;
  work();
  if (!counts) return std::nullopt;
  return resident_memory("VmHWM") - std::min(before, resident_memory("VmHWM"));
#endif
}

}  // namespace torchkeep::testing
