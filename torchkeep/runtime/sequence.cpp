#include "torchkeep/runtime/sequence.h"

#include <algorithm>
#include <cstring>

namespace torchkeep::runtime {
namespace {

constexpr std::uint32_t kMaxRank = 8;
constexpr int kMaxDepth = 4;  // of sequences within each other; the standard needs two

std::uint64_t padded(std::uint64_t bytes) { return (bytes + 7) / 8 * 8; }

template <typename T>
void append_number(SecretBuffer& out, T value) {
  append(out, {reinterpret_cast<const std::uint8_t*>(&value), sizeof value});
}

template <typename T>
Result<T> take(ByteView& from) {
  if (from.size() < sizeof(T)) return malformed("a sequence ends within a number");
  T value;
  std::memcpy(&value, from.data(), sizeof value);
  from = from.subspan(sizeof value);
  return value;
}

/// Any of the engine's types, sequences too.
Result<DataType> item_type(std::uint32_t number) {
  const auto type = static_cast<DataType>(number);
  return is_tensor(type) ? data_type_of(std::int64_t{number}) : Result<DataType>(type);
}

Result<std::vector<Item>> parse(DataType kind, ByteView bytes, int depth) {
  if (depth > kMaxDepth) return malformed("sequences are more than ", kMaxDepth, " deep");
  const std::uint64_t count = TRY(take<std::uint64_t>(bytes));
  if (count > kMaxItems || (kind == DataType::Optional && count > 1))
    return malformed("a value holds ", count, " items");
  std::vector<Item> items;
  for (std::uint64_t i = 0; i < count; ++i) {
    Item item;
    item.dtype = TRY(item_type(TRY(take<std::uint32_t>(bytes))));
    const std::uint32_t rank = TRY(take<std::uint32_t>(bytes));
    if (rank > kMaxRank) return malformed("an item has ", rank, " dimensions");
    for (std::uint32_t d = 0; d < rank; ++d) item.shape.push_back(TRY(take<std::int64_t>(bytes)));
    const std::uint64_t size = TRY(byte_count(item.dtype, item.shape));
    if (padded(size) > bytes.size()) return malformed("a sequence ends within an item");
    item.bytes = bytes.first(size);
    bytes = bytes.subspan(padded(size));
    if (!is_tensor(item.dtype)) TRY(parse(item.dtype, item.bytes, depth + 1));
    items.push_back(std::move(item));
  }
  if (!bytes.empty()) return malformed("a sequence is followed by ", bytes.size(), " bytes");
  return items;
}

}  // namespace

Result<std::vector<Item>> parse_items(DataType kind, ByteView bytes) {
  return parse(kind, bytes, 0);
}

Tensor encode_items(DataType kind, std::span<const Item> items) {
  SecretBuffer out;
  std::uint64_t bytes = 8;
  for (const Item& item : items) bytes += 8 + 8 * item.shape.size() + padded(item.bytes.size());
  out.reserve(bytes);
  append_number(out, std::uint64_t{items.size()});
  for (const Item& item : items) {
    append_number(out, static_cast<std::uint32_t>(item.dtype));
    append_number(out, static_cast<std::uint32_t>(item.shape.size()));
    for (const std::int64_t size : item.shape) append_number(out, size);
    append(out, item.bytes);
    out.resize(padded(out.size()));
  }
  const auto size = static_cast<std::int64_t>(out.size());
  return Tensor(kind, {size}, std::move(out));
}

}  // namespace torchkeep::runtime
