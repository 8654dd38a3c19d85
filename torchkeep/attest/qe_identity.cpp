#include "torchkeep/attest/qe_identity.h"

#include "torchkeep/attest/internal/signed_json.h"
#include "torchkeep/base/encoding.h"

namespace torchkeep::attest {
namespace {

using json::FieldReader;

Result<QeKind> take_kind(const FieldReader& reader) {
  const std::string_view id = TRY(reader.take_string("id"));
  if (id == "QE") return QeKind::Qe;
  if (id == "TD_QE") return QeKind::TdQe;
  return malformed("enclaveIdentity.id \"", id, "\" is neither QE nor TD_QE");
}

// The digits stand in the order of the structure's bytes, which is little-endian.
Result<std::uint32_t> take_hex_le32(const FieldReader& reader, std::string_view field) {
  const auto bytes = TRY(take_hex<4>(reader, field));
  return load_le32(bytes);
}

}  // namespace

std::string_view name_of(QeKind kind) { return kind == QeKind::Qe ? "QE" : "TD_QE"; }

Result<QeIdentity> parse_qe_identity(ByteView document) {
  SignedJson signed_json = TRY(parse_signed_json(document, "enclaveIdentity"));
  const auto reader = TRY(FieldReader::open(signed_json.content, "enclaveIdentity"));
  QeIdentity identity;
  identity.signed_bytes = std::move(signed_json.signed_bytes);
  identity.signature = signed_json.signature;
  const std::uint64_t version = TRY(reader.take_unsigned("version"));
  if (version != 2) {
    return malformed("enclaveIdentity version ", version, " is not supported; 2 is");
  }
  identity.kind = TRY(take_kind(reader));
  identity.issue_date = TRY(take_time(reader, "issueDate"));
  identity.next_update = TRY(take_time(reader, "nextUpdate"));
  identity.tcb_evaluation_data_number = TRY(reader.take_unsigned("tcbEvaluationDataNumber"));
  identity.misc_select = TRY(take_hex_le32(reader, "miscselect"));
  identity.misc_select_mask = TRY(take_hex_le32(reader, "miscselectMask"));
  identity.attributes = TRY(take_hex<16>(reader, "attributes"));
  identity.attributes_mask = TRY(take_hex<16>(reader, "attributesMask"));
  identity.mr_signer = TRY(take_hex<32>(reader, "mrsigner"));
  identity.isv_prod_id = static_cast<std::uint16_t>(TRY(take_bounded(reader, "isvprodid", 0xffff)));
  identity.levels = TRY(take_enclave_tcb_levels(reader));
  return identity;
}

Result<void> check_qe_report(const SgxReport& report, const QeIdentity& identity) {
  if (report.mr_signer != identity.mr_signer) {
    return untrusted("MRSIGNER: found ", encode_hex(report.mr_signer), ", wanted ",
                     encode_hex(identity.mr_signer));
  }
  if (report.isv_prod_id != identity.isv_prod_id) {
    return untrusted("ISVPRODID: found ", report.isv_prod_id, ", wanted ", identity.isv_prod_id);
  }
  if ((report.misc_select & identity.misc_select_mask) != identity.misc_select) {
    return untrusted("MISCSELECT: found ", report.misc_select, ", wanted ", identity.misc_select,
                     " under the mask ", identity.misc_select_mask);
  }
  for (std::size_t i = 0; i < report.attributes.size(); ++i) {
    if ((report.attributes[i] & identity.attributes_mask[i]) == identity.attributes[i]) continue;
    return untrusted("ATTRIBUTES: found ", encode_hex(report.attributes), ", wanted ",
                     encode_hex(identity.attributes), " under the mask ",
                     encode_hex(identity.attributes_mask));
  }
  if (report.debug()) return untrusted("ATTRIBUTES: it runs in debug mode, its key is open");
  return {};
}

}  // namespace torchkeep::attest
