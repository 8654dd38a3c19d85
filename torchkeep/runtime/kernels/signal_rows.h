#pragma once

#include "torchkeep/runtime/kernels/fourier.h"
#include "torchkeep/runtime/kernels/types.h"

/// What DFT and STFT share: signals of real or complex numbers as tensors hold them, the last
/// dimension being 1 or 2.
namespace torchkeep::runtime::kernels {

/// The memory of one transform: what goes in, what comes out, scratch. Wiped when it goes.
class FourierRows {
 public:
  explicit FourierRows(std::size_t length)
      : length_(length), memory_(3 * length * sizeof(Fourier::Number)) {}
  Fourier::Number* from() { return reinterpret_cast<Fourier::Number*>(memory_.data()); }
  Fourier::Number* to() { return from() + length_; }
  Fourier::Number* scratch() { return to() + length_; }

 private:
  std::size_t length_;
  SecretBuffer memory_;
};

/// Element `index` of numbers of `parts` parts, of which a real one has no second.
template <typename T>
Fourier::Number read_number(const T* from, std::size_t index, std::size_t parts) {
  return {static_cast<double>(from[index * parts]),
          parts == 2 ? static_cast<double>(from[index * parts + 1]) : 0.0};
}

}  // namespace torchkeep::runtime::kernels
