#pragma once

#include "torchkeep/attest/appraise.h"
#include "torchkeep/attest/verify.h"

#include "tests/attest/forger.h"

/// What the tests of policies share.
namespace torchkeep::attest::testing {

/// A machine, an enclave on it, and a policy that it fits.
struct Case {
  Forger machine;
  PlatformRequirement platform;
  std::vector<EnclaveRequirement> workers;
  std::vector<TrustDomainRequirement> domains;
  TdReport td;  ///< What runs there after `start_trust_domain`.
  TimePoint now = kNow;
  bool root_listed = true;

  Case() {
    platform.simulated = true;
    platform.tcb_statuses = {TcbStatus::UpToDate};
    platform.any_platform = true;
    EnclaveRequirement worker;
    worker.mr_enclaves.emplace_back().fill(1);
    workers = {worker};
  }

  Claims verify() {
    const testing::Evidence evidence = machine.make();
    return verify_quote(evidence.quote, evidence.collateral, {&evidence.root, 1}, kNow).value();
  }
  std::vector<HolderRequirement> holders() const {
    std::vector<HolderRequirement> out(workers.begin(), workers.end());
    out.insert(out.end(), domains.begin(), domains.end());
    return out;
  }
  std::vector<Clause> examine() {
    const Claims claims = verify();
    platform.roots = {claims.root_key_hash()};
    return attest::examine(claims, platform, holders(), "workers", now);
  }

  /// In place of the enclave, with a requirement that it fits, by quotes of this version.
  void start_trust_domain(std::uint16_t version) {
    machine.start_trust_domain(version, td);
    workers.clear();
    domains = {{.mr_td = td.mr_td, .rtmrs = td.rtmrs, .td_attributes = td.td_attributes}};
  }

  Result<void> appraise() {
    const testing::Evidence evidence = machine.make();
    const Digest256 root = crypto::sha256(evidence.root);
    platform.roots = {root_listed ? root : Digest256{}};
    const auto claims =
        verify_quote(evidence.quote, evidence.collateral, {&evidence.root, 1}, kNow);
    return attest::appraise(claims.value(), platform, holders(), "workers", now);
  }

  EnclaveRequirement& name_by_signer() {
    workers[0].mr_enclaves.clear();
    workers[0].mr_signer.emplace().fill(2);
    workers[0].isv_prod_id = 7;
    workers[0].min_isv_svn = 3;
    machine.report.isv_prod_id = 7;
    machine.report.isv_svn = 3;
    return workers[0];
  }
  void make_out_of_date() {
    machine.tcb_info["tcbLevels"] = {testing::tcb_level(6, 13, "UpToDate"),
                                     testing::tcb_level(5, 13, "OutOfDate", {"INTEL-SA-00615"})};
  }
};

}  // namespace torchkeep::attest::testing
