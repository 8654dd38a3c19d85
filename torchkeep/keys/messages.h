#pragma once

#include "torchkeep/base/secret.h"
#include "torchkeep/crypto/key.h"
#include "torchkeep/keys/statement.h"

/// What moves over attested sessions between owner, key server, cache and worker. All but
/// the list, a GET, are HTTP POST bodies. Where a DEK is part: LE32 length of the JSON || JSON ||
/// DEK (32), so that no key ever passes through a JSON tree. Grammar: docs/formats/key-protocol.md.
namespace torchkeep::keys {

inline constexpr std::string_view kSubmitPath =
    "/torchkeep/v1/statements";                                        ///< owner -> key server
inline constexpr std::string_view kListPath = "/torchkeep/v1/models";  ///< owner -> key server
inline constexpr std::string_view kReleasePath =
    "/torchkeep/v1/release";  ///< cache -> key server, worker -> cache

/// Asks for one version's DEK, or for its lease to be renewed.
struct ReleaseRequest {
  OwnerKey owner;
  std::string name;
  std::uint64_t version = 0;
  ByteArray<32> nonce{};
  bool renewal = false;  ///< The asker holds the DEK: the answer need not carry it.
};
Bytes encode(const ReleaseRequest& request);
Result<ReleaseRequest> parse_release_request(ByteView body);

/// Time is told as a span: the holder counts it from before it asked.
struct Lease {
  ByteArray<16> id{};
  ByteArray<32> nonce{};  ///< The request's own.
  std::uint64_t seconds = 0;
  std::uint64_t requests = 0;      ///< 0: not limited.
  std::uint64_t log_position = 0;  ///< Of the grant in the key server's log.
};

/// A lease, the owner's statements that it rests on, and the DEK unless it is a renewal.
struct Release {
  Lease lease;
  std::vector<SignedStatement> statements;
  std::optional<crypto::DataKey> data_key;
};
SecretBuffer encode(const Release& release);
/// Errors: Malformed.
Result<Release> parse_release(ByteView body);

/// A release that its receiver has judged: chain verified, owner, model, version, nonce as asked,
/// digest and key id as signed, genesis as the key server stated it (if known here).
class ReleasedKey {
 public:
  const crypto::DataKey& data_key() const { return data_key_; }
  const ContainerDigest& container_digest() const { return digest_; }
  const Lease& lease() const { return lease_; }
  const ModelChain& chain() const { return chain_; }

  friend Result<ReleasedKey> open_release(Release, const ReleaseRequest&,
                                          const std::optional<Genesis>&,
                                          const crypto::DataKey* held);

 private:
  ReleasedKey(crypto::DataKey data_key, ContainerDigest digest, Lease lease, ModelChain chain)
      : data_key_(std::move(data_key)), digest_(digest), lease_(lease), chain_(std::move(chain)) {}
  crypto::DataKey data_key_;
  ContainerDigest digest_;
  Lease lease_;
  ModelChain chain_;
};

/// `held` is the DEK in hand when renewing; its key id must match the signed one.
/// Errors: Untrusted, naming what differs; Denied by the chain's own state.
Result<ReleasedKey> open_release(Release release, const ReleaseRequest& request,
                                 const std::optional<Genesis>& genesis,
                                 const crypto::DataKey* held);

/// A statement on its way to the key server; a Version statement carries its DEK.
struct Submission {
  SignedStatement statement;
  std::optional<crypto::DataKey> data_key;
};
SecretBuffer encode(const Submission& submission);
Result<Submission> parse_submission(ByteView body);

/// {"log_position":N,"statement":hex}: the statement is durably in the log.
struct Receipt {
  std::uint64_t log_position = 0;
  StatementHash statement;
};
Bytes encode(const Receipt& receipt);
Result<Receipt> parse_receipt(ByteView body);

/// {"error":CODE,"message":TEXT?,"request_id":hex}. Owners, whose session is authenticated, get the
/// explanation; other peers the code alone.
Bytes encode_refusal(ErrorCode code, std::string_view message, std::string_view request_id);
/// An HTTP answer that is no success, as an Error with the peer's code and request id. Reads the
/// error of the Open Inference Protocol too, {"error":TEXT}, which a worker answers.
Error parse_refusal(unsigned status, ByteView body);
/// 400 InvalidArgument and Malformed, 403 Denied and Untrusted, 404, 503, 500.
unsigned http_status(ErrorCode code);

}  // namespace torchkeep::keys
