#include <filesystem>

#include "torchkeep/cli/claims_text.h"
#include "torchkeep/cli/session.h"

namespace torchkeep::cli {
namespace {

struct Options {
  std::string keyserver;
  std::string genesis;
  Path root;
};

Result<void> init(const Invocation& invocation, const Options& options) {
  const Path folder = TRY(owner_folder(invocation));
  const channel::Endpoint endpoint =
      TRY(channel::parse_endpoint(options.keyserver).context("--keyserver"));
  if (invocation.pccs.empty())
    return invalid_argument("where collateral is served: --pccs HOST:PORT");
  desk::Introduction introduction;
  introduction.folder = folder;
  introduction.key_server = endpoint;
  Verifier& verifier = introduction.verifier;
  verifier.pccs = TRY(channel::parse_pccs_address(invocation.pccs).context("--pccs"));
  if (!invocation.pccs_ca.empty()) {
    verifier.pccs_ca = TRY(load_file(invocation.pccs_ca, 64 * 1024).context("--pccs-ca"));
  }
  TRY(make_pccs_client(verifier).context("--pccs-ca"));
  verifier.collateral_cache = desk::collateral_folder(folder);
  verifier.roots = TRY(channel::load_roots(options.root));
  if (!options.genesis.empty()) {
    introduction.genesis = TRY(Genesis::parse(options.genesis).context("--genesis"));
  }
  const desk::Introduced done = TRY(desk::introduce(introduction));
  const client::Owner& owner = done.owner;
  const attest::Claims& claims = done.key_server;

  const Console& console = invocation.console;
  console.line("Owner ready in ", folder.string());
  console.field("owner", keys::hex(owner.public_key()));
  console.field("key server", endpoint.text());
  console.field("genesis", done.genesis.hex());
  show(console, claims);
  if (options.genesis.empty()) {
    console.line(
        "The genesis was pinned as seen. Compare it, and MRENCLAVE, with what you were told "
        "another way.");
  }
  console.line(
      "Keep a copy of recovery.key off line. Next: torchkeep protect MODEL.onnx --name NAME");
  console.answer({{"owner", keys::hex(owner.public_key())},
                  {"genesis", done.genesis.hex()},
                  {"key_server", endpoint.text()},
                  {"claims", encode(claims)}});
  return {};
}

}  // namespace

void add_owner(Command app, Invocation& invocation) {
  const Command owner =
      app.add_command("owner", "Who you are, and which key server holds your keys");
  owner.require_command();
  const Command command = owner.add_command(
      "init", "Make your keys and pin the key server after it has attested itself");
  command.footer(
      "Example: torchkeep owner init --keyserver 10.0.0.5:8443 --pccs 10.0.0.5:8081 --genesis "
      "6f1c...");
  auto options = std::make_shared<Options>();
  command.add_option("--keyserver", options->keyserver, "The key server's address")
      .required()
      .type_name("HOST:PORT");
  command
      .add_option("--genesis", options->genesis,
                  "The key server's genesis, as its operator published it")
      .type_name("HEX");
  command
      .add_option("--root", options->root,
                  "Root certificate (PEM) to judge evidence by; default Intel's")
      .type_name("FILE");
  run_when_called(command, invocation, options, init);
}

}  // namespace torchkeep::cli
