#include "torchkeep/simtee/signing_key.h"

#include <cerrno>
#include <system_error>

#include <unistd.h>

#include "torchkeep/base/encoding.h"
#include "torchkeep/base/text.h"

namespace torchkeep::simtee {
namespace {

constexpr std::string_view kBegin = "-----BEGIN PRIVATE KEY-----\n";
constexpr std::string_view kEnd = "-----END PRIVATE KEY-----\n";
constexpr std::size_t kLineCharacters = 64;
constexpr std::size_t kMaxBytes = 4096;

/// Text that passes through a helper for public text is wiped behind it.
class Wiped {
 public:
  explicit Wiped(std::string& text) : text_(text) {}
  ~Wiped() {
    text_.resize(text_.capacity());
    wipe({reinterpret_cast<std::uint8_t*>(text_.data()), text_.size()});
  }
  Wiped(const Wiped&) = delete;
  Wiped& operator=(const Wiped&) = delete;

 private:
  std::string& text_;
};

SecretBuffer encode_private_pem(const crypto::EcdsaPrivateKey& key) {
  const SecretBytes der = key.to_der();
  std::string base64 = encode_base64(der.expose());
  const Wiped wiped(base64);
  SecretBuffer out;
  append(out, as_bytes(kBegin));
  for (std::string_view left = base64; !left.empty();) {
    const std::string_view line = left.substr(0, kLineCharacters);
    append(out, as_bytes(line));
    append(out, as_bytes("\n"));
    left.remove_prefix(line.size());
  }
  append(out, as_bytes(kEnd));
  return out;
}

Result<crypto::EcdsaPrivateKey> parse_private_pem(ByteView pem) {
  const std::string_view all = as_text(pem);
  if (!all.starts_with(kBegin) || !all.ends_with(kEnd) ||
      all.size() < kBegin.size() + kEnd.size()) {
    return malformed("not a private key in PEM (PKCS #8)");
  }
  std::string base64(all.substr(kBegin.size(), all.size() - kBegin.size() - kEnd.size()));
  const Wiped wiped(base64);
  std::erase(base64, '\n');
  Bytes der = TRY(decode_base64(base64));
  auto key = crypto::EcdsaPrivateKey::from_der(der);
  wipe(der);
  return key;
}

Result<crypto::EcdsaPrivateKey> load_signing_key(const Path& path) {
  const SecretBytes pem = TRY(load_secret_file(path, kMaxBytes));
  return parse_private_pem(pem.expose()).context(path.string());
}

/// Gives a new key its name only if nobody else has; the file is complete when it has its name.
Result<void> create_signing_key(const Path& path, crypto::Random& random) {
  const Path unnamed = path.string() + "." + encode_hex(random.array<8>());
  const SecretBuffer pem = encode_private_pem(crypto::EcdsaPrivateKey::generate());
  TRY(store_file(unnamed, pem, 0600));
  const int linked = ::link(unnamed.c_str(), path.c_str());
  const int cause = linked == 0 ? 0 : errno;
  ::unlink(unnamed.c_str());
  if (linked == 0 || cause == EEXIST) return {};
  return unavailable("making ", path.string(), ": ", std::generic_category().message(cause));
}

}  // namespace

Result<crypto::EcdsaPrivateKey> load_or_create_signing_key(const Path& path,
                                                           crypto::Random& random) {
  auto key = load_signing_key(path);
  if (key || key.error().code != ErrorCode::NotFound) return key;
  TRY(create_signing_key(path, random).context("signing key"));
  return load_signing_key(path);
}

}  // namespace torchkeep::simtee
