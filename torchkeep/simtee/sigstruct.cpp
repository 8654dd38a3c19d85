#include "torchkeep/simtee/sigstruct.h"

#include "torchkeep/base/encoding.h"
#include "torchkeep/base/text.h"
#include "torchkeep/crypto/digest.h"

namespace torchkeep::simtee {
namespace {

constexpr std::string_view kMeasurementLabel = "torchkeep/simulated/mrenclave/v1";
constexpr std::string_view kMagic = "TKSIGST1";
constexpr std::size_t kPieceBytes = std::size_t{1} << 20;

constexpr std::uint8_t kInitialised = 0x01;
constexpr std::uint8_t kDebug = 0x02;
constexpr std::uint8_t kMode64Bit = 0x04;
constexpr std::uint8_t kX87AndSse = 0x03;

}  // namespace

Result<Digest256> measure_file(const Path& program) {
  FileSource file = TRY(FileSource::open(program));
  crypto::Sha256 hash;
  hash.update(as_bytes(kMeasurementLabel));
  Bytes piece(kPieceBytes);
  for (std::uint64_t left = file.size(); left > 0;) {
    const auto now = static_cast<std::size_t>(std::min<std::uint64_t>(left, piece.size()));
    const MutableByteView into = MutableByteView(piece).first(now);
    TRY(file.read_exactly(into));
    hash.update(into);
    left -= now;
  }
  return std::move(hash).finish();
}

attest::SgxEnclave describe(const Digest256& mr_enclave, std::uint16_t isv_prod_id,
                            std::uint16_t isv_svn, bool debug) {
  attest::SgxEnclave enclave;
  enclave.mr_enclave = mr_enclave;
  enclave.isv_prod_id = isv_prod_id;
  enclave.isv_svn = isv_svn;
  enclave.attributes[0] = kInitialised | kMode64Bit;
  if (debug) enclave.attributes[0] |= kDebug;
  enclave.attributes[8] = kX87AndSse;
  return enclave;
}

// sigstruct := "TKSIGST1" || mr_enclave 32 || attributes 16 || misc_select LE32 || isv_prod_id LE16
//              || isv_svn LE16 || signer 64 (x || y) || signature 64 (r || s, over all before it)
Bytes make_sigstruct(const attest::SgxEnclave& enclave, const crypto::EcdsaPrivateKey& signer) {
  Bytes out = to_bytes(as_bytes(kMagic));
  append(out, enclave.mr_enclave);
  append(out, enclave.attributes);
  append_le32(out, enclave.misc_select);
  append_le16(out, enclave.isv_prod_id);
  append_le16(out, enclave.isv_svn);
  append(out, signer.public_point());
  append(out, signer.sign(out));
  return out;
}

Result<attest::SgxEnclave> verify_sigstruct(ByteView bytes) {
  ByteReader reader(bytes);
  if (!equal(TRY(reader.take(kMagic.size(), "magic")), as_bytes(kMagic))) {
    return malformed("not a signed description of an enclave");
  }
  attest::SgxEnclave enclave;
  enclave.mr_enclave = TRY(reader.take_array<32>("MRENCLAVE"));
  enclave.attributes = TRY(reader.take_array<16>("ATTRIBUTES"));
  enclave.misc_select = TRY(reader.take_le32("MISCSELECT"));
  enclave.isv_prod_id = TRY(reader.take_le16("ISVPRODID"));
  enclave.isv_svn = TRY(reader.take_le16("ISVSVN"));
  const ByteView signer = TRY(reader.take(64, "signer"));
  const ByteView signed_bytes = bytes.first(bytes.size() - reader.rest().size());
  const ByteView signature = TRY(reader.take(64, "signature"));
  if (!reader.empty()) return malformed("bytes behind a signed description");
  TRY(crypto::verify_p256(signer, signed_bytes, signature));
  enclave.mr_signer = crypto::sha256(signer);

  const attest::SgxEnclave usual =
      describe(enclave.mr_enclave, enclave.isv_prod_id, enclave.isv_svn, enclave.debug());
  if (enclave.attributes != usual.attributes || enclave.misc_select != usual.misc_select) {
    return untrusted("this machine gives no enclave the attributes ",
                     encode_hex(enclave.attributes), ", it gives ", encode_hex(usual.attributes));
  }
  return enclave;
}

Path sigstruct_of(const Path& program) { return program.string() + ".sigstruct"; }

Result<attest::SgxEnclave> load_sigstruct(const Path& program) {
  const Path path = sigstruct_of(program);
  const auto bytes = load_file(path, kSigstructBytes);
  if (!bytes && bytes.error().code == ErrorCode::NotFound) {
    return not_found(program.string(), " has no signed description ", path.filename().string(),
                     " beside it; make one with \"torchkeep-simtee sign\"");
  }
  if (!bytes) return bytes.error();
  return verify_sigstruct(*bytes).context(path.string());
}

Result<void> check_measured(const Path& program, const Digest256& measured,
                            const attest::SgxEnclave& described) {
  if (measured == described.mr_enclave) return {};
  return untrusted(program.string(),
                   " is not what its signed description is about: found MRENCLAVE ",
                   encode_hex(measured), ", wanted ", encode_hex(described.mr_enclave),
                   "; bring back the program that was signed, or sign this one");
}

}  // namespace torchkeep::simtee
