#pragma once

#include <deque>
#include <set>

#include "torchkeep/base/bytes.h"

namespace torchkeep::keycache {

/// Remembers the newest nonces that requests came with, so that none is answered twice.
/// Sessions already end with their TLS connection; this holds within one too. *Not thread-safe.*
class NonceMemory {
 public:
  explicit NonceMemory(std::size_t capacity = 65536) : capacity_(capacity) {}

  /// False if `nonce` was used before.
  bool use(const ByteArray<32>& nonce) {
    if (!known_.insert(nonce).second) return false;
    order_.push_back(nonce);
    if (order_.size() > capacity_) {
      known_.erase(order_.front());
      order_.pop_front();
    }
    return true;
  }

 private:
  std::size_t capacity_;
  std::set<ByteArray<32>> known_;
  std::deque<ByteArray<32>> order_;
};

}  // namespace torchkeep::keycache
