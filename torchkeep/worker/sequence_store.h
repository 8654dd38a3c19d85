#pragma once

#include <list>
#include <memory>

#include "torchkeep/base/clock.h"
#include "torchkeep/base/mutex.h"
#include "torchkeep/base/secret.h"
#include "torchkeep/crypto/random.h"
#include "torchkeep/runtime/carried.h"
#include "torchkeep/worker/model_config.h"

/// The sequences of one served model: state that stays in the enclave between a client's requests.
/// Whoever holds a sequence's id may use it, so ids are secrets that cannot be guessed; to
/// everybody else a sequence that is there and one that never was look the same (decision 18).
namespace torchkeep::worker {

class SequenceStore;

/// One request's hold on a sequence, which nobody else can use meanwhile. What is neither new nor
/// ended goes back when the hold goes.
class SequenceHold {
 public:
  SequenceHold(SequenceHold&&) noexcept = default;
  SequenceHold& operator=(SequenceHold&&) = delete;
  ~SequenceHold();

  runtime::Carried& state() { return *state_; }
  std::string id() const;
  /// A new sequence is there from now on; without it, it ends with the hold.
  void keep() { kept_ = true; }
  /// Ends it with the hold, wiping its state.
  void end() { kept_ = false; }

 private:
  friend SequenceStore;
  SequenceHold(SequenceStore& store, const ByteArray<16>& id,
               std::unique_ptr<runtime::Carried> state, bool kept)
      : store_(store), id_(id), state_(std::move(state)), kept_(kept) {}
  SequenceStore& store_;
  ByteArray<16> id_;
  std::unique_ptr<runtime::Carried> state_;  // null once moved from
  bool kept_;
};

/// *Thread-safe*: requests use it on the inference thread, the serving thread looks for what is
/// idle.
class SequenceStore {
 public:
  /// `clock` and `random` outlive it.
  SequenceStore(const ModelConfig& limits, const Clock& clock, crypto::Random& random);

  /// Room for one more. Errors: Unavailable if there are `max_sequences`.
  Result<SequenceHold> start(std::unique_ptr<runtime::Carried> state);
  /// Errors: NotFound for what was never there, has ended or was idle for too long, and for what is
  /// no id at all, in the same words; Unavailable while another request holds it.
  Result<SequenceHold> take(std::string_view id);

  /// Takes out what nobody asked for in `sequence_idle_seconds`, for the caller to wipe where it
  /// does not hold up others.
  std::vector<std::unique_ptr<runtime::Carried>> take_idle();

  std::size_t size() const;
  std::uint64_t bytes() const;

 private:
  friend SequenceHold;
  struct Entry {
    ByteArray<16> id;
    std::unique_ptr<runtime::Carried> state;  // null while it is held
    std::uint64_t bytes = 0;
    TimePoint used_at;
  };
  bool is_idle(const Entry& entry, TimePoint now) const REQUIRES(mutex_);
  std::list<Entry>::iterator find(ByteView id) REQUIRES(mutex_);
  std::uint64_t bytes_left() const REQUIRES(mutex_);
  void give_back(const ByteArray<16>& id, std::unique_ptr<runtime::Carried> state, bool kept);

  const std::size_t max_sequences_;
  const std::uint64_t max_bytes_;
  const std::chrono::seconds idle_;
  const Clock& clock_;
  crypto::Random& random_;
  mutable Mutex mutex_;
  std::list<Entry> entries_ GUARDED_BY(mutex_);
};

}  // namespace torchkeep::worker
