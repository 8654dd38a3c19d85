#pragma once

#include <memory>
#include <string>
#include <vector>

#include <boost/asio/thread_pool.hpp>

#include "torchkeep/attest/collateral.h"
#include "torchkeep/base/clock.h"
#include "torchkeep/base/file.h"
#include "torchkeep/base/log.h"
#include "torchkeep/channel/collateral_source.h"
#include "torchkeep/channel/pccs.h"

namespace torchkeep::channel {

/// How one platform family's collateral stands.
struct CollateralHealth {
  attest::CollateralKey key;
  TimePoint fetched;
  TimePoint valid_until;                ///< The first of its documents expires then.
  std::optional<TimePoint> away_since;  ///< The PCCS has given us nothing of use since then.
  std::string fault;                    ///< Why; empty if it is not away.
};

/// "collateral of sgx 00606a000000 platform: fetched T, holds until T; PCCS away since T: ..."
std::string to_text(const CollateralHealth& health, TimePoint now);

struct CollateralStoreParts {
  std::unique_ptr<PccsClient> pccs;    ///< Null: only what is on the disk.
  std::vector<attest::RootKey> roots;  ///< What does not verify under them is never kept.
  Path folder;                         ///< Files of a CollateralCache; empty: memory alone.
  /// Behind: what the PCCS gave and is current is served while new documents are fetched behind it
  /// (servers). First: it is asked whenever that is due (commands, which are soon over). What came
  /// from the disk is served only if the PCCS is away: it may be as old as its dates allow.
  enum class Refresh { Behind, First } refresh = Refresh::Behind;
  /// Verify documents and write files, so that an event loop goes on; null: done on the loop.
  boost::asio::thread_pool* workers = nullptr;
};

/// Collateral from a PCCS, kept in memory and on a disk, asked for anew long before it expires. One
/// fetch serves all who wait for the same platforms. What it hands out has been verified under its
/// roots, is about the platforms asked for and was current when it was handed out; the verifier
/// judges all of that again. *Thread-safe*; what it has begun may end after it.
class CollateralStore final : public CollateralSource {
 public:
  /// `clock` and `log` outlive it, and the event loops that it is used on.
  CollateralStore(CollateralStoreParts parts, const Clock& clock, Log& log);
  ~CollateralStore() override;

  /// Errors: as `PccsClient::fetch`; Untrusted if what the PCCS serves does not verify, is another
  /// platform's or is not current. Where something was held that has expired, the message says
  /// since when the PCCS is away and when that was.
  asio::awaitable<Result<std::shared_ptr<const attest::Collateral>>> fetch(
      attest::CollateralKey key) override;
  /// The same, but asks the PCCS whatever is held, and fails if it is away.
  asio::awaitable<Result<std::shared_ptr<const attest::Collateral>>> fetch_anew(
      attest::CollateralKey key);

  /// All that is held, by key.
  std::vector<CollateralHealth> health() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace torchkeep::channel
