#pragma once

#include <algorithm>
#include <cmath>

namespace torchkeep::runtime::kernels {

/// The error function without branches, so that loops of it become vector code; within 4e-7.
/// Its rational form is the one that Eigen uses for float.
inline float fast_erf(float value) {
  const float x = std::min(std::max(value, -4.0F), 4.0F);
  const float square = x * x;
  float p = -2.72614225801306e-10F;
  p = p * square + 2.77068142495902e-08F;
  p = p * square - 2.10102402082508e-06F;
  p = p * square - 5.69250639462346e-05F;
  p = p * square - 7.34990630326855e-04F;
  p = p * square - 2.95459980854025e-03F;
  p = p * square - 1.60960333262415e-02F;
  float q = -1.45660718464996e-05F;
  q = q * square - 2.13374055278905e-04F;
  q = q * square - 1.68282697438203e-03F;
  q = q * square - 7.37332916720468e-03F;
  q = q * square - 1.42647390514189e-02F;
  return std::isnan(value) ? value : x * p / q;
}

}  // namespace torchkeep::runtime::kernels
