#pragma once

#include <memory>

#include <boost/asio/awaitable.hpp>

#include "torchkeep/attest/collateral.h"
#include "torchkeep/base/result.h"

namespace torchkeep::channel {

/// Where a verifier has its collateral from. *Thread-safe.*
class CollateralSource {
 public:
  virtual ~CollateralSource() = default;
  virtual boost::asio::awaitable<Result<std::shared_ptr<const attest::Collateral>>> fetch(
      attest::CollateralKey key) = 0;
};

}  // namespace torchkeep::channel
