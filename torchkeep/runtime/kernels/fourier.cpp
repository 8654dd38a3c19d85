#include "torchkeep/runtime/kernels/fourier.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace torchkeep::runtime::kernels {

Fourier::Fourier(std::size_t length, bool inverse) : inverse_(inverse) {
  const double turn = (inverse ? 2 : -2) * std::numbers::pi / static_cast<double>(length);
  for (std::size_t i = 0; i < length; ++i)
    roots_.push_back(std::polar(1.0, turn * static_cast<double>(i)));
  std::size_t left = length;
  for (std::size_t factor = 2; left > 1;) {
    if (factor * factor > left) factor = left;  // what is left is prime
    if (left % factor == 0) {
      factors_.push_back(factor);
      left /= factor;
    } else {
      ++factor;
    }
  }
}

void Fourier::transform(const Number* from, Number* to, Number* scratch) const {
  transform(from, 1, to, length(), 0, scratch);
  if (!inverse_) return;
  for (std::size_t i = 0; i < length(); ++i) to[i] /= static_cast<double>(length());
}

// Cooley and Tukey's: every p-th number makes a transform of its own, and those are joined.
void Fourier::transform(const Number* from, std::size_t step, Number* to, std::size_t count,
                        std::size_t factor, Number* scratch) const {
  if (count == 1) {
    *to = *from;
    return;
  }
  const std::size_t p = factors_[factor], part = count / p;
  for (std::size_t i = 0; i < p; ++i)
    transform(from + i * step, step * p, to + i * part, part, factor + 1, scratch + i * part);
  for (std::size_t k = 0; k < count; ++k) {
    Number sum = 0;
    for (std::size_t i = 0; i < p; ++i)
      sum += to[i * part + k % part] * roots_[i * k % count * step];
    scratch[k] = sum;
  }
  std::copy_n(scratch, count, to);
}

}  // namespace torchkeep::runtime::kernels
