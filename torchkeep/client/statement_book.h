#pragma once

#include <optional>

#include "torchkeep/base/file.h"
#include "torchkeep/keys/statement.h"

/// What an owner has said about one model, in order, on the owner's disk. A statement is stored
/// before it is sent, so that a broken connection is answered by sending the very same one again.
namespace torchkeep::client {

/// One model's statements. Move-only. *Not thread-safe.* `key` outlives the book.
/// At most one statement is pending; a `next_*` is refused until it is confirmed or abandoned.
class StatementBook {
 public:
  /// Errors: Malformed, Untrusted if the file is damaged or of another owner, model or key server;
  /// Unavailable. A file that is not there is an empty book.
  static Result<StatementBook> open(Path file, const crypto::Ed25519PrivateKey& key,
                                    const Genesis& genesis, std::string model);

  /// All statements, the pending one included; nothing before the first.
  const std::optional<keys::ModelChain>& chain() const { return chain_; }
  const std::optional<keys::SignedStatement>& pending() const { return pending_; }

  // Each makes, checks and stores the next statement, which is pending then. `now` is raised to the
  // newest time already stated. Errors: Denied or InvalidArgument, saying why it cannot come next;
  // Unavailable if it cannot be stored, nothing changed then.
  Result<keys::SignedStatement> next_register(const keys::Policy& policy, TimePoint now);
  Result<keys::SignedStatement> next_version(std::uint64_t version, const ContainerDigest& digest,
                                             const KeyId& key_id, TimePoint now);
  Result<keys::SignedStatement> next_policy(const keys::Policy& policy, TimePoint now);
  Result<keys::SignedStatement> next_minimum(std::uint64_t version, TimePoint now);
  Result<keys::SignedStatement> next_suspend(TimePoint now);
  Result<keys::SignedStatement> next_resume(TimePoint now);
  /// Version 0 is the whole model.
  Result<keys::SignedStatement> next_revoke(std::uint64_t version, TimePoint now);

  /// The key server's receipt for the pending statement is here.
  /// Errors: InvalidArgument if nothing or another statement is pending; Unavailable.
  Result<void> confirm(const StatementHash& statement);
  /// Forgets the pending statement, after the key server has refused it, or while it is unsent.
  Result<void> abandon();

  /// Whether the pending statement cannot have reached anybody: made by this very book, and `sending`
  /// was not called since. One that an earlier book left is taken for sent.
  bool unsent() const { return pending_.has_value() && unsent_; }
  /// To be called before the pending statement is sent.
  void sending() { unsent_ = false; }

 private:
  StatementBook(Path file, const crypto::Ed25519PrivateKey& key, const Genesis& genesis,
                std::string model)
      : file_(std::move(file)), key_(&key), genesis_(genesis), model_(std::move(model)) {}
  Result<keys::SignedStatement> next(keys::Statement statement, TimePoint now);
  Result<void> store(const std::vector<keys::SignedStatement>& statements, bool pending) const;

  Path file_;
  const crypto::Ed25519PrivateKey* key_;
  Genesis genesis_;
  std::string model_;
  std::optional<keys::ModelChain> chain_;
  std::optional<keys::SignedStatement> pending_;
  bool unsent_ = false;
};

}  // namespace torchkeep::client
