#include <array>

#include "torchkeep/base/text.h"
#include "torchkeep/simulator/internal/parts.h"

// A machine's state, as bytes:
//   state    = "TKSM" 0x01 condition qe-id(16) fuses(32)
//              5 * key (root, platform CA, TCB signing, PCK, attestation)
//              4 * certificate (root, platform CA, TCB signing, PCK)
//   key      = LE32 size, PKCS #8 DER        certificate = LE32 size, DER
namespace torchkeep::simulator {
namespace {

constexpr ByteArray<5> kMagic{'T', 'K', 'S', 'M', 1};
constexpr std::size_t kFuseBytes = 32;

void append_sized(SecretBuffer& out, ByteView bytes) {
  Bytes size;
  append_le32(size, static_cast<std::uint32_t>(bytes.size()));
  append(out, size);
  append(out, bytes);
}

Result<ByteView> take_sized(ByteReader& reader, std::string_view field) {
  const std::uint32_t size = TRY(reader.take_le32(field));
  return reader.take(size, field);
}

Result<Condition> parse_condition(std::uint8_t value) {
  if (value > static_cast<std::uint8_t>(Condition::CollateralExpired)) {
    return malformed("unknown condition ", value);
  }
  return static_cast<Condition>(value);
}

Result<Identity> parse_identity(ByteView key_der, ByteView certificate_der) {
  auto key = TRY(crypto::EcdsaPrivateKey::from_der(key_der));
  auto certificate = TRY(crypto::Certificate::from_der(certificate_der));
  if (key.public_key_info() != certificate.public_key_info()) {
    return malformed("the key of \"", certificate.common_name(), "\" is not the certificate's");
  }
  return Identity{std::move(key), std::move(certificate)};
}

}  // namespace

SecretBytes Machine::encode() const {
  const Parts& parts = state_->parts;
  SecretBuffer out = to_secret_buffer(kMagic);
  out.push_back(static_cast<std::uint8_t>(state_->condition));
  append(out, parts.qe_id);
  append(out, parts.fuses.expose());
  const Identity* const identities[] = {&parts.root, &parts.platform_ca, &parts.tcb_signing,
                                        &parts.pck};
  for (const Identity* const identity : identities) {
    const SecretBytes der = identity->key.to_der();
    append_sized(out, der.expose());
  }
  const SecretBytes attestation_der = parts.attestation_key.to_der();
  append_sized(out, attestation_der.expose());
  for (const Identity* const identity : identities) append_sized(out, identity->certificate.der());
  return SecretBytes::copy_of(out);
}

Result<Machine> Machine::decode(ByteView bytes) {
  ByteReader reader(bytes);
  if (!equal(TRY(reader.take(kMagic.size(), "magic")), kMagic)) {
    return malformed("not the state of a simulated machine, or of another version");
  }
  const Condition condition = TRY(parse_condition(TRY(reader.take_u8("condition"))));
  const auto qe_id = TRY(reader.take_array<16>("QE id"));
  SecretBytes fuses = SecretBytes::copy_of(TRY(reader.take(kFuseBytes, "fuses")));
  std::array<ByteView, 5> keys;
  for (ByteView& key : keys) key = TRY(take_sized(reader, "key"));
  std::array<ByteView, 4> certificates;
  for (ByteView& certificate : certificates) certificate = TRY(take_sized(reader, "certificate"));
  if (!reader.empty()) return malformed("bytes behind the state of a simulated machine");
  auto root = TRY(parse_identity(keys[0], certificates[0]));
  auto platform_ca = TRY(parse_identity(keys[1], certificates[1]));
  auto tcb_signing = TRY(parse_identity(keys[2], certificates[2]));
  auto pck = TRY(parse_identity(keys[3], certificates[3]));
  auto attestation_key = TRY(crypto::EcdsaPrivateKey::from_der(keys[4]));
  return Machine(std::make_unique<State>(
      State{Parts{std::move(root), std::move(platform_ca), std::move(tcb_signing), std::move(pck),
                  std::move(attestation_key), qe_id, std::move(fuses)},
            condition}));
}

}  // namespace torchkeep::simulator
