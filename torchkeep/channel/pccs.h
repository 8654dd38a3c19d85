#pragma once

#include <memory>

#include "torchkeep/base/clock.h"
#include "torchkeep/channel/collateral_source.h"
#include "torchkeep/channel/endpoint.h"

namespace torchkeep::channel {

/// Collateral from a PCCS (REST v4), kept in memory until it is due. One fetch serves all who wait
/// for the same platform. What it returns is as received: whoever verifies judges it.
/// *Thread-safe.*
class PccsCollateral final : public CollateralSource {
 public:
  /// `clock` outlives it.
  PccsCollateral(Endpoint pccs, const Clock& clock);
  ~PccsCollateral() override;
  /// Errors: Unavailable, naming the endpoint and what was asked; Malformed for an answer that is no
  /// PCCS's.
  boost::asio::awaitable<Result<std::shared_ptr<const attest::Collateral>>> fetch(
      attest::CollateralKey key) override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace torchkeep::channel
