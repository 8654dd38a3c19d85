#include "torchkeep/keys/policy.h"

#include "torchkeep/cli/commands/judging_options.h"
#include "torchkeep/cli/evidence_text.h"
#include "torchkeep/cli/session.h"
#include "torchkeep/crypto/digest.h"

namespace torchkeep::cli {
namespace {

constexpr std::size_t kMaxQuoteBytes = 256 * 1024;

struct Options {
  std::vector<std::string> keyservers, caches, workers;  ///< MRENCLAVEs in hex, files of quotes.
  std::string attributes, attributes_mask;
  Path out;
  std::uint64_t lease_seconds = 3600;
  std::uint64_t lease_requests = 0;
  std::uint64_t offline_grace_seconds = 0;
  bool any_client = false;
  bool any_platform = false;
  std::vector<std::string> platforms;
  std::vector<std::string> statuses = {"UpToDate", "SWHardeningNeeded"};
};

/// From a quote that a holder has made, as it says of itself: the owner decides whether that is so.
Result<attest::HolderRequirement> requirement_of_quote(const std::string& file,
                                                       std::string_view option) {
  const auto quote = load_file(file, kMaxQuoteBytes);
  if (!quote && quote.error().code == ErrorCode::NotFound) {
    return invalid_argument(option, " ", file,
                            ": it is neither an MRENCLAVE (64 hex digits) nor a file with a quote");
  }
  if (!quote) return quote.error();
  const SelfDescription evidence = describe(*quote, {});
  const std::string where = text(option, " ", file);
  if (!evidence.malformed.empty()) return malformed(where, ": ", evidence.malformed);
  if (evidence.debug()) {
    return denied(
        where,
        ": it was made in debug mode, where the host reads all memory; no policy accepts it");
  }
  const json::Json entry = policy_entry(evidence);
  if (entry.is_null()) return denied(where, ": no policy can name ", kind_of(evidence));
  return attest::parse_holder_requirement(entry, where);
}

/// All MRENCLAVEs in one entry, each trust domain in its own.
Result<std::vector<attest::HolderRequirement>> requirements(const std::vector<std::string>& holders,
                                                            std::string_view option) {
  attest::EnclaveRequirement enclaves;
  std::vector<attest::HolderRequirement> out;
  for (const std::string& holder : holders) {
    if (const auto measurement = decode_hex_array<32>(holder)) {
      enclaves.mr_enclaves.push_back(*measurement);
      continue;
    }
    auto named = TRY(requirement_of_quote(holder, option));
    if (const auto* const enclave = std::get_if<attest::EnclaveRequirement>(&named)) {
      enclaves.mr_enclaves.push_back(enclave->mr_enclaves.at(0));
    } else {
      out.push_back(std::move(named));
    }
  }
  if (!enclaves.mr_enclaves.empty()) out.insert(out.begin(), std::move(enclaves));
  return out;
}

/// The same for every enclave that the policy names.
Result<void> demand_attributes(const Options& options, keys::Policy& policy) {
  if (options.attributes.empty() && options.attributes_mask.empty()) return {};
  attest::AttributesRequirement wanted;
  wanted.value = TRY(decode_hex_array<16>(options.attributes).context("--attributes"));
  if (!options.attributes_mask.empty()) {
    wanted.mask = TRY(decode_hex_array<16>(options.attributes_mask).context("--attributes-mask"));
  }
  for (auto* const holders : {&policy.keyservers, &policy.caches, &policy.workers}) {
    for (attest::HolderRequirement& holder : *holders) {
      auto* const enclave = std::get_if<attest::EnclaveRequirement>(&holder);
      if (enclave != nullptr) enclave->attributes = wanted;
    }
  }
  return {};
}

Result<keys::Policy> make_policy(const Options& options, const Verifier& verifier) {
  keys::Policy policy;
  policy.platform.simulated = tee::built_for_simulation();
  for (const attest::RootKey& root : verifier.roots) {
    policy.platform.roots.push_back(crypto::sha256(root));
  }
  for (const std::string& name : options.statuses) {
    const auto status = attest::find_tcb_status(name);
    if (!status)
      return invalid_argument("--tcb-status ", name, " is no TCB status; for example UpToDate");
    policy.platform.tcb_statuses.push_back(*status);
  }
  policy.platform.any_platform = options.any_platform;
  for (const std::string& platform : options.platforms) {
    policy.platform.platforms.push_back(TRY(decode_hex(platform).context("--platform")));
  }
  if (!options.any_platform && options.platforms.empty()) {
    return invalid_argument(
        "name the machines with --platform HEX (torchkeep attest show tells them), "
        "or accept any with --any-platform");
  }
  policy.keyservers = TRY(requirements(options.keyservers, "--keyserver"));
  policy.caches = TRY(requirements(options.caches, "--cache"));
  policy.workers = TRY(requirements(options.workers, "--worker"));
  TRY(demand_attributes(options, policy));
  policy.lease_seconds = options.lease_seconds;
  policy.lease_requests = options.lease_requests;
  policy.offline_grace_seconds = options.offline_grace_seconds;
  policy.any_client = options.any_client;
  return policy;
}

Result<void> write_policy(const Invocation& invocation, const Options& options) {
  const Path folder = TRY(owner_folder(invocation));
  const Verifier verifier = TRY(load_verifier(folder, invocation.pccs));
  const json::Json written = keys::encode(TRY(make_policy(options, verifier)));
  // Read back as everyone else will read it: limits are told here, not at the key server.
  TRY(keys::parse_policy(written));
  TRY(store_file(options.out, as_bytes(written.dump(2) + "\n")));
  invocation.console.line("Policy written to ", options.out.string(),
                          "; read it before you sign it.");
  invocation.console.line("Next: torchkeep keys register NAME --policy ", options.out.string());
  invocation.console.answer(written);
  return {};
}

}  // namespace

void add_policy(Command app, Invocation& invocation) {
  const Command policy = app.add_command("policy", "Who may hold a model's key");
  policy.require_command();
  add_policy_check(policy, invocation);
  const Command command = policy.add_command("new", "Write a policy from measurements");
  command.footer(
      "Example: torchkeep policy new --keyserver 91f0... --cache 02aa... --worker 77cd... "
      "--any-platform --lease 3600 -o policy.json");
  auto options = std::make_shared<Options>();
  const auto measurements = [&](const char* name, std::vector<std::string>& into,
                                const char* whom) {
    command
        .add_option(name, into,
                    std::string("A ") + whom +
                        " that may hold the key: its MRENCLAVE, or a file with a quote of it (an "
                        "enclave's or a "
                        "trust domain's); may be repeated")
        .required()
        .type_name("HEX|FILE");
  };
  measurements("--keyserver", options->keyservers, "key server");
  measurements("--cache", options->caches, "key cache");
  measurements("--worker", options->workers, "worker");
  const CommandOption attributes =
      command
          .add_option(
              "--attributes", options->attributes,
              "What the ATTRIBUTES of each enclave must be, flags and XFRM; default any but DEBUG")
          .type_name("HEX");
  command
      .add_option("--attributes-mask", options->attributes_mask,
                  "Which bits of them count; default all")
      .needs(attributes)
      .type_name("HEX");
  command.add_option("--lease", options->lease_seconds, "How long a released key may be used")
      .type_name("SECONDS")
      .show_default();
  command
      .add_option("--lease-requests", options->lease_requests,
                  "How many requests a lease allows; 0: not limited")
      .type_name("N");
  command
      .add_option("--offline-grace", options->offline_grace_seconds,
                  "How long a cache may release while the key server is away")
      .type_name("SECONDS");
  command.add_option("--tcb-status", options->statuses, "Accepted TCB statuses").show_default();
  command
      .add_option("--platform", options->platforms,
                  "A machine that may hold the key; may be repeated")
      .type_name("HEX");
  command.add_flag("--any-platform", options->any_platform,
                   "Any machine under the roots may hold the key");
  command.add_flag("--any-client", options->any_client,
                   "Whoever reaches the worker may ask; without it nobody may");
  command.add_option("-o,--output", options->out, "The file to write").required().type_name("FILE");
  run_when_called(command, invocation, options, write_policy);
}

}  // namespace torchkeep::cli
