#pragma once

#include <map>

#include "torchkeep/base/mutex.h"
#include "torchkeep/channel/collateral_store.h"
#include "torchkeep/channel/internal/flight.h"

namespace torchkeep::channel {

using CollateralAnswer = Result<std::shared_ptr<const attest::Collateral>>;
using CollateralFlight = Flight<CollateralAnswer>;

/// Documents that verify.
struct HeldCollateral {
  std::shared_ptr<const attest::Collateral> collateral;
  TimePoint fetched;
  TimePoint begins;
  TimePoint expires;
  bool current(TimePoint now) const { return begins <= now && now <= expires; }
};

/// What a store knows of each family of platforms: what is held, when the PCCS is asked again, since
/// when it is away, and who is on the way to it. No network and no disk is here. *Thread-safe.*
class CollateralBook {
 public:
  /// Without a PCCS nothing is ever due.
  CollateralBook(CollateralStoreParts::Refresh refresh, bool has_pccs, const Clock& clock)
      : refresh_(refresh), has_pccs_(has_pccs), clock_(clock) {}

  /// What one request comes to: an answer at once, a flight to wait for, or both, where a flight
  /// goes on behind the answer. Who `leads` flies it.
  struct Plan {
    std::shared_ptr<const attest::Collateral> at_once;
    std::shared_ptr<CollateralFlight> flight;
    bool leads = false;
  };
  Plan plan(const attest::CollateralKey& key, bool anew);

  /// True until something of the platform, or nothing, has come from the disk or the PCCS.
  bool wants_disk(const attest::CollateralKey& key);
  void take_from_disk(const attest::CollateralKey& key, std::optional<HeldCollateral> found);
  /// Whether the PCCS is worth waiting for: nobody waits, or whoever waits has nothing to fall back
  /// on.
  bool is_patient(const attest::CollateralKey& key, bool anew);

  /// Returns since when the PCCS was away, if it was.
  std::optional<TimePoint> keep(const attest::CollateralKey& key, const HeldCollateral& held);
  /// The PCCS gave nothing of use: what is held as long as it is current, unless it was to be
  /// fetched anew; else `error`, with what was held and until when. `news` is set if it was not
  /// known to be away, and what is held still serves.
  CollateralAnswer give_up(const attest::CollateralKey& key, Error error, bool anew,
                           std::optional<TimePoint>& news);

  std::vector<CollateralHealth> health() const;

 private:
  struct Platform {
    bool disk_was_read = false;
    std::optional<HeldCollateral> held;
    bool from_disk = false;  ///< May be as old as its dates allow, so the PCCS is asked first.
    TimePoint due;  ///< When the PCCS is asked again; the beginning of time: at once.
    Duration pause{0};
    std::optional<TimePoint> away_since;
    std::string fault;
    std::weak_ptr<CollateralFlight> flight;
  };
  bool refreshes_behind(const Platform& platform) const REQUIRES(mutex_);
  Platform& find(const attest::CollateralKey& key) REQUIRES(mutex_);

  const CollateralStoreParts::Refresh refresh_;
  const bool has_pccs_;
  const Clock& clock_;
  mutable Mutex mutex_;
  std::map<attest::CollateralKey, Platform> platforms_ GUARDED_BY(mutex_);
};

}  // namespace torchkeep::channel
