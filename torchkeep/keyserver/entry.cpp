#include "torchkeep/keyserver/entry.h"

#include "torchkeep/crypto/digest.h"
#include "torchkeep/json/json.h"

namespace torchkeep::keyserver {
namespace {

using json::Json;

constexpr std::string_view kHeadLabel = "torchkeep/keyserver/head/v1";
constexpr std::size_t kMaxPlatformBytes = 64;
constexpr std::size_t kMaxIdBytes = 64;

template <typename... Handlers>
struct Overloaded : Handlers... {
  using Handlers::operator()...;
};
template <typename... Handlers>
Overloaded(Handlers...) -> Overloaded<Handlers...>;

Bytes head_message(const LogHead& head, const Genesis& genesis) {
  Bytes message = to_bytes(as_bytes(kHeadLabel));
  append(message, genesis.bytes);
  append_le64(message, head.position);
  append(message, head.hash);
  return message;
}

/// Lower-case hex of at most so many bytes: an entry has one spelling.
Result<Bytes> take_hex(json::ObjectReader& reader, std::string_view field, std::size_t max_bytes) {
  const std::string hex = TRY(reader.take_string(field));
  const auto bytes = decode_hex(hex);
  if (!bytes || encode_hex(*bytes) != hex || bytes->size() > max_bytes) {
    return malformed(reader.what(), ".", field, " is not lower-case hex of at most ", max_bytes,
                     " bytes");
  }
  return *bytes;
}

template <std::size_t N>
Result<ByteArray<N>> take_hex(json::ObjectReader& reader, std::string_view field) {
  const Bytes bytes = TRY(take_hex(reader, field, N));
  return to_array<N>(bytes).context(text(reader.what(), ".", field));
}

Result<std::uint16_t> take_u16(json::ObjectReader& reader, std::string_view field) {
  const std::uint64_t value = TRY(reader.take_unsigned(field));
  if (value > 0xffff) return malformed(reader.what(), ".", field, " is above 65535");
  return static_cast<std::uint16_t>(value);
}

Result<Grant> take_grant(json::ObjectReader& reader) {
  Grant grant;
  grant.lease = TRY(take_hex<16>(reader, "lease"));
  grant.model.bytes = TRY(take_hex<32>(reader, "model"));
  grant.version = TRY(reader.take_unsigned("version"));
  grant.renewal = TRY(reader.take_bool("renewal"));
  grant.mr_enclave = TRY(take_hex<32>(reader, "mr_enclave"));
  grant.mr_signer = TRY(take_hex<32>(reader, "mr_signer"));
  grant.isv_prod_id = TRY(take_u16(reader, "isv_prod_id"));
  grant.isv_svn = TRY(take_u16(reader, "isv_svn"));
  if (reader.has("mr_td")) grant.mr_td = TRY(take_hex<48>(reader, "mr_td"));
  grant.platform = TRY(take_hex(reader, "platform", kMaxPlatformBytes));
  grant.seconds = TRY(reader.take_unsigned("seconds"));
  grant.requests = TRY(reader.take_unsigned("requests"));
  return grant;
}

Result<std::variant<Began, Stated, Grant>> take_event(json::ObjectReader& reader) {
  const std::string kind = TRY(reader.take_string("event"));
  if (kind == "began") return Began{Genesis{TRY(take_hex<32>(reader, "genesis"))}};
  if (kind == "stated") {
    const ModelId model{TRY(take_hex<32>(reader, "model"))};
    const StatementHash statement{TRY(take_hex<32>(reader, "statement"))};
    return Stated{model, statement};
  }
  if (kind == "granted") return TRY(take_grant(reader));
  return malformed(reader.what(), ".event is \"", kind, "\", not began, stated or granted");
}

Result<std::vector<RowDigest>> take_rows(json::ObjectReader& reader) {
  std::vector<RowDigest> rows;
  for (const Json& value : *TRY(reader.take_array("rows"))) {
    auto row = TRY(json::ObjectReader::open(value, text(reader.what(), ".rows")));
    RowDigest known;
    known.row.table = TRY(row.take_string("table"));
    known.row.id = TRY(take_hex(row, "id", kMaxIdBytes));
    known.digest = TRY(take_hex<32>(row, "digest"));
    TRY(row.finish());
    rows.push_back(std::move(known));
  }
  return rows;
}

Json encode_grant(const Grant& grant) {
  Json out = {{"event", "granted"},
              {"lease", encode_hex(grant.lease)},
              {"model", grant.model.hex()},
              {"version", grant.version},
              {"renewal", grant.renewal},
              {"mr_enclave", encode_hex(grant.mr_enclave)},
              {"mr_signer", encode_hex(grant.mr_signer)},
              {"isv_prod_id", grant.isv_prod_id},
              {"isv_svn", grant.isv_svn},
              {"platform", encode_hex(grant.platform)},
              {"seconds", grant.seconds},
              {"requests", grant.requests}};
  if (grant.mr_td) out["mr_td"] = encode_hex(*grant.mr_td);
  return out;
}

}  // namespace

Digest256 digest_of(const keys::StoreChange::Row& row) {
  Bytes start = to_bytes(as_bytes(row.table));
  start.push_back(0);
  append_le32(start, static_cast<std::uint32_t>(row.id.size()));
  crypto::Sha256 hash;
  hash.update(start).update(row.id).update(row.value);
  return std::move(hash).finish();
}

Bytes encode(const LogEntry& entry) {
  Json value =
      std::visit(Overloaded{[](const Began& began) -> Json {
                              return {{"event", "began"}, {"genesis", began.genesis.hex()}};
                            },
                            [](const Stated& stated) -> Json {
                              return {{"event", "stated"},
                                      {"model", stated.model.hex()},
                                      {"statement", stated.statement.hex()}};
                            },
                            [](const Grant& grant) { return encode_grant(grant); }},
                 entry.event);
  value["time"] = format_rfc3339(entry.time);
  Json rows = Json::array();
  for (const RowDigest& row : entry.rows) {
    rows.push_back({{"table", row.row.table},
                    {"id", encode_hex(row.row.id)},
                    {"digest", encode_hex(row.digest)}});
  }
  value["rows"] = std::move(rows);
  return to_bytes(as_bytes(json::encode_canonical(value)));
}

Result<LogEntry> parse_log_entry(ByteView bytes) {
  const Json value = TRY(json::parse_canonical(as_text(bytes)));
  auto reader = TRY(json::ObjectReader::open(value, "log entry"));
  const std::string time = TRY(reader.take_string("time"));
  LogEntry entry;
  entry.time = TRY(parse_rfc3339(time).context("log entry.time"));
  if (format_rfc3339(entry.time) != time)
    return malformed("log entry.time is not in whole seconds");
  entry.event = TRY(take_event(reader));
  entry.rows = TRY(take_rows(reader));
  TRY(reader.finish());
  return entry;
}

Bytes sign_head(const LogHead& head, const Genesis& genesis, const crypto::Ed25519PrivateKey& key) {
  Bytes out;
  append_le64(out, head.position);
  append(out, head.hash);
  append(out, key.sign(head_message(head, genesis)));
  return out;
}

Result<LogHead> verify_head(ByteView bytes, const Genesis& genesis,
                            const crypto::Ed25519PublicKey& key) {
  ByteReader reader(bytes);
  LogHead head;
  head.position = TRY(reader.take_le64("log head position"));
  head.hash = TRY(reader.take_array<32>("log head hash"));
  const auto signature = TRY(reader.take_array<64>("log head signature"));
  if (!reader.empty()) return malformed("log head has ", reader.rest().size(), " bytes too many");
  TRY(crypto::verify_ed25519(key, head_message(head, genesis), signature));
  return head;
}

}  // namespace torchkeep::keyserver
