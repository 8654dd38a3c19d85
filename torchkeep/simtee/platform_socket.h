#pragma once

#include <memory>

#include <boost/asio/io_context.hpp>

#include "torchkeep/base/file.h"
#include "torchkeep/base/log.h"
#include "torchkeep/simtee/simulated_machine.h"

/// The Unix socket at which programs find the machine (tee/simulated/protocol.h).
namespace torchkeep::simtee {

/// *Lives on one strand*, that of `io`. Who connects and says nothing is cut off after ten seconds
/// and keeps nobody waiting.
class PlatformSocket {
 public:
  /// A socket that a dead process left behind is replaced. `machine`, `io` and `log` outlive it.
  /// Errors: Unavailable if somebody listens there; InvalidArgument for a path that is too long or
  /// is no socket.
  static Result<std::unique_ptr<PlatformSocket>> listen(boost::asio::io_context& io,
                                                        const Path& path, SimulatedMachine& machine,
                                                        Log& log);
  virtual ~PlatformSocket() = default;
  /// Takes the socket away and cuts off all who are connected.
  virtual void stop() = 0;
};

}  // namespace torchkeep::simtee
