#pragma once

#include <complex>
#include <vector>

namespace torchkeep::runtime::kernels {

/// The discrete Fourier transform of one length, in double: by the length's factors, so that it
/// takes n times their sum. *Immutable*; many threads may use one.
class Fourier {
 public:
  using Number = std::complex<double>;

  /// `inverse`: of the opposite sign, and divided by the length. The length is above 0.
  Fourier(std::size_t length, bool inverse);

  std::size_t length() const { return roots_.size(); }
  /// `from` and `to` hold `length` numbers and are not the same memory; neither is `scratch`, of as
  /// many.
  void transform(const Number* from, Number* to, Number* scratch) const;

 private:
  void transform(const Number* from, std::size_t step, Number* to, std::size_t count,
                 std::size_t factor, Number* scratch) const;

  std::vector<Number> roots_;  ///< Of one.
  std::vector<std::size_t> factors_;
  bool inverse_;
};

}  // namespace torchkeep::runtime::kernels
