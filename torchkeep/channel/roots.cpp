#include "torchkeep/channel/roots.h"

#include "torchkeep/base/text.h"
#include "torchkeep/crypto/x509.h"
#include "torchkeep/tee/platform.h"

namespace torchkeep::channel {
namespace {

constexpr std::size_t kMaxBytes = 64 * 1024;

}  // namespace

Result<std::vector<attest::RootKey>> load_roots(const Path& pem_file) {
  if (pem_file.empty()) {
    if (tee::built_for_simulation()) {
      return invalid_argument(
          "a simulated platform has its own root: give it with --root FILE.pem");
    }
    return std::vector{attest::intel_root_key()};
  }
  const Bytes pem = TRY(load_file(pem_file, kMaxBytes));
  const auto chain = TRY(crypto::parse_pem_chain(pem).context(pem_file.string()));
  std::vector<attest::RootKey> roots;
  for (const crypto::Certificate& certificate : chain) {
    roots.push_back(TRY(certificate.p256_point().context(pem_file.string())));
  }
  return roots;
}

}  // namespace torchkeep::channel
