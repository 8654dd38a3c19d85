#include "torchkeep/cli/session.h"

namespace torchkeep::cli {
namespace {

constexpr std::size_t kMaxPolicyBytes = 256 * 1024;

struct Options {
  std::string name;
  Path policy;
  Path container;
  std::uint64_t version = 0;
};

Result<desk::Counter> open_counter(const Invocation& invocation) {
  return desk::open_counter(TRY(owner_folder(invocation)), invocation.pccs);
}

Result<keys::Policy> load_policy(const Path& path) {
  const Bytes bytes = TRY(load_file(path, kMaxPolicyBytes));
  const json::Json value = TRY(json::parse(as_text(bytes)).context(path.string()));
  return keys::parse_policy(value).context(path.string());
}

void tell(const Invocation& invocation, std::string_view what, const keys::Receipt& receipt) {
  invocation.console.line(what, " (log position ", receipt.log_position, ")");
}

Result<void> register_model(const Invocation& invocation, const Options& options) {
  std::optional<keys::Policy> policy;
  if (!options.policy.empty()) policy = TRY(load_policy(options.policy));
  desk::Counter counter = TRY(open_counter(invocation));
  const desk::Registration done =
      TRY(desk::register_model(counter, options.name, policy, options.container));
  if (done.model_receipt) {
    tell(invocation, text("Model \"", options.name, "\" registered"), *done.model_receipt);
  }
  if (done.version_receipt) {
    tell(invocation, text("Version ", done.version, " registered"), *done.version_receipt);
  } else if (done.version != 0) {
    invocation.console.line("Version ", done.version, " is registered already.");
  }
  invocation.console.answer(
      {{"model", options.name}, {"id", done.model.hex()}, {"versions", done.versions}});
  return {};
}

Result<void> state(const Invocation& invocation, const Options& options, std::string_view told,
                   const std::function<Result<void>(client::StatementBook&, TimePoint)>& next) {
  desk::Counter counter = TRY(open_counter(invocation));
  client::StatementBook book = TRY(counter.owner.open_book(options.name));
  TRY(desk::settle(counter, book));
  TRY(next(book, counter.desk->clock().now()));
  const keys::Receipt receipt = TRY(desk::submit_pending(counter, book, std::nullopt));
  tell(invocation, told, receipt);
  invocation.console.answer({{"model", options.name},
                             {"log_position", receipt.log_position},
                             {"statement", receipt.statement.hex()}});
  return {};
}

json::Json describe(const keys::ModelChain& chain) {
  json::Json versions = json::Json::array();
  for (const auto& [number, version] : chain.versions()) {
    versions.push_back({{"version", number},
                        {"container_digest", version.container_digest.hex()},
                        {"key_id", version.key_id.hex()},
                        {"revoked", version.revoked}});
  }
  return {{"name", chain.name()},
          {"id", chain.model().hex()},
          {"genesis", chain.genesis().hex()},
          {"minimum_version", chain.minimum_version()},
          {"suspended", chain.suspended()},
          {"revoked", chain.revoked()},
          {"versions", std::move(versions)},
          {"policy", keys::encode(chain.policy())}};
}

Result<void> show_model(const Invocation& invocation, const Options& options) {
  const client::Owner owner = TRY(client::load_owner(TRY(owner_folder(invocation))));
  const client::StatementBook book = TRY(owner.open_book(options.name));
  if (!book.chain())
    return not_found("no model \"", options.name, "\" in ", owner.folder().string());
  const keys::ModelChain& chain = *book.chain();
  const Console& console = invocation.console;
  console.line("Model ", chain.name());
  console.field("id", chain.model().hex());
  console.field("state", chain.revoked() ? "revoked" : chain.suspended() ? "suspended" : "served");
  console.field("pending",
                book.pending() ? "one statement is not at the key server yet" : "nothing");
  console.field("minimum version", text(chain.minimum_version()));
  for (const auto& [number, version] : chain.versions()) {
    console.field(text("version ", number), text("digest ", version.container_digest.hex(),
                                                 version.revoked ? " (revoked)" : ""));
  }
  console.line("Policy: ", keys::encode(chain.policy()).dump(2));
  console.answer(describe(chain));
  return {};
}

Result<void> list_models(const Invocation& invocation) {
  desk::Counter counter = TRY(open_counter(invocation));
  const json::Json models = TRY(counter.desk->wait(counter.server->list()));
  invocation.console.line("As the key server sees them: ", models.dump(2));
  invocation.console.answer(models);
  return {};
}

}  // namespace

void add_keys(Command app, Invocation& invocation) {
  const Command keys = app.add_command("keys", "Your models at the key server");
  keys.require_command();
  auto options = std::make_shared<Options>();
  const auto command = [&](const char* name, const char* help, const char* example, bool named,
                           std::function<Result<void>()> run) {
    const Command made = keys.add_command(name, help);
    made.footer(std::string("Example: torchkeep keys ") + example);
    if (named) made.add_option("NAME", options->name, "The model's name").required();
    made.callback([&invocation, run] { invocation.run = run; });
    return made;
  };
  const auto statement = [&invocation, options](std::string told, auto next) {
    return [&invocation, options, told, next] {
      return state(invocation, *options, told,
                   [options, next](client::StatementBook& book, TimePoint now) -> Result<void> {
                     TRY(next(book, *options, now));
                     return {};
                   });
    };
  };

  const Command made =
      command("register", "Register a model, and a version with its key",
              "register resnet50 --policy policy.json --container resnet50.tkm", true,
              [&invocation, options] { return register_model(invocation, *options); });
  made.add_option("--policy", options->policy, "Policy of a new model").type_name("FILE");
  made.add_option("--container", options->container, "A container that protect made")
      .type_name("FILE");

  command("list", "List your models as the key server sees them", "list", false,
          [&invocation] { return list_models(invocation); });
  command("show", "Show what you have stated about a model", "show resnet50", true,
          [&invocation, options] { return show_model(invocation, *options); });

  const Command policy = command(
      "policy", "Replace a model's policy", "policy resnet50 policy.json", true,
      statement("Policy replaced",
                [](client::StatementBook& book, const Options& o, TimePoint now) -> Result<void> {
                  TRY(book.next_policy(TRY(load_policy(o.policy)), now));
                  return {};
                }));
  policy.add_option("POLICY", options->policy, "The new policy").required().type_name("FILE");

  const Command minimum =
      command("minimum", "Release no version below this one", "minimum resnet50 2", true,
              statement("Minimum version raised",
                        [](client::StatementBook& book, const Options& o, TimePoint now) {
                          return book.next_minimum(o.version, now);
                        }));
  minimum.add_option("VERSION", options->version, "The lowest version to serve").required();

  command("suspend", "Release nothing of a model until resumed", "suspend resnet50", true,
          statement("Suspended", [](client::StatementBook& book, const Options&, TimePoint now) {
            return book.next_suspend(now);
          }));
  command("resume", "End a suspension", "resume resnet50", true,
          statement("Resumed", [](client::StatementBook& book, const Options&, TimePoint now) {
            return book.next_resume(now);
          }));
  const Command revoke =
      command("revoke", "Never release a version, or the whole model, again",
              "revoke resnet50 --version 1", true,
              statement("Revoked: holders stop when their lease ends",
                        [](client::StatementBook& book, const Options& o, TimePoint now) {
                          return book.next_revoke(o.version, now);
                        }));
  revoke.add_option("--version", options->version, "Only this version; without it the whole model");
}

}  // namespace torchkeep::cli
