#pragma once

#include "torchkeep/channel/collateral_source.h"
#include "torchkeep/simulator/machine.h"

namespace torchkeep::testing {

/// Serves the collateral of one simulated machine, as of the clock handed in. *Thread-safe.*
class FakeCollateral final : public channel::CollateralSource {
 public:
  FakeCollateral(const simulator::Machine& machine, const Clock& clock)
      : machine_(machine), clock_(clock) {}
  boost::asio::awaitable<Result<std::shared_ptr<const attest::Collateral>>> fetch(
      attest::CollateralKey) override {
    co_return std::make_shared<const attest::Collateral>(machine_.collateral(clock_.now()));
  }

 private:
  const simulator::Machine& machine_;
  const Clock& clock_;
};

}  // namespace torchkeep::testing
