#include "torchkeep/desk/counter.h"

#include "torchkeep/client/recovery_file.h"
#include "torchkeep/container/reader.h"
#include "torchkeep/desk/protect.h"

namespace torchkeep::desk {
namespace {

// A folder with keys is used again: a first attempt may have failed at the network.
Result<client::Owner> load_or_create(const Path& folder, crypto::Random& random) {
  auto owner = client::load_owner(folder);
  if (owner || owner.error().code != ErrorCode::NotFound) return owner;
  return client::create_owner(folder, random);
}

bool is_refusal(ErrorCode code) {
  return code == ErrorCode::Denied || code == ErrorCode::Malformed ||
         code == ErrorCode::InvalidArgument;
}

/// Nothing if that very container is registered already.
Result<std::optional<keys::Receipt>> register_version(Counter& counter, client::StatementBook& book,
                                                      const client::Recovery& recovery,
                                                      const Path& container) {
  const client::RecoveryHeader& header = recovery.header;
  if (header.owner != counter.owner.public_key() || header.name != book.chain()->name()) {
    return invalid_argument(container.string(), " is of model \"", header.name, "\" and owner ",
                            keys::hex(header.owner), ", not of this one");
  }
  if (!book.pending()) {
    const auto known = book.chain()->versions().find(header.version);
    if (known != book.chain()->versions().end() &&
        known->second.container_digest == header.container_digest) {
      return std::optional<keys::Receipt>();
    }
    TRY(book.next_version(header.version, header.container_digest, header.key_id,
                          counter.desk->clock().now()));
  }
  const auto version = book.chain()->versions().find(header.version);
  if (version == book.chain()->versions().end() ||
      version->second.container_digest != header.container_digest) {
    return invalid_argument("another version is pending; register that container first");
  }
  auto data_key = TRY(client::decrypt_recovery(recovery, counter.owner.recovery_key()));
  return std::optional(TRY(submit_pending(counter, book, std::move(data_key))));
}

/// Every worker refuses such a container; its owner hears of it before anything is registered.
Result<void> check_kind(const Path& container, const keys::Policy& policy) {
  const container::Header header = TRY(container::load_header(container));
  if (header.payload_kind != container::kPayloadOperators) return {};
  return keys::check_operator_mode(policy).context(container.string());
}

}  // namespace

Result<Introduced> introduce(const Introduction& introduction, GoOn go_on) {
  Desk desk(introduction.verifier, std::move(go_on));
  client::Owner owner = TRY(load_or_create(introduction.folder, desk.random()));
  std::optional<Genesis> expected = introduction.genesis;
  if (!expected && owner.key_server()) expected = owner.key_server()->genesis;
  const auto server = TRY(desk.wait(client::KeyServerClient::connect(
      introduction.key_server, desk.owner_party(owner.key()), expected)));
  const attest::Claims claims = *server->peer().claims;
  if (claims.debug()) {
    return denied("the key server at ", introduction.key_server.text(),
                  " is a debug enclave: its host can read its keys");
  }
  TRY(owner.pin_key_server({introduction.key_server, server->genesis()}));
  TRY(store_verifier(introduction.folder, introduction.verifier));
  return Introduced{std::move(owner), server->genesis(), claims};
}

Result<Counter> open_counter(const Path& folder, const std::string& pccs, GoOn go_on) {
  const Verifier verifier = TRY(load_verifier(folder, pccs));
  client::Owner owner = TRY(client::load_owner(folder));
  if (!owner.key_server()) return invalid_argument("no key server is pinned: torchkeep owner init");
  const client::KeyServerPin pin = *owner.key_server();
  auto desk = std::make_unique<Desk>(verifier, std::move(go_on));
  auto server = TRY(desk->wait(
      client::KeyServerClient::connect(pin.endpoint, desk->owner_party(owner.key()), pin.genesis)));
  return Counter{std::move(owner), std::move(desk), std::move(server)};
}

Result<keys::Receipt> submit_pending(Counter& counter, client::StatementBook& book,
                                     std::optional<crypto::DataKey> data_key) {
  const keys::SignedStatement statement = *book.pending();
  if (auto fit = counter.server->appraise(book.chain()->policy()); !fit) {
    // Said to nobody yet: it must not stand in the way of the statement that mends the policy.
    if (book.unsent()) TRY(book.abandon());
    return std::move(fit).error();
  }
  book.sending();
  auto receipt =
      counter.desk->wait(counter.server->submit(keys::Submission{statement, std::move(data_key)}));
  if (!receipt) {
    if (is_refusal(receipt.error().code)) TRY(book.abandon());
    return receipt;
  }
  TRY(book.confirm(receipt->statement));
  return receipt;
}

Result<void> settle(Counter& counter, client::StatementBook& book) {
  if (!book.pending()) return {};
  const auto& versions = book.chain()->versions();
  const bool carries_key =
      !versions.empty() && versions.rbegin()->second.statement == keys::hash_of(*book.pending());
  if (carries_key) {
    return invalid_argument("version ", versions.rbegin()->first,
                            " is still to be registered: torchkeep keys register ",
                            book.chain()->name(), " --container MODEL.tkm");
  }
  TRY(submit_pending(counter, book, std::nullopt));
  return {};
}

Result<Registration> register_model(Counter& counter, const std::string& name,
                                    const std::optional<keys::Policy>& policy,
                                    const Path& container) {
  client::StatementBook book = TRY(counter.owner.open_book(name));
  if (!container.empty() && (policy || book.chain()))
    TRY(check_kind(container, policy ? *policy : book.chain()->policy()));
  if (!book.chain()) {
    if (!policy) {
      return invalid_argument("\"", name,
                              "\" is new: give its policy with --policy FILE "
                              "(torchkeep policy new writes one)");
    }
    TRY(book.next_register(*policy, counter.desk->clock().now()));
  } else if (policy) {
    return invalid_argument("\"", name,
                            "\" is registered already; change its policy with "
                            "torchkeep keys policy ",
                            name, " FILE");
  }
  Registration done;
  done.model = book.chain()->model();
  if (book.pending() && book.chain()->versions().empty()) {
    done.model_receipt = TRY(submit_pending(counter, book, std::nullopt));
  }
  if (!container.empty()) {
    const client::Recovery recovery = TRY(find_recovery(container));
    done.version = recovery.header.version;
    done.version_receipt = TRY(register_version(counter, book, recovery, container));
  }
  done.versions = book.chain()->versions().size();
  return done;
}

}  // namespace torchkeep::desk
