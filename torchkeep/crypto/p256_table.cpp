// As in p256.cpp, of functions that OpenSSL 3 calls deprecated: its EVP interface has no tables.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <algorithm>
#include <atomic>

#include <openssl/err.h>

#include "torchkeep/base/text.h"
#include "torchkeep/crypto/internal/p256.h"

namespace torchkeep::crypto {
namespace p256 {
namespace {

using NumberHandle = Handle<BIGNUM, BN_free>;
using ContextHandle = Handle<BN_CTX, BN_CTX_free>;
constexpr std::size_t kMaxTables = 4;

/// Tables are made by whoever prepares a key, and live as long as the process.
std::atomic<const Table*>& newest_table() {
  static std::atomic<const Table*> newest = nullptr;
  return newest;
}

std::size_t count_tables() {
  std::size_t count = 0;
  for (const Table* table = newest_table(); table != nullptr; table = table->next) ++count;
  return count;
}

NumberHandle new_number() {
  NumberHandle number{BN_new()};
  TORCHKEEP_CHECK(number != nullptr);
  return number;
}

PointHandle new_point() {
  PointHandle point{EC_POINT_new(curve())};
  TORCHKEEP_CHECK(point != nullptr);
  return point;
}

bool is_scalar(const BIGNUM* number) {
  return !BN_is_negative(number) && !BN_is_zero(number) &&
         BN_cmp(number, EC_GROUP_get0_order(curve())) < 0;
}

}  // namespace

const Table* find_table(ByteView point) {
  const Table* table = newest_table().load(std::memory_order_acquire);
  while (table != nullptr && !equal(table->point, point)) table = table->next;
  return table;
}

// FIPS 186-5, 6.4.2: with w = 1/s, the x of (digest w) G + (r w) Q is r, modulo the order. Both
// multiples come from tables, and no secret is involved.
bool verify_with(const Table& table, const Digest256& digest, const ECDSA_SIG& signature) {
  const BIGNUM* const order = EC_GROUP_get0_order(curve());
  const BIGNUM* const r = ECDSA_SIG_get0_r(&signature);
  const BIGNUM* const s = ECDSA_SIG_get0_s(&signature);
  if (!is_scalar(r) || !is_scalar(s)) return false;
  const ContextHandle context{BN_CTX_new()};
  TORCHKEEP_CHECK(context != nullptr);
  BN_CTX* const ctx = context.get();

  const NumberHandle e{BN_bin2bn(digest.data(), static_cast<int>(digest.size()), nullptr)};
  const NumberHandle w = new_number();
  const NumberHandle u1 = new_number();
  const NumberHandle u2 = new_number();
  TORCHKEEP_CHECK(e != nullptr && BN_mod_inverse(w.get(), s, order, ctx) != nullptr &&
                  BN_mod_mul(u1.get(), e.get(), w.get(), order, ctx) == 1 &&
                  BN_mod_mul(u2.get(), r, w.get(), order, ctx) == 1);

  const PointHandle sum = new_point();
  const PointHandle other = new_point();
  const EC_GROUP* const multiples = table.multiples.get();
  TORCHKEEP_CHECK(EC_POINT_mul(curve(), sum.get(), u1.get(), nullptr, nullptr, ctx) == 1 &&
                  EC_POINT_mul(multiples, other.get(), u2.get(), nullptr, nullptr, ctx) == 1 &&
                  EC_POINT_add(curve(), sum.get(), sum.get(), other.get(), ctx) == 1);
  if (EC_POINT_is_at_infinity(curve(), sum.get()) == 1) return false;
  const NumberHandle x = new_number();
  TORCHKEEP_CHECK(EC_POINT_get_affine_coordinates(curve(), sum.get(), x.get(), nullptr, ctx) == 1 &&
                  BN_nnmod(x.get(), x.get(), order, ctx) == 1);
  return BN_cmp(x.get(), r) == 0;
}

}  // namespace p256

Result<void> prepare_p256(ByteView point) {
  using namespace p256;
  const PointHandle key = find_point(point);
  if (key == nullptr) return malformed("not a point of P-256");
  if (find_table(point) != nullptr || count_tables() >= kMaxTables) return {};
  GroupHandle multiples{EC_GROUP_dup(curve())};
  TORCHKEEP_CHECK(multiples != nullptr &&
                  EC_GROUP_set_generator(multiples.get(), key.get(), EC_GROUP_get0_order(curve()),
                                         EC_GROUP_get0_cofactor(curve())) == 1 &&
                  EC_GROUP_precompute_mult(multiples.get(), nullptr) == 1);
  auto* const table =
      new Table{to_array<64>(point).value(), std::move(multiples), newest_table().load()};
  while (!newest_table().compare_exchange_weak(table->next, table)) {
  }
  return {};
}

}  // namespace torchkeep::crypto
