#include "torchkeep/desk/protect.h"

#include "torchkeep/cli/session.h"

namespace torchkeep::cli {
namespace {

using desk::CheckedModel;
using desk::Contents;
using desk::Protected;
using desk::ProtectOrder;

struct Options {
  Path model;
  ProtectOrder order;
  bool publish_signature = false;
};

void tell(const Console& console, const Options& options, const Protected& made,
          std::uint64_t payload_bytes) {
  const std::string container = options.order.container.string();
  console.line("Protected ", options.model.string(), " as version ", made.header.version, " of \"",
               options.order.name, "\"");
  console.field("container", container);
  console.field("digest", made.digest.hex());
  console.field("model", made.header.model.hex());
  console.field("key", made.header.key_id.hex());
  console.field("recovery file", made.recovery.string());
  console.line(
      "Keep the recovery file: only your recovery.key opens it, and until you register, nothing "
      "else ",
      "holds the key.");
  console.line("Next: torchkeep keys register ", options.order.name, " --container ", container,
               " (the first time with --policy FILE)");
  console.answer({{"container", container},
                  {"container_digest", made.digest.hex()},
                  {"key_id", made.header.key_id.hex()},
                  {"model", made.header.model.hex()},
                  {"name", options.order.name},
                  {"payload_bytes", payload_bytes},
                  {"recovery", made.recovery.string()},
                  {"version", made.header.version}});
}

Result<void> run(const Invocation& invocation, Options options) {
  if (options.order.container.empty()) options.order.container = options.order.name + ".tkm";
  TRY(desk::check_order(options.order));
  const client::Owner owner = TRY(client::load_owner(TRY(owner_folder(invocation))));
  CheckedModel model = TRY(desk::check_model(options.model));
  Contents contents;
  contents.bytes = model.payload.payload_bytes();
  contents.read = [&model](MutableByteView out) { return model.payload.read(out); };
  if (options.publish_signature) contents.signature = TRY(desk::encode_signature(model));

  const SystemClock clock;
  crypto::SystemRandom random;
  ThreadPool pool(usable_cores());
  Progress progress("encrypting", contents.bytes);
  const auto made = desk::protect(owner, options.order, contents, clock, random, pool,
                                  [&progress](std::uint64_t bytes) { progress.advance(bytes); });
  if (!made) return made.error();
  tell(invocation.console, options, *made, contents.bytes);
  return {};
}

}  // namespace

void add_protect(Command app, Invocation& invocation) {
  const Command command = app.add_command("protect", "Encrypt a model under a key of its own");
  command.footer("Example: torchkeep protect resnet50.onnx --name resnet50 -o resnet50.tkm");
  auto options = std::make_shared<Options>();
  command
      .add_option("MODEL", options->model, "The model in clear, as .onnx; external data beside it")
      .required()
      .type_name("FILE");
  command.add_option("--name", options->order.name, "The model's name: a-z, 0-9, '-', '_', '.'")
      .required();
  command.add_option("--model-version", options->order.version, "Counts up with each new version")
      .show_default();
  command.add_option("-o,--output", options->order.container, "The container; default NAME.tkm")
      .type_name("FILE");
  command.add_flag("--publish-signature", options->publish_signature,
                   "Let the host read names, types and shapes of inputs and outputs");
  command.add_flag("--force", options->order.replace,
                   "Replace an existing container; the recovery file of the old one is kept");
  run_when_called(command, invocation, options, run);
}

}  // namespace torchkeep::cli
