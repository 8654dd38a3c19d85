#include "torchkeep/cli/inspect.h"

#include <cstdio>

#include "torchkeep/cli/commands/commands.h"

namespace torchkeep::cli {
namespace {

std::string four_digits(double value) {
  char out[32];
  std::snprintf(out, sizeof out, "%.4f", value);
  return out;
}

void tell(const Console& console, const Path& container, const Inspection& seen) {
  const container::Header& header = seen.header;
  console.line("What a host can see of ", container.string(), ":");
  console.field("model", header.model.hex());
  console.field("version", text(header.version));
  console.field("payload", text(header.payload_kind, ", ", header.payload_bytes, " bytes"));
  console.field("key", header.key_id.hex());
  console.field("created", format_rfc3339(header.created));
  console.field("signature", header.signature.empty() ? "not published" : header.signature);
  console.field("file", text(seen.file_bytes, " bytes, ", seen.segments,
                             seen.segments == 1 ? " segment" : " segments"));
  console.field("digest", seen.digest.hex());
  console.field("entropy", text(four_digits(seen.entropy), " of 8 bits a byte"));
  console.line("Not to be seen: graph, parameters, their names and shapes. ",
               "What the header says is proven only to who has the key.");
}

Result<void> run(const Invocation& invocation, const Path& container) {
  ThreadPool pool(usable_cores());
  const Inspection seen = TRY(inspect(container, pool));
  tell(invocation.console, container, seen);
  const json::Json header = TRY(json::parse(as_text(container::encode(seen.header))));
  invocation.console.answer({{"container_digest", seen.digest.hex()},
                             {"entropy_bits_per_byte", seen.entropy},
                             {"file_bytes", seen.file_bytes},
                             {"header", header},
                             {"segments", seen.segments}});
  return {};
}

}  // namespace

void add_inspect(Command app, Invocation& invocation) {
  const Command command =
      app.add_command("inspect", "Show what the host of a container can see, without its key");
  command.footer("Example: torchkeep inspect resnet50.tkm");
  auto container = std::make_shared<Path>();
  command.add_option("CONTAINER", *container, "A container that protect made")
      .required()
      .type_name("FILE");
  run_when_called(command, invocation, container, run);
}

}  // namespace torchkeep::cli
