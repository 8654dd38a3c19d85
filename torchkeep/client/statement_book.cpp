#include "torchkeep/client/statement_book.h"

#include <algorithm>

namespace torchkeep::client {
namespace {

constexpr std::size_t kMaxBookBytes = std::size_t{16} << 20;

struct BookFile {
  std::vector<keys::SignedStatement> statements;
  bool pending = false;
};

Result<BookFile> parse_book(std::string_view text) {
  const json::Json value = TRY(json::parse_canonical(text));
  json::ObjectReader reader = TRY(json::ObjectReader::open(value, "statements"));
  BookFile book;
  book.pending = TRY(reader.take_bool("pending"));
  for (const json::Json& element : *TRY(reader.take_array("statements"))) {
    book.statements.push_back(TRY(keys::parse_signed_statement(element)));
  }
  TRY(reader.finish());
  if (book.pending && book.statements.empty())
    return malformed("a statement is pending, yet none is there");
  return book;
}

}  // namespace

Result<StatementBook> StatementBook::open(Path file, const crypto::Ed25519PrivateKey& key,
                                          const Genesis& genesis, std::string model) {
  TRY(keys::check_model_name(model));
  StatementBook book(std::move(file), key, genesis, std::move(model));
  const std::string where = book.file_.string();
  auto bytes = load_file(book.file_, kMaxBookBytes);
  if (!bytes && bytes.error().code == ErrorCode::NotFound) return book;
  if (!bytes) return std::move(bytes).error();

  BookFile read = TRY(parse_book(as_text(*bytes)).context(where));
  if (read.statements.empty()) return book;
  keys::ModelChain chain = TRY(keys::ModelChain::verify(read.statements).context(where));
  if (chain.owner() != key.public_key() || chain.name() != book.model_ ||
      chain.genesis() != genesis) {
    return untrusted(where, " is of another owner, model or key server");
  }
  if (read.pending) book.pending_ = read.statements.back();
  book.chain_ = std::move(chain);
  return book;
}

Result<void> StatementBook::store(const std::vector<keys::SignedStatement>& statements,
                                  bool pending) const {
  json::Json list = json::Json::array();
  for (const keys::SignedStatement& statement : statements) list.push_back(keys::encode(statement));
  const json::Json value = {{"pending", pending}, {"statements", std::move(list)}};
  return store_file(file_, as_bytes(json::encode_canonical(value)), 0600);
}

Result<keys::SignedStatement> StatementBook::next(keys::Statement statement, TimePoint now) {
  if (pending_) {
    return denied(
        "a statement about \"", model_,
        "\" is still pending: submit it again, or abandon it if the key server refused it");
  }
  statement.genesis = genesis_;
  statement.owner = key_->public_key();
  statement.name = model_;
  // To the second, as it will be written: the chain that is read back must be the one signed here.
  statement.time = std::chrono::floor<std::chrono::seconds>(now);
  if (chain_) {
    statement.sequence = chain_->next_sequence();
    statement.previous = chain_->head();
    statement.time = std::max(statement.time, chain_->newest_time());
  } else if (statement.kind != keys::StatementKind::Register) {
    return denied("\"", model_, "\" is not registered yet");
  }
  keys::SignedStatement made = keys::sign_statement(statement, *key_);

  // Refused here rather than at the key server, if it makes no sense.
  std::vector<keys::SignedStatement> statements;
  if (chain_) statements = chain_->statements();
  statements.push_back(made);
  keys::ModelChain chain = TRY(keys::ModelChain::verify(statements));
  TRY(store(statements, true));
  chain_ = std::move(chain);
  pending_ = made;
  unsent_ = true;
  return made;
}

Result<keys::SignedStatement> StatementBook::next_register(const keys::Policy& policy,
                                                           TimePoint now) {
  if (chain_ && !pending_) return denied("\"", model_, "\" is registered already");
  keys::Statement statement;
  statement.kind = keys::StatementKind::Register;
  statement.policy = policy;
  return next(std::move(statement), now);
}

Result<keys::SignedStatement> StatementBook::next_version(std::uint64_t version,
                                                          const ContainerDigest& digest,
                                                          const KeyId& key_id, TimePoint now) {
  keys::Statement statement;
  statement.kind = keys::StatementKind::Version;
  statement.version = version;
  statement.container_digest = digest;
  statement.key_id = key_id;
  return next(std::move(statement), now);
}

Result<keys::SignedStatement> StatementBook::next_policy(const keys::Policy& policy,
                                                         TimePoint now) {
  keys::Statement statement;
  statement.kind = keys::StatementKind::Policy;
  statement.policy = policy;
  return next(std::move(statement), now);
}

Result<keys::SignedStatement> StatementBook::next_minimum(std::uint64_t version, TimePoint now) {
  keys::Statement statement;
  statement.kind = keys::StatementKind::Minimum;
  statement.version = version;
  return next(std::move(statement), now);
}

Result<keys::SignedStatement> StatementBook::next_suspend(TimePoint now) {
  keys::Statement statement;
  statement.kind = keys::StatementKind::Suspend;
  return next(std::move(statement), now);
}

Result<keys::SignedStatement> StatementBook::next_resume(TimePoint now) {
  keys::Statement statement;
  statement.kind = keys::StatementKind::Resume;
  return next(std::move(statement), now);
}

Result<keys::SignedStatement> StatementBook::next_revoke(std::uint64_t version, TimePoint now) {
  keys::Statement statement;
  statement.kind = keys::StatementKind::Revoke;
  statement.version = version;
  return next(std::move(statement), now);
}

Result<void> StatementBook::confirm(const StatementHash& statement) {
  if (!pending_ || keys::hash_of(*pending_) != statement) {
    return invalid_argument("statement ", statement.hex(), " is not pending");
  }
  TRY(store(chain_->statements(), false));
  pending_.reset();
  return {};
}

Result<void> StatementBook::abandon() {
  if (!pending_) return invalid_argument("no statement is pending");
  std::vector<keys::SignedStatement> statements = chain_->statements();
  statements.pop_back();
  std::optional<keys::ModelChain> before;
  if (!statements.empty()) before = TRY(keys::ModelChain::verify(statements));
  TRY(store(statements, false));
  chain_ = std::move(before);
  pending_.reset();
  return {};
}

}  // namespace torchkeep::client
