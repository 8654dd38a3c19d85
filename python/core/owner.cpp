#include <atomic>

#include "torchkeep/container/reader.h"
#include "torchkeep/desk/findings.h"
#include "torchkeep/desk/protect.h"

#include "python/core/engine.h"
#include "python/core/parts.h"
#include "python/core/trust.h"

namespace torchkeep::python {
namespace {

// What `protect` asks of the model is done already: the engine has loaded it.
Result<desk::CheckedModel> checked(const Engine& engine) {
  auto payload = TRY(runtime::PackedOnnx::open(engine.path()));
  return desk::CheckedModel{std::move(payload), engine.model().inputs(), engine.model().outputs()};
}

py::object describe(const desk::Protected& made) {
  return to_python({{"container_digest", made.digest.hex()},
                    {"key_id", made.header.key_id.hex()},
                    {"model", made.header.model.hex()},
                    {"payload_bytes", made.header.payload_bytes},
                    {"recovery", made.recovery.string()},
                    {"version", made.header.version}});
}

py::object protect(const std::string& folder, const Engine& engine, const std::string& name,
                   std::uint64_t version, const std::string& container, bool replace,
                   bool publish_signature, const std::function<void(double)>& progress) {
  const client::Owner owner = value_or_raise(client::load_owner(folder));
  desk::CheckedModel model = value_or_raise(checked(engine));
  const desk::ProtectOrder order{
      .name = name, .version = version, .container = container, .replace = replace};
  std::atomic<bool> stopped = false;
  std::atomic<std::uint64_t> done = 0;
  desk::Contents contents;
  contents.bytes = model.payload.payload_bytes();
  contents.read = [&](MutableByteView out) -> Result<void> {
    if (stopped) return unavailable("interrupted");
    return model.payload.read(out);
  };
  if (!engine.model().operators().empty()) contents.kind = container::kPayloadOperators;
  if (publish_signature) contents.signature = value_or_raise(desk::encode_signature(model));
  const auto tick = [&] {
    if (progress) {
      progress(static_cast<double>(done) /
               static_cast<double>(std::max<std::uint64_t>(contents.bytes, 1)));
    }
  };
  const auto work = [&] {
    const SystemClock clock;
    crypto::SystemRandom random;
    ThreadPool pool(usable_cores());
    return desk::protect(owner, order, contents, clock, random, pool,
                         [&](std::uint64_t bytes) { done += bytes; });
  };
  const desk::Protected made = on_a_thread(work, tick, [&] { stopped = true; });
  tick();
  return describe(made);
}

py::object introduce(const std::string& folder, const std::string& key_server, const Trust& trust,
                     const std::string& genesis) {
  desk::Introduction introduction;
  introduction.folder = folder;
  introduction.key_server =
      value_or_raise(channel::parse_endpoint(key_server).context("keyserver"));
  introduction.verifier = value_or_raise(verifier_of(trust));
  introduction.verifier.collateral_cache = desk::collateral_folder(folder);
  if (!genesis.empty()) {
    introduction.genesis = value_or_raise(Genesis::parse(genesis).context("genesis"));
  }
  const desk::Introduced done = without_gil([&] { return desk::introduce(introduction, go_on()); });
  return to_python({{"owner", keys::hex(done.owner.public_key())},
                    {"genesis", done.genesis.hex()},
                    {"claims", desk::encode(done.key_server)}});
}

Result<desk::Registration> register_at(desk::Counter& counter, const std::string& name,
                                       std::optional<keys::Policy> policy, const Path& container) {
  client::StatementBook book = TRY(counter.owner.open_book(name));
  if (!book.chain() || !policy) return desk::register_model(counter, name, policy, container);
  TRY(desk::settle(counter, book));
  if (keys::policy_hash(book.chain()->policy()) != keys::policy_hash(*policy)) {
    TRY(book.next_policy(*policy, counter.desk->clock().now()));
    TRY(desk::submit_pending(counter, book, std::nullopt));
  }
  return desk::register_model(counter, name, std::nullopt, container);
}

// A known model's policy is replaced if another one is given.
py::object register_model(const std::string& folder, const std::string& pccs,
                          const std::string& name, const std::optional<std::string>& policy_text,
                          const std::string& container) {
  std::optional<keys::Policy> policy;
  if (policy_text) policy = value_or_raise(parse_policy_text(*policy_text));
  const desk::Registration done = without_gil([&]() -> Result<desk::Registration> {
    desk::Counter counter = TRY(desk::open_counter(folder, pccs, go_on()));
    return register_at(counter, name, policy, container);
  });
  return to_python({{"model", done.model.hex()},
                    {"version", done.version},
                    {"versions", done.versions},
                    {"news", done.version_receipt.has_value()}});
}

py::object revoke(const std::string& folder, const std::string& pccs, const std::string& name,
                  std::uint64_t version) {
  const keys::Receipt receipt = without_gil([&]() -> Result<keys::Receipt> {
    desk::Counter counter = TRY(desk::open_counter(folder, pccs, go_on()));
    client::StatementBook book = TRY(counter.owner.open_book(name));
    TRY(desk::settle(counter, book));
    TRY(book.next_revoke(version, counter.desk->clock().now()));
    return desk::submit_pending(counter, book, std::nullopt);
  });
  return to_python(
      {{"log_position", receipt.log_position}, {"statement", receipt.statement.hex()}});
}

py::object describe_owner(const std::string& folder) {
  const client::Owner owner = value_or_raise(client::load_owner(folder));
  json::Json out = {{"owner", keys::hex(owner.public_key())},
                    {"folder", owner.folder().string()},
                    {"models", value_or_raise(owner.models())}};
  if (owner.key_server()) {
    out["key_server"] = owner.key_server()->endpoint.text();
    out["genesis"] = owner.key_server()->genesis.hex();
  }
  return to_python(out);
}

// The policy that the owner has stated for a model, or None.
py::object stated_policy(const std::string& folder, const std::string& name) {
  const client::Owner owner = value_or_raise(client::load_owner(folder));
  const client::StatementBook book = value_or_raise(owner.open_book(name));
  if (!book.chain()) return py::none();
  return to_python(keys::encode(book.chain()->policy()));
}

py::object describe_container(const std::string& path) {
  const container::Header header = value_or_raise(container::load_header(path));
  return to_python({{"model", header.model.hex()},
                    {"version", header.version},
                    {"payload_bytes", header.payload_bytes},
                    {"payload_kind", header.payload_kind},
                    {"key_id", header.key_id.hex()}});
}

py::object describe_recovery(const std::string& container) {
  const client::Recovery recovery =
      value_or_raise(client::load_recovery(desk::recovery_path(container)));
  return to_python({{"name", recovery.header.name},
                    {"version", recovery.header.version},
                    {"owner", keys::hex(recovery.header.owner)}});
}

}  // namespace

void add_owner(py::module_& module) {
  using py::arg;
  module.def("protect", &protect, arg("folder"), arg("engine"), arg("name"), arg("version"),
             arg("container"), arg("replace"), arg("publish_signature"), arg("progress"));
  module.def("introduce", &introduce, arg("folder"), arg("key_server"), arg("trust"),
             arg("genesis"));
  module.def("register_model", &register_model, arg("folder"), arg("pccs"), arg("name"),
             arg("policy"), arg("container"));
  module.def("revoke", &revoke, arg("folder"), arg("pccs"), arg("name"), arg("version"));
  module.def("describe_owner", &describe_owner, arg("folder"));
  module.def("stated_policy", &stated_policy, arg("folder"), arg("name"));
  module.def("describe_container", &describe_container, arg("path"));
  module.def("describe_recovery", &describe_recovery, arg("container"));
}

}  // namespace torchkeep::python
