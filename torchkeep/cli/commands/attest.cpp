#include "torchkeep/base/encoding.h"
#include "torchkeep/cli/claims_text.h"
#include "torchkeep/cli/commands/judging_options.h"
#include "torchkeep/cli/session.h"

namespace torchkeep::cli {
namespace {

struct Options {
  std::string peer;
  std::string role = "worker";
  Path root;
  Path policy;
  bool by_certificate = false;
  bool legacy_ra_tls = false;
};

Result<Verifier> choose_verifier(const Invocation& invocation, const Options& options) {
  if (options.root.empty()) {
    auto known = load_verifier(TRY(owner_folder(invocation)), invocation.pccs);
    if (known || known.error().code != ErrorCode::NotFound) return known;
    return not_found(known.error().message,
                     ", or without one: --root ROOT.pem --pccs HOST:PORT (which root to trust, and "
                     "where collateral is served)");
  }
  if (invocation.pccs.empty()) {
    return invalid_argument("--root needs --pccs HOST:PORT beside it: where collateral is served");
  }
  Verifier verifier;
  verifier.pccs = TRY(channel::parse_pccs_address(invocation.pccs).context("--pccs"));
  verifier.roots = TRY(channel::load_roots(options.root));
  return verifier;
}

Result<void> show_peer(Invocation& invocation, const Options& options) {
  const channel::Endpoint endpoint =
      TRY(channel::parse_endpoint(options.peer).context("the address to look at"));
  const tee::Role role = TRY(tee::parse_role(options.role).context("--role"));
  const keys::HolderRole holder = TRY(parse_holder_role(options.role));
  std::optional<keys::Policy> policy;
  if (!options.policy.empty()) policy = TRY(load_policy_file(options.policy));
  Desk desk(TRY(choose_verifier(invocation, options)));
  const Console& console = invocation.console;
  json::Json answer = {{"endpoint", endpoint.text()}};
  std::optional<attest::Claims> claims;
  if (options.by_certificate) {
    claims = TRY(desk::look_at_certificate(desk, endpoint,
                                           options.legacy_ra_tls
                                               ? channel::RaTlsEvidence::StandardOrLegacy
                                               : channel::RaTlsEvidence::Standard));
    console.line(
        "At ", endpoint.text(),
        " is a program with the certificate of a genuine enclave; its role is not proven.");
    show(console, *claims);
  } else {
    const channel::AttestedPeer peer = TRY(desk::look_at(desk, endpoint, role));
    claims = peer.claims;
    console.line("At ", endpoint.text(), " is a genuine enclave in the role of ",
                 tee::name_of(role), ".");
    show(console, *claims);
    console.field("context", encode_hex(peer.context));
    answer["role"] = tee::name_of(role);
    answer["context"] = encode_hex(peer.context);
  }
  answer["claims"] = encode(*claims);
  if (policy) {
    const PolicyFindings findings = check_policy(*policy, holder, *claims, desk.clock().now());
    show(console, findings);
    answer["policy"] = encode(findings);
    if (!findings.holds()) invocation.status = kRejected;
  } else {
    console.line("Whether it may hold a key is for the owner's policy to say: --policy FILE.");
  }
  console.answer(answer);
  return {};
}

}  // namespace

void add_attest(Command app, Invocation& invocation) {
  const Command attest =
      app.add_command("attest", "Who is at the other end, and whether a quote holds");
  attest.require_command();
  add_attest_verify(attest, invocation);
  add_attest_explain(attest, invocation);
  const Command command =
      attest.add_command("show", "Verify a program's evidence over a fresh session");
  command.footer(
      "Example: torchkeep attest show 127.0.0.1:9000 --role worker --policy policy.json");
  auto options = std::make_shared<Options>();
  command.add_option("PEER", options->peer, "The program's address")
      .required()
      .type_name("HOST:PORT");
  command
      .add_option("--role", options->role,
                  "The role it should prove: keyserver, keycache or worker")
      .show_default();
  command.add_option("--root", options->root, "Without an owner's folder: root certificate (PEM)")
      .type_name("FILE");
  command.add_option("--policy", options->policy, "Also say how it fares under this policy")
      .type_name("FILE");
  const CommandOption by_certificate = command.add_flag(
      "--certificate", options->by_certificate,
      "Judge the evidence in its TLS certificate (RA-TLS), for other programs than ours");
  command
      .add_flag("--legacy-ra-tls", options->legacy_ra_tls,
                "Also take Gramine's older certificate extension, without claims")
      .needs(by_certificate);
  run_when_called(command, invocation, options, show_peer);
}

}  // namespace torchkeep::cli
