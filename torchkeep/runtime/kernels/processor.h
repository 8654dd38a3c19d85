#pragma once

/// Loops of our own, compiled for the vectors that processors have. Function multiversioning by the
/// loader is left alone: sanitizers and clang treat its resolvers differently.
namespace torchkeep::runtime::kernels {

/// Whether loops are compiled for vectors of 512 bits.
inline bool has_wide_vectors() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl");
}

/// One loop, three times. `Loop` is [[gnu::always_inline]], so that each caller compiles it.
template <auto Loop>
struct Compiled;

template <typename... Arguments, void (*Loop)(Arguments...)>
struct Compiled<Loop> {
  using Function = void(Arguments...);

  [[gnu::target("avx512f,avx512dq,avx512vl,prefer-vector-width=512")]] static void wide(
      Arguments... arguments) {
    Loop(arguments...);
  }
  [[gnu::target("avx2,fma")]] static void middle(Arguments... arguments) { Loop(arguments...); }
  static void plain(Arguments... arguments) { Loop(arguments...); }

  static Function* choose() {
    if (has_wide_vectors()) return wide;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return middle;
    return plain;
  }
};

/// Calls the loop as compiled for this processor.
template <auto Loop, typename... Arguments>
void run_compiled(Arguments... arguments) {
  static typename Compiled<Loop>::Function* const chosen = Compiled<Loop>::choose();
  chosen(arguments...);
}

}  // namespace torchkeep::runtime::kernels
