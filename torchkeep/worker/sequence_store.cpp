#include "torchkeep/worker/sequence_store.h"

#include <algorithm>

#include "torchkeep/base/encoding.h"
#include "torchkeep/base/text.h"

namespace torchkeep::worker {

SequenceHold::~SequenceHold() {
  if (state_) store_.give_back(id_, std::move(state_), kept_);
}

std::string SequenceHold::id() const { return encode_hex(id_); }

SequenceStore::SequenceStore(const ModelConfig& limits, const Clock& clock, crypto::Random& random)
    : max_sequences_(limits.max_sequences),
      max_bytes_(limits.max_sequence_bytes),
      idle_(limits.sequence_idle_seconds),
      clock_(clock),
      random_(random) {}

bool SequenceStore::is_idle(const Entry& entry, TimePoint now) const {
  return entry.state != nullptr && now - entry.used_at >= idle_;
}

std::list<SequenceStore::Entry>::iterator SequenceStore::find(ByteView id) {
  // All are looked at, each in constant time: how long it takes says nothing about how near a guess
  // was.
  auto found = entries_.end();
  for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
    if (equal_in_constant_time(entry->id, id)) found = entry;
  }
  return found;
}

std::uint64_t SequenceStore::bytes_left() const {
  std::uint64_t taken = 0;
  for (const Entry& entry : entries_) taken += entry.bytes;
  return taken >= max_bytes_ ? 0 : max_bytes_ - taken;
}

Result<SequenceHold> SequenceStore::start(std::unique_ptr<runtime::Carried> state) {
  const auto idle = take_idle();  // wiped here, without the lock
  const auto id = random_.array<16>();
  MutexLock lock(mutex_);
  if (entries_.size() >= max_sequences_) {
    return unavailable("there are ", entries_.size(),
                       " sequences, as many as this model may have: end one, or try again later");
  }
  state->max_bytes = bytes_left();
  entries_.push_back({id, nullptr, 0, clock_.now()});
  return SequenceHold(*this, id, std::move(state), false);
}

Result<SequenceHold> SequenceStore::take(std::string_view id) {
  const auto idle = take_idle();
  const auto bytes = decode_hex_array<16>(id);
  MutexLock lock(mutex_);
  const auto entry = bytes ? find(*bytes) : entries_.end();
  if (entry == entries_.end()) {
    return not_found(
        "there is no such sequence: it never was, it has ended, or nobody asked for it "
        "in ",
        idle_.count(), " s; begin another with sequence_start");
  }
  if (!entry->state) return unavailable("another request of this sequence is running: wait for it");
  entry->state->max_bytes = entry->bytes + bytes_left();
  return SequenceHold(*this, entry->id, std::move(entry->state), true);
}

// What was not accepted did not happen.
void SequenceStore::give_back(const ByteArray<16>& id, std::unique_ptr<runtime::Carried> state,
                              bool kept) {
  MutexLock lock(mutex_);
  const auto entry = find(id);
  TORCHKEEP_CHECK(entry != entries_.end() && entry->state == nullptr);
  if (kept) {
    state->take_back();
    entry->bytes = state->bytes();
    entry->used_at = clock_.now();
    entry->state = std::move(state);
  } else {
    entries_.erase(entry);
  }
}

std::vector<std::unique_ptr<runtime::Carried>> SequenceStore::take_idle() {
  std::vector<std::unique_ptr<runtime::Carried>> idle;
  const TimePoint now = clock_.now();
  MutexLock lock(mutex_);
  std::erase_if(entries_, [&](Entry& entry) {
    if (!is_idle(entry, now)) return false;
    idle.push_back(std::move(entry.state));
    return true;
  });
  return idle;
}

std::size_t SequenceStore::size() const {
  MutexLock lock(mutex_);
  return entries_.size();
}

std::uint64_t SequenceStore::bytes() const {
  MutexLock lock(mutex_);
  std::uint64_t bytes = 0;
  for (const Entry& entry : entries_) bytes += entry.bytes;
  return bytes;
}

}  // namespace torchkeep::worker
