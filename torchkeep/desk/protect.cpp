#include "torchkeep/desk/protect.h"

#include <filesystem>
#include <system_error>

#include "torchkeep/container/reader.h"
#include "torchkeep/json/json.h"
#include "torchkeep/runtime/model.h"

namespace torchkeep::desk {
namespace {

namespace filesystem = std::filesystem;

bool is_there(const Path& path) {
  std::error_code ignored;
  return filesystem::exists(path, ignored);
}

Result<void> move_file(const Path& from, const Path& to) {
  std::error_code failure;
  filesystem::rename(from, to, failure);
  if (failure) {
    return unavailable("renaming ", from.string(), " to ", to.string(), ": ", failure.message());
  }
  return {};
}

/// Where a key goes whose container is to be replaced.
Path aside_path(const Path& recovery, const KeyId& key) {
  return recovery.string() + "." + key.hex();
}

/// Puts the recovery file in its place, and takes it away again unless the container appears too.
class RecoveryPlace {
 public:
  explicit RecoveryPlace(Path path) : path_(std::move(path)) {}
  RecoveryPlace(const RecoveryPlace&) = delete;
  RecoveryPlace& operator=(const RecoveryPlace&) = delete;
  ~RecoveryPlace() {
    if (kept_) return;
    std::error_code ignored;
    if (stored_) filesystem::remove(path_, ignored);
    if (!older_.empty()) filesystem::rename(older_, path_, ignored);
  }

  Result<void> store(const client::Recovery& recovery) {
    if (is_there(path_)) {
      // It may hold the only copy of a key: it gets another name, and never goes.
      const client::Recovery older = TRY(client::load_recovery(path_).context(
          "the recovery file that is there already; move it away"));
      const Path aside = aside_path(path_, older.header.key_id);
      TRY(move_file(path_, aside));
      older_ = aside;
    }
    TRY(client::store_recovery(path_, recovery));
    stored_ = true;
    return {};
  }
  void keep() { kept_ = true; }

 private:
  Path path_;
  Path older_;
  bool stored_ = false;
  bool kept_ = false;
};

json::Json encode(const std::vector<runtime::Port>& ports) {
  json::Json list = json::Json::array();
  for (const runtime::Port& port : ports) {
    list.push_back(
        {{"datatype", runtime::name_of(port.dtype)}, {"name", port.name}, {"shape", port.shape}});
  }
  return list;
}

}  // namespace

Path recovery_path(const Path& container) { return container.string() + ".recovery"; }

Result<client::Recovery> find_recovery(const Path& container) {
  const KeyId key = TRY(container::load_header(container)).key_id;
  const Path beside = recovery_path(container);
  for (const Path& path : {beside, aside_path(beside, key)}) {
    if (!is_there(path)) continue;
    client::Recovery recovery = TRY(client::load_recovery(path));
    if (recovery.header.key_id == key) return recovery;
  }
  return not_found("no recovery file beside ", container.string(), " holds its key ", key.hex(),
                   ": protect writes it there; put ", beside.filename().string(), " back");
}

Result<void> check_order(const ProtectOrder& order) {
  TRY(keys::check_model_name(order.name).context("--name"));
  if (order.version == 0) return invalid_argument("--model-version begins with 1");
  if (order.replace) return {};
  for (const Path& path : {order.container, recovery_path(order.container)}) {
    if (is_there(path)) {
      return invalid_argument(
          path.string(), " is there already: write elsewhere with -o, or replace it with --force");
    }
  }
  return {};
}

Result<CheckedModel> check_model(const Path& onnx) {
  auto payload = TRY(runtime::PackedOnnx::open(onnx));
  const auto model = TRY(runtime::Model::load_onnx(onnx).context(onnx.string()));
  return CheckedModel{std::move(payload), model->inputs(), model->outputs()};
}

Result<std::string> encode_signature(const CheckedModel& model) {
  try {
    return json::encode_canonical(
        {{"inputs", encode(model.inputs)}, {"outputs", encode(model.outputs)}});
  } catch (const json::Json::exception&) {
    return invalid_argument("the name of an input or output is no UTF-8: it cannot be published");
  }
}

Result<Protected> protect(const client::Owner& owner, const ProtectOrder& order,
                          const Contents& contents, const Clock& clock, crypto::Random& random,
                          ThreadPool& pool, const container::Progress& progress) {
  TRY(check_order(order));
  const auto data_key = crypto::DataKey::generate(random);
  Protected made;
  made.recovery = recovery_path(order.container);
  made.header.model = keys::model_id(owner.public_key(), order.name);
  made.header.version = order.version;
  made.header.payload_kind = contents.kind;
  made.header.payload_bytes = contents.bytes;
  made.header.key_id = keys::key_id(data_key.expose());
  made.header.created = std::chrono::floor<std::chrono::seconds>(clock.now());
  made.header.signature = contents.signature;

  RecoveryPlace place(made.recovery);
  const auto store_key = [&](const ContainerDigest& digest) {
    const client::RecoveryHeader header{.owner = owner.public_key(),
                                        .name = order.name,
                                        .version = order.version,
                                        .container_digest = digest,
                                        .key_id = made.header.key_id};
    return place.store(
        client::encrypt_recovery(header, data_key, owner.recovery_key().public_key()));
  };
  made.digest = TRY(container::write_container(order.container, made.header, data_key, random, pool,
                                               contents.read, progress, store_key));
  place.keep();
  return made;
}

}  // namespace torchkeep::desk
