#pragma once

#include "torchkeep/base/clock.h"
#include "torchkeep/channel/http.h"
#include "torchkeep/simtee/meter.h"
#include "torchkeep/simtee/state_folder.h"
#include "torchkeep/tee/simulated/protocol.h"

/// What the machine answers to programs and to verifiers; no socket is here.
namespace torchkeep::simtee {

/// *Lives on one strand.*
class SimulatedMachine {
 public:
  /// `clock` outlives it.
  SimulatedMachine(StateFolder folder, simulator::Machine machine, const Clock& clock)
      : folder_(std::move(folder)), machine_(std::move(machine)), clock_(clock) {}

  /// Answers what `peer` asks, if the platform vouches for it. Errors: as `Meter::measure`.
  Result<SecretBytes> answer(const Peer& peer, const tee::simulated::Request& request);

  /// The routes of a PCCS, REST v4. `target` is path and query.
  channel::HttpResponse answer_pccs(std::string_view method, std::string_view target);

 private:
  StateFolder folder_;
  simulator::Machine machine_;
  const Clock& clock_;
  Meter meter_;
};

/// Percent-encodes all but letters, digits and "-._~", as a PCCS does with the chains in its
/// headers.
std::string percent_encode(std::string_view text);

}  // namespace torchkeep::simtee
