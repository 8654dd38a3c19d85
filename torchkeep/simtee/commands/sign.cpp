#include "torchkeep/base/encoding.h"
#include "torchkeep/simtee/commands/commands.h"
#include "torchkeep/simtee/signing_key.h"
#include "torchkeep/simtee/sigstruct.h"

namespace torchkeep::simtee {
namespace {

struct Options {
  Path program;
  Path key;
  std::uint16_t isv_prod_id = 0;
  std::uint16_t isv_svn = 0;
  bool debug = false;
};

void tell_enclave(const Invocation& invocation, const Path& program,
                  const attest::SgxEnclave& enclave) {
  invocation.tell(
      {{"mr_enclave", encode_hex(enclave.mr_enclave)},
       {"mr_signer", encode_hex(enclave.mr_signer)},
       {"isv_prod_id", enclave.isv_prod_id},
       {"isv_svn", enclave.isv_svn},
       {"debug", enclave.debug()}},
      text(program.filename().string(), ": MRENCLAVE ", encode_hex(enclave.mr_enclave),
           ", MRSIGNER ", encode_hex(enclave.mr_signer), ", ISVPRODID ", enclave.isv_prod_id,
           ", ISVSVN ", enclave.isv_svn, enclave.debug() ? ", DEBUG" : ""));
}

Result<void> sign(const Invocation& invocation, const Options& options) {
  const Digest256 measured = TRY(measure_file(options.program));
  crypto::SystemRandom random;
  const auto key = TRY(load_or_create_signing_key(options.key, random));
  const Bytes description =
      make_sigstruct(describe(measured, options.isv_prod_id, options.isv_svn, options.debug), key);
  TRY(store_file(sigstruct_of(options.program), description));
  tell_enclave(invocation, options.program, TRY(verify_sigstruct(description)));
  return {};
}

Result<void> measure(const Invocation& invocation, const Path& program) {
  const Digest256 measured = TRY(measure_file(program));
  const attest::SgxEnclave enclave = TRY(load_sigstruct(program));
  TRY(check_measured(program, measured, enclave));
  tell_enclave(invocation, program, enclave);
  return {};
}

}  // namespace

void add_sign(Command app, Invocation& invocation) {
  const Command command = app.add_command(
      "sign", "Write PROGRAM.sigstruct, which tells the machine what enclave it is");
  command.footer(
      "Example: torchkeep-simtee sign bin/torchkeep-worker --key key.pem --isv-prod-id 0x5403 "
      "--isv-svn 1\n"
      "The key file is made, mode 0600, if it does not exist.");
  const auto options = std::make_shared<Options>();
  command.add_option("PROGRAM", options->program, "The executable file")
      .required()
      .type_name("FILE");
  command.add_option("--key", options->key, "The signing key (PEM)").required().type_name("FILE");
  command.add_option("--isv-prod-id", options->isv_prod_id, "Which product it is").required();
  command.add_option("--isv-svn", options->isv_svn, "Its security version").required();
  command.add_flag("--debug", options->debug, "A debug enclave, which no policy admits");
  run_when_called(command, invocation, options, sign);
}

void add_measure(Command app, Invocation& invocation) {
  const Command command = app.add_command("measure", "What enclave a signed program is");
  command.footer("Example: torchkeep-simtee measure bin/torchkeep-worker --json");
  const auto program = std::make_shared<Path>();
  command.add_option("PROGRAM", *program, "The executable file").required().type_name("FILE");
  run_when_called(command, invocation, program, measure);
}

}  // namespace torchkeep::simtee
