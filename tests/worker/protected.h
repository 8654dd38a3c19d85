#pragma once

#include <fstream>

#include "torchkeep/base/encoding.h"
#include "torchkeep/container/writer.h"
#include "torchkeep/runtime/pack.h"
#include "torchkeep/worker/container_loader.h"

#include "tests/support/fake_owner.h"
#include "tests/support/files.h"

namespace torchkeep::worker::testing {

using namespace torchkeep::testing;

/// A protected model, registered by its owner; each test spoils one thing before it is loaded.
struct Protected {
  explicit Protected(std::string_view model = "test_single_relu_model")
      : Protected(load_payload(Path(TORCHKEEP_TESTS_FOLDER) / "runtime/vectors/onnx" / model /
                               "model.onnx")) {}
  explicit Protected(Bytes bytes) : payload(std::move(bytes)) {
    header.model = owner.model();
    header.version = 1;
    header.payload_kind = "onnx";
    header.payload_bytes = payload.size();
    header.key_id = keys::key_id(data_key.expose());
    header.created = parse_rfc3339("2026-11-23T10:00:00Z").value();
    place = {"resnet50", 1, folder / "model.tkm", {}, {}, {}};
  }
  /// Writes the container and signs its digest.
  Protected& write() {
    std::size_t position = 0;
    const auto digest = container::write_container(
        place.container, header, data_key, random, pool, [&](MutableByteView out) -> Result<void> {
          std::copy_n(payload.begin() + static_cast<std::ptrdiff_t>(position), out.size(),
                      out.begin());
          position += out.size();
          return {};
        });
    TORCHKEEP_CHECK(digest.ok());
    keys::Policy policy = fake_policy();
    policy.operator_mode = operator_mode;
    owner.say(owner.next_register(policy));
    keys::Statement version = owner.next_version(1);
    version.container_digest = *digest;
    owner.say(version);
    return *this;
  }
  keys::ReleasedKey key() const {
    keys::Release release;
    release.lease.seconds = 100;
    release.statements = owner.statements();
    release.data_key = data_key.clone();
    const keys::ReleaseRequest request{owner.key(), owner.name(), 1, {}, false};
    return keys::open_release(std::move(release), request, std::nullopt, nullptr).value();
  }
  static Bytes load_payload(const Path& onnx) {
    auto packed = runtime::PackedOnnx::open(onnx).value();
    Bytes bytes(packed.payload_bytes());
    TORCHKEEP_CHECK(packed.read(bytes).ok());
    return bytes;
  }
  Result<std::unique_ptr<Engine>> load(int threads = 1) {
    ContainerLoader loader(pool, threads);
    return loader.load(place, {}, key(), abandoned);
  }
  Bytes container() const { return load_file(place.container, 1 << 20).value(); }
  /// Without a flush to the disk, which thousands of replacements would wait for.
  void replace(const Bytes& bytes) const {
    std::ofstream file(place.container, std::ios::binary | std::ios::trunc);
    file.write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
  }

  TemporaryFolder folder;
  FakeOwner owner;
  crypto::DataKey data_key = fake_data_key(1);
  crypto::SystemRandom random;
  ThreadPool pool{2};
  container::Header header;
  Bytes payload;
  ModelPlace place;
  bool operator_mode = false;  ///< Of the owner's policy.
  std::atomic<bool> abandoned{false};
};

}  // namespace torchkeep::worker::testing
