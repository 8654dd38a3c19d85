#pragma once

#include <memory>

#include "torchkeep/attest/collateral.h"
#include "torchkeep/base/file.h"
#include "torchkeep/channel/http.h"
#include "torchkeep/channel/pccs_address.h"

namespace torchkeep::channel {

/// How long a PCCS is waited for. `total` bounds all attempts together; one that has begun before
/// is ended. Pauses double from `first_pause`, and a part of each is random, so that many who lost
/// a PCCS at one moment do not come back at one moment.
struct PccsPatience {
  std::chrono::seconds connect{5};
  std::chrono::seconds answer{15};  ///< Nothing moved for so long.
  std::chrono::milliseconds first_pause{250};
  std::chrono::milliseconds longest_pause{8000};
  std::chrono::milliseconds total{10000};
};

/// Asks a PCCS (Intel's PCS and a cloud's PCCS alike; REST, version 4) for what one platform needs.
/// What it returns is as received: whoever verifies judges it. In clear unless the address says
/// https: collateral is public and signed; who listens learns which kind of machine we judge.
/// *Thread-safe, immutable*; it outlives its fetches.
class PccsClient {
 public:
  /// With https, `ca_pem` holds the CA or the server's certificate to accept; if empty, this
  /// system's CAs count. Errors: InvalidArgument for a pin without https; Malformed; Unavailable.
  static Result<std::unique_ptr<PccsClient>> create(PccsAddress address, ByteView ca_pem,
                                                    PccsPatience patience = {});
  /// The same as its users name it: `--pccs` and `--pccs-ca` (may be empty).
  static Result<std::unique_ptr<PccsClient>> open(std::string_view address, const Path& ca_file,
                                                  PccsPatience patience = {});
  ~PccsClient();

  const PccsAddress& address() const;

  enum class Attempts { One, UntilPatienceEnds };
  /// Errors: NotFound, Denied, InvalidArgument, Malformed as the service refuses, told at once;
  /// Untrusted for its TLS certificate; Unavailable, after all attempts. All name the endpoint and
  /// what was asked.
  asio::awaitable<Result<attest::Collateral>> fetch(attest::CollateralKey key,
                                                    Attempts attempts) const;

 private:
  struct State;
  explicit PccsClient(std::unique_ptr<const State> state);
  std::unique_ptr<const State> state_;
};

/// Errors: InvalidArgument for what no PCCS can be asked about.
Result<void> check_askable(const attest::CollateralKey& key);

}  // namespace torchkeep::channel
