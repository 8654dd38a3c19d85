#pragma once

#include "torchkeep/base/file.h"
#include "torchkeep/crypto/random.h"
#include "torchkeep/simulator/machine.h"

/// The folder (mode 0700) that a simulated machine lives in:
///   machine     its keys and fuses (0600), written once, at its first start
///   root.pem    its root certificate, for verifiers
///   condition   what is wrong with it, one word; may change while it runs
///   lock        held by the one program that serves this machine
namespace torchkeep::simtee {

/// The words of `torchkeep-simtee condition`: "good", "tcb-out-of-date", "pck-revoked",
/// "collateral-expired".
std::string_view name_of(simulator::Condition condition);
/// Errors: InvalidArgument, with the words that there are.
Result<simulator::Condition> parse_condition(std::string_view name);

/// *Thread-safe*: each call reads or replaces whole files.
class StateFolder {
 public:
  explicit StateFolder(Path folder) : folder_(std::move(folder)) {}

  /// Makes the folder, closed to others. Errors: Unavailable.
  Result<void> make() const;

  /// The machine that lives here, in its present condition.
  /// Errors: NotFound if there is none, with what to do; Malformed; Unavailable.
  Result<simulator::Machine> load_machine() const;
  /// The same, after making one if there is none; the folder must exist.
  Result<simulator::Machine> load_or_create_machine(crypto::Random& random, TimePoint now) const;

  Result<simulator::Condition> load_condition() const;
  /// Errors: NotFound if no machine lives here; Unavailable.
  Result<void> store_condition(simulator::Condition condition) const;

  Path root_certificate() const { return folder_ / "root.pem"; }
  const Path& path() const { return folder_; }

 private:
  Path machine_file() const { return folder_ / "machine"; }
  Path condition_file() const { return folder_ / "condition"; }
  Path folder_;
};

/// Serving one machine is for one process at a time; the lock goes with this, or with the process.
/// Move-only.
class StateLock {
 public:
  /// Errors: Unavailable if another process serves this machine.
  static Result<StateLock> take(const StateFolder& folder);
  StateLock(StateLock&& other) noexcept;
  StateLock& operator=(StateLock&&) = delete;
  ~StateLock();

 private:
  explicit StateLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

}  // namespace torchkeep::simtee
