#pragma once

#include <array>

#include "torchkeep/attest/tcb_level.h"

/// TCB info: what Intel says of one family of platforms (one FMSPC). Parsing trusts nothing; the
/// signature is over `signed_bytes`.
/// Source: Intel PCS API v4, "Get TCB Info"; versions 2 and 3.
namespace torchkeep::attest {

inline constexpr std::size_t kTcbComponents = 16;
using ComponentSvns = ByteArray<kTcbComponents>;

enum class TcbInfoKind { Sgx, Tdx };

struct TcbLevel {
  ComponentSvns sgx_components{};
  std::optional<ComponentSvns> tdx_components = {};  ///< In every level of TDX, in none of SGX.
  std::uint16_t pce_svn = 0;
  TcbVerdict verdict;

  bool operator==(const TcbLevel&) const = default;
};

/// Which TDX module is the right one. `levels` is empty for the module of TDX 1.0.
struct TdxModule {
  std::string id;  ///< "TDX_01"; empty for the module of TDX 1.0.
  Digest384 mr_signer{};
  ByteArray<8> attributes{};
  ByteArray<8> attributes_mask{};
  std::vector<EnclaveTcbLevel> levels;
};

struct TcbInfo {
  Bytes signed_bytes;
  ByteArray<64> signature{};
  TcbInfoKind kind = TcbInfoKind::Sgx;
  std::uint64_t version = 0;
  TimePoint issue_date;
  TimePoint next_update;
  ByteArray<6> fmspc{};
  std::optional<ByteArray<2>> pce_id;
  std::uint64_t tcb_evaluation_data_number = 0;
  std::vector<TcbLevel> levels;  ///< Highest first, never empty.
  std::optional<TdxModule> tdx_module;
  std::vector<TdxModule> tdx_module_identities;
  /// What a component is, for people: "BIOS, Early Microcode Update"; empty if not said.
  std::array<std::string, kTcbComponents> sgx_component_names;
  std::array<std::string, kTcbComponents> tdx_component_names;
};

/// Unknown fields inside are passed over, since Intel adds some. Errors: Malformed, with the field.
Result<TcbInfo> parse_tcb_info(ByteView document);

}  // namespace torchkeep::attest
