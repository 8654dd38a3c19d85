#include <fstream>

#include <unistd.h>

#include "torchkeep/base/process.h"
#include "torchkeep/channel/collateral_check.h"
#include "torchkeep/cli/collateral_text.h"
#include "torchkeep/cli/session.h"

namespace torchkeep::cli {
namespace {

enum class State { Good, Notice, Bad };

struct Finding {
  State state;
  std::string what;
  std::string way_out;  ///< Empty if good.
};

std::string_view name_of(State state) {
  return state == State::Good ? "ok" : state == State::Notice ? "note" : "FAULT";
}

bool cpu_has(std::string_view flag) {
  std::ifstream info("/proc/cpuinfo");
  std::string line;
  while (std::getline(info, line)) {
    if (line.starts_with("flags")) return (line + " ").find(text(" ", flag, " ")) != line.npos;
  }
  return false;
}

Finding check_cpu() {
  if (!cpu_has("aes") || !cpu_has("pclmulqdq")) {
    return {State::Notice, "this CPU has no AES instructions",
            "decrypting models will be slow here"};
  }
  if (!cpu_has("avx2"))
    return {State::Notice, "this CPU has no AVX2", "inference will be slow here"};
  return {State::Good, text("CPU: AES", cpu_has("avx512f") ? ", AVX-512" : ", AVX2"), ""};
}

Finding check_platform() {
  if (tee::built_for_simulation()) {
    return {State::Notice,
            "these programs are built for the simulated platform: nothing is protected by hardware",
            "for production install the packages, which are built without TORCHKEEP_SIMULATION"};
  }
  if (access("/dev/attestation/quote", F_OK) == 0)
    return {State::Good, "inside an SGX enclave (Gramine)", ""};
  if (access("/dev/sgx_enclave", R_OK | W_OK) == 0)
    return {State::Good, "SGX is available: /dev/sgx_enclave", ""};
  return {
      State::Notice, "no SGX device on this machine",
      "an owner needs none; a serving node needs SGX enabled in the firmware and /dev/sgx_enclave"};
}

Finding check_core_dumps() {
  std::ifstream file("/proc/sys/kernel/core_pattern");
  std::string pattern;
  std::getline(file, pattern);
  if (pattern.starts_with("|")) {
    return {State::Notice, text("core dumps go to \"", pattern, "\""),
            "ours are switched off by each program; other processes' are not"};
  }
  return {State::Good, "core dumps of our programs are off", ""};
}

// What vouches for machines, as it is kept here for the days on which the PCCS is away. None of it
// is a fault: where the PCCS answers, it is fetched anew.
void check_collateral(const Verifier& verifier, TimePoint now, std::vector<Finding>& findings) {
  const channel::CollateralCache cache(verifier.collateral_cache);
  const auto keys = cache.list();
  if (!keys) {
    findings.push_back({State::Notice, keys.error().message, "see that the folder can be read"});
    return;
  }
  if (keys->empty()) {
    findings.push_back({State::Notice,
                        "no collateral is kept: evidence cannot be judged while the PCCS is away",
                        "torchkeep collateral fetch QUOTE"});
  }
  for (const attest::CollateralKey& key : *keys) {
    const auto cached = cache.find(key);
    std::string fault = cached ? "it is gone" : cached.error().message;
    if (cached && *cached) {
      const CollateralReport report = report_on((*cached)->collateral, key, verifier.roots, now);
      if (report.fault.empty()) {
        findings.push_back(
            {State::Good,
             channel::to_text(
                 channel::CollateralHealth{key, (*cached)->fetched, *report.valid_until, {}, ""},
                 now),
             ""});
        continue;
      }
      fault = report.fault;
    }
    findings.push_back({State::Notice,
                        text("collateral of ", channel::to_text(key), " serves no more: ", fault),
                        text("torchkeep collateral fetch --tee ", attest::name_of(key.tee),
                             " --fmspc ", encode_hex(key.fmspc), " --ca ", key.ca)});
  }
}

// Everything that needs the owner's folder; each step needs the one before.
std::vector<Finding> check_owner(const Invocation& invocation) {
  std::vector<Finding> findings;
  const auto folder = owner_folder(invocation);
  if (!folder) return {{State::Bad, folder.error().message, "give --owner-folder"}};
  const auto owner = client::load_owner(*folder);
  if (!owner) {
    const bool absent = owner.error().code == ErrorCode::NotFound;
    return {{absent ? State::Notice : State::Bad, owner.error().message,
             absent ? "torchkeep owner init --keyserver HOST:PORT"
                    : "repair or restore the owner's folder"}};
  }
  findings.push_back({State::Good, text("owner ", keys::hex(owner->public_key())), ""});
  const auto verifier = load_verifier(*folder, invocation.pccs);
  if (!verifier) {
    findings.push_back(
        {State::Bad, verifier.error().message, "torchkeep owner init again: keys are kept"});
    return findings;
  }
  if (!owner->key_server()) {
    findings.push_back(
        {State::Bad, "no key server is pinned", "torchkeep owner init --keyserver HOST:PORT"});
    return findings;
  }
  Desk desk(*verifier);
  const client::KeyServerPin& pin = *owner->key_server();
  const auto server = desk.wait(
      client::KeyServerClient::connect(pin.endpoint, desk.owner_party(owner->key()), pin.genesis));
  if (server) {
    findings.push_back(
        {State::Good,
         text("key server at ", pin.endpoint.text(), " attests itself, genesis as pinned"), ""});
  } else {
    findings.push_back({State::Bad, server.error().message,
                        "see that it runs, and that its address is the pinned one"});
  }
  check_collateral(*verifier, desk.clock().now(), findings);
  const auto models = owner->models();
  if (models)
    findings.push_back({State::Good, text(models->size(), " models in ", folder->string()), ""});
  return findings;
}

Result<void> examine(Invocation& invocation) {
  std::vector<Finding> findings = {check_cpu(), check_platform(), check_core_dumps()};
  for (Finding& finding : check_owner(invocation)) findings.push_back(std::move(finding));
  json::Json told = json::Json::array();
  std::size_t faults = 0;
  for (const Finding& finding : findings) {
    invocation.console.field(name_of(finding.state), finding.what);
    if (!finding.way_out.empty()) invocation.console.field("", "-> " + finding.way_out);
    told.push_back(
        {{"state", name_of(finding.state)}, {"what", finding.what}, {"way_out", finding.way_out}});
    faults += finding.state == State::Bad ? 1 : 0;
  }
  invocation.console.answer({{"faults", faults}, {"findings", std::move(told)}});
  if (faults != 0) invocation.status = exit_code(ErrorCode::Unavailable);
  return {};
}

}  // namespace

void add_doctor(Command app, Invocation& invocation) {
  const Command command =
      app.add_command("doctor", "Look for what would keep Torchkeep from working here");
  command.footer("Example: torchkeep doctor --json");
  command.callback(
      [&invocation] { invocation.run = [&invocation] { return examine(invocation); }; });
}

}  // namespace torchkeep::cli
