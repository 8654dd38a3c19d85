#pragma once

#include "torchkeep/keys/messages.h"

/// One version's DEK in the cache's hands, and for how long.
namespace torchkeep::keycache {

/// Names a lease: one version of one owner's model.
struct LeaseId {
  ModelId model;
  std::uint64_t version = 0;
  auto operator<=>(const LeaseId&) const = default;
};

/// A judged release with its times, counted from before it was asked for. Move-only.
/// Time in here never goes back: `observe` raises it to what the host's clock says. Where that
/// clock is behind the owner's newest statement, it is taken to be that much slow ever after: a
/// floor alone would stand still, and the lease with it. It is kept per lease, so that no owner
/// moves another owner's time.
class HeldLease {
 public:
  /// `asked_at`: when the release was asked for. Lasts as long as the key server granted, but no
  /// longer than the owner's policy says, and not past the policy's own end.
  HeldLease(keys::ReleasedKey key, TimePoint asked_at);

  /// As it was sealed; not on line until the key server has answered anew.
  struct Times {
    TimePoint contact;
    TimePoint end;
    TimePoint newest;
    std::uint64_t requests_left = 0;
    Duration host_is_slow_by{0};
  };
  static HeldLease restored(keys::ReleasedKey key, const Times& times);

  const keys::ReleasedKey& key() const { return key_; }
  const Times& times() const { return times_; }
  /// The key server has been asked since this process started.
  bool on_line() const { return on_line_; }
  bool counts_requests() const { return key_.lease().requests != 0; }

  TimePoint observe(TimePoint host_now);
  bool over(TimePoint now) const { return now >= times_.end; }

  /// A round trip is due: after a restart, with less than half the lease left, or with no requests
  /// left.
  bool renewal_due(TimePoint now) const;
  /// May be used although the key server is away: in the first half of the lease, later within the
  /// policy's offline grace; after a restart only if the policy allows `offline_restart`.
  bool usable_offline(TimePoint now) const;

  /// Whole seconds that a holder may be given now; 0 if there is nothing left.
  std::uint64_t grantable_seconds(TimePoint now) const;
  /// Hands out all requests that are left: they cannot be counted at two holders.
  std::uint64_t take_requests();

 private:
  HeldLease(keys::ReleasedKey key, const Times& times, bool on_line)
      : key_(std::move(key)), times_(times), on_line_(on_line) {}
  bool second_half(TimePoint now) const;
  keys::ReleasedKey key_;
  Times times_;
  bool on_line_;
};

}  // namespace torchkeep::keycache
