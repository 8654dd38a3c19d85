#include "torchkeep/attest/pck_extension.h"

#include <algorithm>
#include <array>

#include "torchkeep/attest/internal/der.h"
#include "torchkeep/base/text.h"

namespace torchkeep::attest {
namespace {

// 1.2.840.113741.1.13.1; every item's OID is this and one number more.
constexpr ByteArray<9> kOid = {0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01};

enum Item : std::uint8_t {
  kPpid = 1,
  kTcb = 2,
  kPceId = 3,
  kFmspc = 4,
  kSgxType = 5,
  kPlatformInstanceId = 6,
  kConfiguration = 7,
};
constexpr std::uint8_t kItems = 7;
constexpr std::uint8_t kPceSvn = 17;  // in kTcb, after the components 1 to 16
constexpr std::uint8_t kCpuSvn = 18;
constexpr std::uint8_t kTcbItems = 18;
constexpr std::uint8_t kConfigurationItems = 3;

/// The values, tag included, of one SEQUENCE of items; index 0 is not used.
using Items = std::array<std::optional<ByteView>, kTcbItems + 1>;

Bytes oid_of(ByteView prefix, std::uint8_t number) {
  Bytes oid = to_bytes(prefix);
  oid.push_back(number);
  return oid;
}

// items := SEQUENCE OF SEQUENCE { OBJECT IDENTIFIER prefix.number, value }
Result<Items> parse_items(ByteView sequence, ByteView prefix, std::uint8_t count,
                          std::string_view what) {
  Items items;
  der::Reader reader(sequence);
  while (!reader.empty()) {
    const ByteView pair = TRY(reader.take(der::kSequence, what));
    der::Reader fields(pair);
    const ByteView oid = TRY(fields.take(der::kObjectId, what));
    if (oid.size() != prefix.size() + 1 || !equal(oid.first(prefix.size()), prefix)) continue;
    const std::uint8_t number = oid.back();
    if (number == 0 || number > count) continue;
    if (items[number]) return malformed(what, ": item ", unsigned{number}, " stands there twice");
    items[number] = pair.subspan(2 + oid.size());  // tag and length, a byte each
  }
  return items;
}

Result<ByteView> take_content(const std::optional<ByteView>& item, std::uint8_t tag,
                              std::string_view field) {
  if (!item) return malformed(field, " is missing");
  der::Reader reader(*item);
  const ByteView content = TRY(reader.take(tag, field));
  if (!reader.empty()) return malformed(field, ": bytes behind its value");
  return content;
}

template <std::size_t N>
Result<ByteArray<N>> take_octets(const std::optional<ByteView>& item, std::string_view field) {
  const ByteView content = TRY(take_content(item, der::kOctetString, field));
  return to_array<N>(content).context(field);
}

Result<bool> find_flag(const std::optional<ByteView>& item, std::string_view field) {
  if (!item) return false;
  const ByteView content = TRY(take_content(item, der::kBoolean, field));
  if (content.size() != 1 || (content[0] != 0 && content[0] != 0xff)) {
    return malformed(field, " is no DER BOOLEAN");
  }
  return content[0] != 0;
}

Result<void> parse_tcb(ByteView sequence, PckExtension& out) {
  const Bytes prefix = oid_of(kOid, kTcb);
  const Items items = TRY(parse_items(sequence, prefix, kTcbItems, "TCB"));
  for (std::uint8_t i = 0; i < out.components.size(); ++i) {
    const std::string field = text("TCB component ", i + 1);
    const ByteView content = TRY(take_content(items[i + 1u], der::kInteger, field));
    out.components[i] = static_cast<std::uint8_t>(TRY(der::parse_number(content, 0xff, field)));
  }
  const ByteView pce_svn = TRY(take_content(items[kPceSvn], der::kInteger, "PCESVN"));
  out.pce_svn = TRY(der::parse_number(pce_svn, 0xffff, "PCESVN"));
  out.cpu_svn = TRY(take_octets<16>(items[kCpuSvn], "CPUSVN"));
  return {};
}

Result<PckExtension::Configuration> parse_configuration(ByteView sequence) {
  const Bytes prefix = oid_of(kOid, kConfiguration);
  const Items items = TRY(parse_items(sequence, prefix, kConfigurationItems, "configuration"));
  PckExtension::Configuration out;
  out.dynamic_platform = TRY(find_flag(items[1], "dynamic platform"));
  out.cached_keys = TRY(find_flag(items[2], "cached keys"));
  out.smt_enabled = TRY(find_flag(items[3], "SMT enabled"));
  return out;
}

Bytes encode_item(ByteView prefix, std::uint8_t number, ByteView value) {
  Bytes pair = der::encode_value(der::kObjectId, oid_of(prefix, number));
  append(pair, value);
  return der::encode_value(der::kSequence, pair);
}

Bytes encode_octets(ByteView bytes) { return der::encode_value(der::kOctetString, bytes); }

Bytes encode_tcb(const PckExtension& extension) {
  const Bytes prefix = oid_of(kOid, kTcb);
  Bytes out;
  std::uint8_t number = 0;
  for (const std::uint8_t svn : extension.components) {
    append(out, encode_item(prefix, ++number, der::encode_number(der::kInteger, svn)));
  }
  append(out, encode_item(prefix, kPceSvn, der::encode_number(der::kInteger, extension.pce_svn)));
  append(out, encode_item(prefix, kCpuSvn, encode_octets(extension.cpu_svn)));
  return der::encode_value(der::kSequence, out);
}

Bytes encode_configuration(const PckExtension::Configuration& configuration) {
  const Bytes prefix = oid_of(kOid, kConfiguration);
  Bytes out;
  std::uint8_t number = 0;
  for (const bool flag :
       {configuration.dynamic_platform, configuration.cached_keys, configuration.smt_enabled}) {
    const ByteArray<1> content = {static_cast<std::uint8_t>(flag ? 0xff : 0)};
    append(out, encode_item(prefix, ++number, der::encode_value(der::kBoolean, content)));
  }
  return der::encode_value(der::kSequence, out);
}

}  // namespace

Bytes encode(const PckExtension& extension) {
  Bytes out;
  append(out, encode_item(kOid, kPpid, encode_octets(extension.ppid)));
  append(out, encode_item(kOid, kTcb, encode_tcb(extension)));
  append(out, encode_item(kOid, kPceId, encode_octets(extension.pce_id)));
  append(out, encode_item(kOid, kFmspc, encode_octets(extension.fmspc)));
  append(out,
         encode_item(kOid, kSgxType, der::encode_number(der::kEnumerated, extension.sgx_type)));
  if (extension.platform_instance_id) {
    append(out,
           encode_item(kOid, kPlatformInstanceId, encode_octets(*extension.platform_instance_id)));
  }
  if (extension.configuration) {
    append(out, encode_item(kOid, kConfiguration, encode_configuration(*extension.configuration)));
  }
  return der::encode_value(der::kSequence, out);
}

Result<PckExtension> parse_pck_extension(ByteView bytes) {
  der::Reader reader(bytes);
  const ByteView sequence = TRY(reader.take(der::kSequence, "SGX extension"));
  if (!reader.empty()) return malformed("bytes behind the SGX extension");
  const Items items = TRY(parse_items(sequence, kOid, kItems, "SGX extension"));

  PckExtension out;
  out.ppid = TRY(take_octets<16>(items[kPpid], "PPID"));
  const ByteView tcb = TRY(take_content(items[kTcb], der::kSequence, "TCB"));
  TRY(parse_tcb(tcb, out));
  out.pce_id = TRY(take_octets<2>(items[kPceId], "PCEID"));
  out.fmspc = TRY(take_octets<6>(items[kFmspc], "FMSPC"));
  const ByteView type = TRY(take_content(items[kSgxType], der::kEnumerated, "SGX type"));
  out.sgx_type = TRY(der::parse_number(type, 0xff, "SGX type"));
  if (items[kPlatformInstanceId]) {
    out.platform_instance_id =
        TRY(take_octets<16>(items[kPlatformInstanceId], "platform instance id"));
  }
  if (items[kConfiguration]) {
    const ByteView configuration =
        TRY(take_content(items[kConfiguration], der::kSequence, "configuration"));
    out.configuration = TRY(parse_configuration(configuration));
  }
  return out;
}

}  // namespace torchkeep::attest
