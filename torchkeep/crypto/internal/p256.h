#pragma once

#include "torchkeep/crypto/digest.h"
#include "torchkeep/crypto/openssl.h"

/// The curve, and the tables of keys that verify again and again.
namespace torchkeep::crypto::p256 {

using GroupHandle = Handle<EC_GROUP, EC_GROUP_free>;
using PointHandle = Handle<EC_POINT, EC_POINT_free>;
using SignatureHandle = Handle<ECDSA_SIG, ECDSA_SIG_free>;

/// The curve, which is only ever read.
const EC_GROUP* curve();
/// Null if x || y is no point of the curve.
PointHandle find_point(ByteView point);

/// A key's multiples: the same curve with the key as its generator.
struct Table {
  ByteArray<64> point;  ///< x || y
  GroupHandle multiples;
  const Table* next;
};
/// Null unless `prepare_p256` made one of this key.
const Table* find_table(ByteView point);
bool verify_with(const Table& table, const Digest256& digest, const ECDSA_SIG& signature);

}  // namespace torchkeep::crypto::p256
