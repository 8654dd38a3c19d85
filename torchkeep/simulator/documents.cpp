#include <algorithm>
#include <cctype>

#include <nlohmann/json.hpp>

#include "torchkeep/base/encoding.h"
#include "torchkeep/base/text.h"
#include "torchkeep/crypto/digest.h"
#include "torchkeep/simulator/internal/parts.h"

namespace torchkeep::simulator {
namespace {

using OrderedJson = nlohmann::ordered_json;  // fields in Intel's order

constexpr std::string_view kTcbDate = "2025-05-14T00:00:00Z";
constexpr std::string_view kOldTcbDate = "2023-11-15T00:00:00Z";
constexpr std::string_view kAdvisory = "INTEL-SA-00001-SIMULATED";

std::string upper_hex(ByteView bytes) {
  std::string out = encode_hex(bytes);
  std::ranges::transform(out, out.begin(), [](unsigned char c) { return std::toupper(c); });
  return out;
}

/// The signature is over the very bytes that stand between the name and the comma.
Bytes sign_document(std::string_view name, const OrderedJson& content,
                    const crypto::EcdsaPrivateKey& key) {
  const std::string signed_text = content.dump();
  const std::string signature = encode_hex(key.sign(as_bytes(signed_text)));
  return to_bytes(
      as_bytes(text("{\"", name, "\":", signed_text, ",\"signature\":\"", signature, "\"}")));
}

/// The level of a machine whose first two components are `step` above (or below) this machine's.
OrderedJson tcb_level(int step, std::string_view date, std::string_view status) {
  OrderedJson components = OrderedJson::array();
  for (std::size_t i = 0; i < kComponentSvns.size(); ++i) {
    components.push_back({{"svn", kComponentSvns[i] + (i < 2 ? step : 0)}});
  }
  OrderedJson level{{"tcb", {{"sgxtcbcomponents", components}, {"pcesvn", kPceSvn}}},
                    {"tcbDate", date},
                    {"tcbStatus", status}};
  if (status == "OutOfDate") level["advisoryIDs"] = OrderedJson::array({kAdvisory});
  return level;
}

}  // namespace

Digest256 qe_signer() {
  return crypto::sha256(as_bytes("torchkeep/simulated/quoting enclave signer"));
}

Bytes make_tcb_info(const Parts& parts, Condition condition, const Validity& validity) {
  // Out of date is what a machine becomes when Intel publishes a higher level; it does not change.
  const int newest = condition == Condition::TcbOutOfDate ? 1 : 0;
  const OrderedJson content{
      {"id", "SGX"},
      {"version", 3},
      {"issueDate", format_rfc3339(validity.issued)},
      {"nextUpdate", format_rfc3339(validity.next_update)},
      {"fmspc", upper_hex(kFmspc)},
      {"pceId", upper_hex(kPceId)},
      {"tcbType", 0},
      {"tcbEvaluationDataNumber", kTcbEvaluationDataNumber},
      {"tcbLevels", OrderedJson::array({tcb_level(newest, kTcbDate, "UpToDate"),
                                        tcb_level(newest - 1, kOldTcbDate, "OutOfDate")})}};
  return sign_document("tcbInfo", content, parts.tcb_signing.key);
}

Bytes make_qe_identity(const Parts& parts, const Validity& validity) {
  const auto level = [](std::uint16_t svn, std::string_view date, std::string_view status) {
    return OrderedJson{{"tcb", {{"isvsvn", svn}}}, {"tcbDate", date}, {"tcbStatus", status}};
  };
  OrderedJson old_level = level(kQeSvn - 2, kOldTcbDate, "OutOfDate");
  old_level["advisoryIDs"] = OrderedJson::array({kAdvisory});
  const OrderedJson content{
      {"id", "QE"},
      {"version", 2},
      {"issueDate", format_rfc3339(validity.issued)},
      {"nextUpdate", format_rfc3339(validity.next_update)},
      {"tcbEvaluationDataNumber", kTcbEvaluationDataNumber},
      {"miscselect", "00000000"},
      {"miscselectMask", "FFFFFFFF"},
      {"attributes", upper_hex(kQeMaskedAttributes)},
      {"attributesMask", "FBFFFFFFFFFFFFFF0000000000000000"},
      {"mrsigner", upper_hex(qe_signer())},
      {"isvprodid", kQeProduct},
      {"tcbLevels", OrderedJson::array({level(kQeSvn, kTcbDate, "UpToDate"), old_level})}};
  return sign_document("enclaveIdentity", content, parts.tcb_signing.key);
}

}  // namespace torchkeep::simulator
