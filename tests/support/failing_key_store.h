#pragma once

#include <atomic>

#include "torchkeep/base/text.h"
#include "torchkeep/keys/key_store.h"

namespace torchkeep::testing {

/// Another store on a disk that fails when told to. *Thread-safe* once told.
class FailingKeyStore final : public keys::KeyStore {
 public:
  explicit FailingKeyStore(keys::KeyStore& store) : store_(store) {}

  enum class Outcome { NotWritten, Written };
  /// The write after `more` further ones says that it failed, and had this outcome. With
  /// `then_dead` nothing is answered any more: to the disk, that is how a killed program looks.
  void fail_write(std::size_t more, Outcome outcome, bool then_dead = false) {
    fail_at_ = writes_ + more;
    outcome_ = outcome;
    then_dead_ = then_dead;
  }
  void fail_reads(bool fail) { reads_fail_ = fail; }
  /// Reads fail once this many more have succeeded.
  void fail_reads_after(std::size_t more) { reads_left_ = static_cast<long>(more); }
  void heal() {
    fail_at_ = kNever;
    dead_ = reads_fail_ = false;
    reads_left_ = -1;
  }
  std::size_t writes() const { return writes_; }
  bool dead() const { return dead_; }

  Result<void> write(const keys::StoreChange& change) override {
    if (dead_) return away();
    if (writes_++ != fail_at_) return store_.write(change);
    if (outcome_ == Outcome::Written) TRY(store_.write(change));
    dead_ = then_dead_.load();
    return away();
  }
  Result<std::optional<Bytes>> find_row(std::string_view table, ByteView id) override {
    TRY(check_read());
    return store_.find_row(table, id);
  }
  Result<std::optional<Bytes>> find_head() override {
    TRY(check_read());
    return store_.find_head();
  }
  Result<void> read_log(const std::function<Result<void>(const keys::LogRow&)>& visit) override {
    TRY(check_read());
    return store_.read_log(visit);
  }

 private:
  static constexpr std::size_t kNever = static_cast<std::size_t>(-1);
  static Error away() { return unavailable("the disk of this test does not answer"); }
  Result<void> check_read() {
    if (dead_ || reads_fail_ || reads_left_ == 0) return away();
    if (reads_left_ > 0) --reads_left_;
    return {};
  }

  keys::KeyStore& store_;
  std::atomic<std::size_t> writes_{0};
  std::atomic<std::size_t> fail_at_{kNever};
  std::atomic<Outcome> outcome_{Outcome::NotWritten};
  std::atomic<bool> then_dead_{false};
  std::atomic<bool> dead_{false};
  std::atomic<bool> reads_fail_{false};
  std::atomic<long> reads_left_{-1};
};

}  // namespace torchkeep::testing
