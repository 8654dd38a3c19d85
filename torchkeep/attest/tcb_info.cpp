#include "torchkeep/attest/tcb_info.h"

#include <algorithm>
#include <tuple>

#include "torchkeep/attest/internal/signed_json.h"
#include "torchkeep/base/encoding.h"

namespace torchkeep::attest {
namespace {

using json::Element;
using json::FieldReader;
using Names = std::array<std::string, kTcbComponents>;

constexpr std::uint64_t kMaxSvn = 0xff;

struct Component {
  std::uint8_t svn;
  std::string name;
};

// {"svn", "category"?, "type"?}. There are hundreds in a document: where one stands is only spelt
// out if it is refused.
Result<Component> parse_component(Element value) {
  const auto reader = TRY(FieldReader::open(value, "component"));
  const auto svn = static_cast<std::uint8_t>(TRY(take_bounded(reader, "svn", kMaxSvn)));
  const auto category = TRY(reader.find_string("category"));
  const auto type = TRY(reader.find_string("type"));
  if (category && type) return Component{svn, text(*category, ", ", *type)};
  return Component{svn, std::string(category ? *category : type.value_or(""))};
}

// Version 3: an array of components.
Result<ComponentSvns> take_component_array(const FieldReader& tcb, std::string_view field,
                                           Names& names) {
  const auto array = TRY(tcb.take_array(field));
  if (array.size() != kTcbComponents) {
    return malformed(tcb.what(), ".", field, " has ", array.size(), " components, not ",
                     kTcbComponents);
  }
  ComponentSvns svns{};
  for (std::size_t i = 0; i < kTcbComponents; ++i) {
    auto component = parse_component(array[i]);
    if (!component) {
      return Error(component.error()).context(text(tcb.what(), ".", field, "[", i, "]"));
    }
    svns[i] = component->svn;
    if (names[i].empty()) names[i] = std::move(component->name);
  }
  return svns;
}

// Version 2: sgxtcbcomp01svn to sgxtcbcomp16svn.
Result<ComponentSvns> take_component_fields(const FieldReader& tcb) {
  ComponentSvns svns{};
  for (std::size_t i = 0; i < kTcbComponents; ++i) {
    const std::string field = text("sgxtcbcomp", i + 1 < 10 ? "0" : "", i + 1, "svn");
    svns[i] = static_cast<std::uint8_t>(TRY(take_bounded(tcb, field, kMaxSvn)));
  }
  return svns;
}

Result<TcbLevel> parse_level(Element value, const std::string& what, TcbInfo& info) {
  const auto reader = TRY(FieldReader::open(value, what));
  const Element tcb_value = TRY(reader.take_object("tcb"));
  const auto tcb = TRY(FieldReader::open(tcb_value, what + ".tcb"));
  TcbLevel level;
  if (info.version == 2) {
    level.sgx_components = TRY(take_component_fields(tcb));
  } else {
    level.sgx_components =
        TRY(take_component_array(tcb, "sgxtcbcomponents", info.sgx_component_names));
  }
  if (info.kind == TcbInfoKind::Tdx) {
    level.tdx_components =
        TRY(take_component_array(tcb, "tdxtcbcomponents", info.tdx_component_names));
  }
  level.pce_svn = static_cast<std::uint16_t>(TRY(take_bounded(tcb, "pcesvn", 0xffff)));
  level.verdict = TRY(take_tcb_verdict(reader));
  return level;
}

Result<void> take_levels(const FieldReader& reader, TcbInfo& info) {
  const auto array = TRY(reader.take_array("tcbLevels"));
  for (const Element value : array) {
    const std::string what = text("tcbInfo.tcbLevels[", info.levels.size(), "]");
    info.levels.push_back(TRY(parse_level(value, what, info)));
  }
  if (info.levels.empty()) return malformed("tcbInfo.tcbLevels is empty");
  // The first level that fits counts, so the order must not be the server's choice.
  std::stable_sort(info.levels.begin(), info.levels.end(),
                   [](const TcbLevel& left, const TcbLevel& right) {
                     return std::tie(left.sgx_components, left.tdx_components, left.pce_svn) >
                            std::tie(right.sgx_components, right.tdx_components, right.pce_svn);
                   });
  return {};
}

Result<TdxModule> parse_module(Element value, const std::string& what, bool with_levels) {
  const auto reader = TRY(FieldReader::open(value, what));
  TdxModule module;
  module.mr_signer = TRY(take_hex<48>(reader, "mrsigner"));
  module.attributes = TRY(take_hex<8>(reader, "attributes"));
  module.attributes_mask = TRY(take_hex<8>(reader, "attributesMask"));
  if (with_levels) {
    module.id = std::string(TRY(reader.take_string("id")));
    module.levels = TRY(take_enclave_tcb_levels(reader));
  }
  return module;
}

Result<void> take_modules(const FieldReader& reader, TcbInfo& info) {
  const Element module = TRY(reader.take_object("tdxModule"));
  info.tdx_module = TRY(parse_module(module, "tcbInfo.tdxModule", false));
  if (!reader.has("tdxModuleIdentities")) return {};
  const auto identities = TRY(reader.take_array("tdxModuleIdentities"));
  for (Element value : identities) {
    const std::string what =
        text("tcbInfo.tdxModuleIdentities[", info.tdx_module_identities.size(), "]");
    TdxModule identity = TRY(parse_module(value, what, true));
    for (const TdxModule& earlier : info.tdx_module_identities) {
      if (earlier.id == identity.id) return malformed(what, ": id ", identity.id, " again");
    }
    info.tdx_module_identities.push_back(std::move(identity));
  }
  return {};
}

Result<TcbInfoKind> take_kind(const FieldReader& reader, std::uint64_t version) {
  if (version == 2) {
    if (reader.has("id")) return malformed("tcbInfo of version 2 has no field \"id\"");
    return TcbInfoKind::Sgx;
  }
  if (version != 3) return malformed("tcbInfo version ", version, " is not supported; 2 and 3 are");
  const std::string_view id = TRY(reader.take_string("id"));
  if (id == "SGX") return TcbInfoKind::Sgx;
  if (id == "TDX") return TcbInfoKind::Tdx;
  return malformed("tcbInfo.id \"", id, "\" is neither SGX nor TDX");
}

}  // namespace

Result<TcbInfo> parse_tcb_info(ByteView document) {
  SignedJson signed_json = TRY(parse_signed_json(document, "tcbInfo"));
  const auto reader = TRY(FieldReader::open(signed_json.content, "tcbInfo"));
  TcbInfo info;
  info.signed_bytes = std::move(signed_json.signed_bytes);
  info.signature = signed_json.signature;
  info.version = TRY(reader.take_unsigned("version"));
  info.kind = TRY(take_kind(reader, info.version));
  info.issue_date = TRY(take_time(reader, "issueDate"));
  info.next_update = TRY(take_time(reader, "nextUpdate"));
  info.fmspc = TRY(take_hex<6>(reader, "fmspc"));
  if (reader.has("pceId")) info.pce_id = TRY(take_hex<2>(reader, "pceId"));
  TRY(take_bounded(reader, "tcbType", 0));  // 0: compared component by component; others unknown
  info.tcb_evaluation_data_number = TRY(reader.take_unsigned("tcbEvaluationDataNumber"));
  if (info.kind == TcbInfoKind::Tdx) TRY(take_modules(reader, info));
  TRY(take_levels(reader, info));
  return info;
}

}  // namespace torchkeep::attest
