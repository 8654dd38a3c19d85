#include "torchkeep/attest/tcb_level.h"

#include <algorithm>
#include <array>
#include <utility>

#include "torchkeep/attest/internal/signed_json.h"

namespace torchkeep::attest {
namespace {

constexpr std::array<std::pair<TcbStatus, std::string_view>, 9> kNames = {{
    {TcbStatus::UpToDate, "UpToDate"},
    {TcbStatus::SWHardeningNeeded, "SWHardeningNeeded"},
    {TcbStatus::ConfigurationNeeded, "ConfigurationNeeded"},
    {TcbStatus::ConfigurationAndSWHardeningNeeded, "ConfigurationAndSWHardeningNeeded"},
    {TcbStatus::OutOfDate, "OutOfDate"},
    {TcbStatus::OutOfDateConfigurationNeeded, "OutOfDateConfigurationNeeded"},
    {TcbStatus::Revoked, "Revoked"},
    {TcbStatus::TDRelaunchAdvised, "TDRelaunchAdvised"},
    {TcbStatus::TDRelaunchAdvisedConfigurationNeeded, "TDRelaunchAdvisedConfigurationNeeded"},
}};

Result<EnclaveTcbLevel> parse_level(json::Element value, const std::string& what) {
  const auto reader = TRY(json::FieldReader::open(value, what));
  const json::Element tcb = TRY(reader.take_object("tcb"));
  const auto tcb_reader = TRY(json::FieldReader::open(tcb, what + ".tcb"));
  EnclaveTcbLevel level;
  level.isv_svn = static_cast<std::uint16_t>(TRY(take_bounded(tcb_reader, "isvsvn", 0xffff)));
  level.verdict = TRY(take_tcb_verdict(reader));
  const TcbStatus status = level.verdict.status;
  if (status != TcbStatus::UpToDate && status != TcbStatus::OutOfDate &&
      status != TcbStatus::Revoked) {
    return malformed(what, ": an enclave's level cannot be ", name_of(status));
  }
  return level;
}

}  // namespace

std::string_view name_of(TcbStatus status) {
  const auto found = std::find_if(kNames.begin(), kNames.end(),
                                  [&](const auto& entry) { return entry.first == status; });
  TORCHKEEP_CHECK(found != kNames.end());
  return found->second;
}

std::optional<TcbStatus> find_tcb_status(std::string_view name) {
  for (const auto& [status, known] : kNames) {
    if (known == name) return status;
  }
  return std::nullopt;
}

Result<TcbVerdict> take_tcb_verdict(const json::FieldReader& reader) {
  TcbVerdict out;
  out.date = TRY(take_time(reader, "tcbDate"));
  const std::string_view name = TRY(reader.take_string("tcbStatus"));
  const auto status = find_tcb_status(name);
  // Whether to start a trust domain anew is a verifier's conclusion, not a status of a level.
  if (!status || *status == TcbStatus::TDRelaunchAdvised ||
      *status == TcbStatus::TDRelaunchAdvisedConfigurationNeeded) {
    return malformed(reader.what(), ": unknown tcbStatus \"", name, "\"");
  }
  out.status = *status;
  out.advisories = TRY(find_strings(reader, "advisoryIDs"));
  return out;
}

Result<std::vector<EnclaveTcbLevel>> take_enclave_tcb_levels(const json::FieldReader& reader) {
  const auto array = TRY(reader.take_array("tcbLevels"));
  std::vector<EnclaveTcbLevel> levels;
  for (const json::Element value : array) {
    const std::string what = text(reader.what(), ".tcbLevels[", levels.size(), "]");
    levels.push_back(TRY(parse_level(value, what)));
  }
  if (levels.empty()) return malformed(reader.what(), ".tcbLevels is empty");
  std::stable_sort(levels.begin(), levels.end(), [](const auto& left, const auto& right) {
    return left.isv_svn > right.isv_svn;
  });
  return levels;
}

const EnclaveTcbLevel* find_level(const std::vector<EnclaveTcbLevel>& levels,
                                  std::uint16_t isv_svn) {
  const auto found = std::find_if(levels.begin(), levels.end(), [&](const EnclaveTcbLevel& level) {
    return level.isv_svn <= isv_svn;
  });
  return found == levels.end() ? nullptr : &*found;
}

TcbStatus converge(TcbStatus platform, TcbStatus part) {
  if (platform == TcbStatus::Revoked || part == TcbStatus::Revoked) return TcbStatus::Revoked;
  if (part != TcbStatus::OutOfDate) return platform;
  switch (platform) {
    case TcbStatus::UpToDate:
    case TcbStatus::SWHardeningNeeded:
    case TcbStatus::OutOfDate: return TcbStatus::OutOfDate;
    case TcbStatus::ConfigurationNeeded:
    case TcbStatus::ConfigurationAndSWHardeningNeeded:
    case TcbStatus::OutOfDateConfigurationNeeded: return TcbStatus::OutOfDateConfigurationNeeded;
    case TcbStatus::TDRelaunchAdvised:  // a conclusion: nothing converges into it
    case TcbStatus::TDRelaunchAdvisedConfigurationNeeded:
    case TcbStatus::Revoked: break;
  }
  return TcbStatus::Revoked;
}

}  // namespace torchkeep::attest
