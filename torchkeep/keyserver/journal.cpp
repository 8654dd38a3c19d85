#include "torchkeep/keyserver/journal.h"

#include <algorithm>

#include "torchkeep/crypto/digest.h"

namespace torchkeep::keyserver {
namespace {

Digest256 link(const Digest256& previous, ByteView entry) {
  crypto::Sha256 hash;
  hash.update(previous).update(entry);
  return std::move(hash).finish();
}

std::string describe_found(std::string_view what, const RowId& row, std::uint64_t position) {
  return text(what, " ", describe(row), " (written with log entry ", position, ")");
}

}  // namespace

Bytes key_row_id(const ModelId& model, std::uint64_t version) {
  Bytes id = to_bytes(model.bytes);
  append_le64(id, version);
  return id;
}

std::string describe(const RowId& row) {
  if (row.table == kKeyTable && row.id.size() == 40) {
    return text("key of model ", encode_hex(ByteView(row.id).first(32)), " version ",
                load_le64(ByteView(row.id).subspan(32)));
  }
  if (row.table == kOwnerTable) return text("KEK of owner ", encode_hex(row.id));
  if (row.table == kMetaTable) return text("row \"", as_text(row.id), "\"");
  return text(row.table, " ", encode_hex(row.id));
}

Result<bool> is_empty(keys::KeyStore& store) {
  if (TRY(store.find_head())) return false;
  if (TRY(store.find_row(kMetaTable, as_bytes(kIdentityRow)))) return false;
  bool empty = true;
  TRY(store.read_log([&](const keys::LogRow&) -> Result<void> {
    empty = false;
    return {};
  }));
  return empty;
}

void Journal::take_in(KnownRows& rows, const RowDigest& written, std::uint64_t position) {
  const auto [place, first_time] = rows.try_emplace(written.row);
  KnownRow& known = place->second;
  if (!first_time) known.earlier.push_back(known.digest);
  known.digest = written.digest;
  known.position = position;
}

struct Journal::Reading {
  std::vector<LogEntry> entries;
  KnownRows rows;
  Digest256 newest{};

  Result<void> take(const keys::LogRow& row) {
    const std::uint64_t position = entries.size();
    if (row.position != position) {
      return untrusted("log entry ", position, " is missing: entry ", row.position,
                       " stands in its place");
    }
    const Digest256 expected = link(newest, row.entry);
    if (expected != row.hash) {
      return untrusted("log entry ", position,
                       " was changed, or is not the one that followed entry ",
                       position == 0 ? 0 : position - 1);
    }
    LogEntry entry = TRY(parse_log_entry(row.entry).context(text("log entry ", position)));
    for (const RowDigest& written : entry.rows) take_in(rows, written, position);
    entries.push_back(std::move(entry));
    newest = row.hash;
    return {};
  }

  Result<void> check_end(const LogHead& head) const {
    if (entries.size() <= head.position) {
      return untrusted("log entries ", entries.size(), " to ", head.position,
                       " are missing: the signed head names entry ", head.position);
    }
    if (entries.size() - 1 > head.position) {
      return untrusted("log entry ", head.position + 1,
                       " is not covered by the signed head, which names entry ", head.position,
                       ": the entry was added, or an earlier head was put back");
    }
    if (newest != head.hash) {
      return untrusted("log entry ", head.position,
                       " is not the one that the signed head names: the log was rewritten");
    }
    return {};
  }
};

Result<LogHead> Journal::load_head() const {
  const std::optional<Bytes> bytes = TRY(store_.find_head());
  if (!bytes) return untrusted("the signed log head is missing");
  return verify_head(*bytes, identity_.genesis, {identity_.document.log_key})
      .context("the log head was changed, or is another key server's");
}

Result<void> Journal::check_row(const KnownRows& rows, const RowId& row,
                                const std::optional<Bytes>& value) {
  const auto found = rows.find(row);
  if (found == rows.end()) return untrusted("the log knows no ", describe(row));
  const KnownRow& known = found->second;
  if (!value) return untrusted(describe_found("deleted:", row, known.position));
  const Digest256 digest = digest_of({row.table, row.id, *value});
  if (digest == known.digest) return {};
  if (std::find(known.earlier.begin(), known.earlier.end(), digest) != known.earlier.end()) {
    return untrusted(describe_found("put back:", row, known.position), " holds an earlier value");
  }
  // Somebody who swaps rows is told from one who edits a row: the operator looks elsewhere for
  // each.
  for (const auto& [other, other_known] : rows) {
    if (digest_of({other.table, other.id, *value}) == other_known.digest) {
      return untrusted(describe_found("swapped:", row, known.position), " holds what belongs to ",
                       describe(other));
    }
  }
  return untrusted(describe_found("changed:", row, known.position));
}

Result<std::vector<LogEntry>> Journal::load() {
  const LogHead found = TRY(load_head());
  const bool expected = size_ == 0 || found == head() || (pending_ && found == *pending_);
  if (!expected) {
    return untrusted(
        "the store was exchanged under the running key server: its log ends with entry ",
        found.position, ", not with entry ", size_ - 1);
  }
  Reading reading;
  TRY(store_.read_log([&](const keys::LogRow& row) { return reading.take(row); }));
  TRY(reading.check_end(found));
  for (const auto& [row, known] : reading.rows) {
    const std::optional<Bytes> value = TRY(store_.find_row(row.table, row.id));
    TRY(check_row(reading.rows, row, value));
  }
  size_ = reading.entries.size();
  newest_hash_ = reading.newest;
  rows_ = std::move(reading.rows);
  pending_.reset();
  return std::move(reading.entries);
}

Result<std::uint64_t> Journal::append(LogEntry entry, std::vector<keys::StoreChange::Row> rows) {
  TORCHKEEP_CHECK(!in_doubt());
  if (size_ != 0 && TRY(load_head()) != head()) {
    return untrusted(
        "the store was exchanged under the running key server: its log does not end with "
        "entry ",
        size_ - 1);
  }
  for (const auto& row : rows) entry.rows.push_back({{row.table, row.id}, digest_of(row)});

  keys::LogRow written{.position = size_, .entry = encode(entry), .hash = {}};
  written.hash = link(newest_hash_, written.entry);
  const LogHead next{written.position, written.hash};
  keys::StoreChange change;
  change.head = sign_head(next, identity_.genesis, identity_.log_key);
  change.log.push_back(std::move(written));
  change.rows = std::move(rows);

  // A store that says it failed may have written nonetheless: its disk answers last.
  pending_ = next;
  TRY(store_.write(change));
  pending_.reset();
  for (const RowDigest& row : entry.rows) take_in(rows_, row, next.position);
  size_ = next.position + 1;
  newest_hash_ = next.hash;
  return next.position;
}

Result<Bytes> Journal::load_row(std::string_view table, ByteView id) {
  const RowId row{std::string(table), to_bytes(id)};
  std::optional<Bytes> value = TRY(store_.find_row(table, id));
  TRY(check_row(rows_, row, value));
  return std::move(*value);
}

}  // namespace torchkeep::keyserver
