#include "torchkeep/worker/container_loader.h"

#include <fstream>

#include <gtest/gtest.h>

#include "torchkeep/base/encoding.h"
#include "torchkeep/container/writer.h"
#include "torchkeep/runtime/pack.h"

#include "tests/support/fake_owner.h"
#include "tests/support/files.h"

namespace torchkeep::worker {
namespace {

/// A protected model, registered by its owner; each test spoils one thing before it is loaded.
struct Protected {
  explicit Protected(std::string_view model = "test_single_relu_model") {
    auto packed = runtime::PackedOnnx::open(Path(TORCHKEEP_TESTS_FOLDER) / "runtime/vectors/onnx" /
                                            model / "model.onnx")
                      .value();
    header.model = owner.model();
    header.version = 1;
    header.payload_kind = "onnx";
    header.payload_bytes = packed.payload_bytes();
    header.key_id = keys::key_id(data_key.expose());
    header.created = parse_rfc3339("2026-11-23T10:00:00Z").value();
    payload = Bytes(packed.payload_bytes());
    EXPECT_TRUE(packed.read(payload));
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
    EXPECT_TRUE(digest) << digest.error();
    keys::Policy policy = testing::fake_policy();
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
  Result<std::unique_ptr<Engine>> load() {
    ContainerLoader loader(pool, 1);
    return loader.load(place, {}, key(), abandoned);
  }
  Bytes container() const { return load_file(place.container, 1 << 20).value(); }
  /// Without a flush to the disk, which thousands of replacements would wait for.
  void replace(const Bytes& bytes) const {
    std::ofstream file(place.container, std::ios::binary | std::ios::trunc);
    file.write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
  }

  testing::TemporaryFolder folder;
  testing::FakeOwner owner;
  crypto::DataKey data_key = testing::fake_data_key(1);
  crypto::SystemRandom random;
  ThreadPool pool{2};
  container::Header header;
  Bytes payload;
  ModelPlace place;
  bool operator_mode = false;  ///< Of the owner's policy.
  std::atomic<bool> abandoned{false};
};

TEST(ContainerLoader, RunsWhatTheOwnerProtected) {
  Protected model;
  const auto engine = model.write().load();
  ASSERT_TRUE(engine) << engine.error();
  ASSERT_EQ((*engine)->inputs().size(), 1u);
  const runtime::Port& port = (*engine)->inputs()[0];
  std::vector<runtime::Tensor> inputs;
  inputs.push_back(runtime::Tensor::uninitialised(port.dtype, port.shape).value());
  std::ranges::fill(inputs[0].elements<float>(), -1.0F);
  inputs[0].elements<float>()[0] = 3.0F;
  const auto outputs = (*engine)->run(inputs);
  ASSERT_TRUE(outputs) << outputs.error();
  EXPECT_EQ((*outputs)[0].elements<float>()[0], 3.0F);
  EXPECT_EQ((*outputs)[0].elements<float>()[1], 0.0F);
}

// Every bit is tests/container's business; here each byte must count, through to the runtime.
TEST(ContainerLoader, RefusesAFlippedBitOfEveryByte) {
  Protected model;
  const Bytes whole = model.write().container();
  for (std::size_t i = 0; i < whole.size(); ++i) {
    Bytes flipped = whole;
    flipped[i] = static_cast<std::uint8_t>(flipped[i] ^ (1U << i % 8));
    model.replace(flipped);
    const auto engine = model.load();
    ASSERT_FALSE(engine) << "byte " << i;
    EXPECT_TRUE(engine.error().code == ErrorCode::Untrusted ||
                engine.error().code == ErrorCode::Malformed)
        << "byte " << i << ": " << engine.error();
  }
}

TEST(ContainerLoader, RefusesTruncations) {
  Protected model;
  const Bytes whole = model.write().container();
  for (std::size_t size = 0; size < whole.size(); size += 7) {
    model.replace(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)));
    EXPECT_FALSE(model.load()) << size;
  }
  Bytes longer = whole;
  longer.push_back(0);
  model.replace(longer);
  EXPECT_FALSE(model.load());
}

struct Mismatch {
  const char* name;
  std::function<void(Protected&)> spoil;
  ErrorCode code;
  const char* told;
};
void PrintTo(const Mismatch& mismatch, std::ostream* out) { *out << mismatch.name; }
class Mismatches : public ::testing::TestWithParam<Mismatch> {};

TEST_P(Mismatches, AreRefused) {
  Protected model;
  GetParam().spoil(model);
  const auto engine = model.load();
  ASSERT_FALSE(engine);
  EXPECT_EQ(engine.error().code, GetParam().code) << engine.error();
  EXPECT_NE(engine.error().message.find(GetParam().told), std::string::npos) << engine.error();
}

INSTANTIATE_TEST_SUITE_P(
    All, Mismatches,
    ::testing::Values(
        Mismatch{"AnotherVersionsFolder", [](auto& m) { m.write(), m.place.version = 2; },
                 ErrorCode::Untrusted, "version"},
        Mismatch{"AnotherVersionInside", [](auto& m) { m.header.version = 2, m.write(); },
                 ErrorCode::Untrusted, "version"},
        Mismatch{"AnotherModel", [](auto& m) { m.header.model.bytes[0] ^= 1, m.write(); },
                 ErrorCode::Untrusted, "model"},
        // Whoever holds a DEK could write a container of his own; the owner did not sign its
        // digest.
        Mismatch{"AForgeryUnderTheRightKey",
                 [](auto& m) {
                   m.write();
                   m.header.created += std::chrono::seconds(1);
                   ASSERT_TRUE(container::write_container(
                       m.place.container, m.header, m.data_key, m.random, m.pool,
                       [&](MutableByteView out) -> Result<void> {
                         std::ranges::copy(ByteView(m.payload).first(out.size()), out.begin());
                         return {};
                       }));
                 },
                 ErrorCode::Untrusted, "digest"},
        Mismatch{"OperatorsThatThePolicyDoesNotAllow",
                 [](auto& m) { m.header.payload_kind = "operators", m.write(); }, ErrorCode::Denied,
                 "clause operator_mode"},
        Mismatch{"NoContainer", [](auto& m) { m.write(), m.replace(Bytes(100, 'x')); },
                 ErrorCode::Malformed, "container"},
        Mismatch{"NoFile", [](auto& m) { m.write(), std::filesystem::remove(m.place.container); },
                 ErrorCode::NotFound, "model.tkm"},
        Mismatch{"NobodyWaitsAnyMore", [](auto& m) { m.write(), m.abandoned = true; },
                 ErrorCode::Unavailable, "given up"}),
    [](const auto& one) { return one.param.name; });

// What a container is, its owner has said in it: neither the policy nor the host turns one into the
// other.
TEST(ContainerLoader, HasNoOperatorsOfAWholeModelWhateverThePolicyAllows) {
  Protected model;
  model.operator_mode = true;
  const auto engine = model.write().load();
  ASSERT_TRUE(engine) << engine.error();
  EXPECT_TRUE((*engine)->operators().empty());
  EXPECT_EQ((*engine)->run_operator(0, {}).error().code, ErrorCode::InvalidArgument);
}

TEST(ContainerLoader, RefusesAWholeGraphThatCallsItselfOperators) {
  Protected model;
  model.operator_mode = true;
  model.header.payload_kind = "operators";
  EXPECT_EQ(model.write().load().error().code, ErrorCode::Malformed) << "ports without operators";
}

TEST(ContainerLoader, TellsNothingOfAGraphThatTheEngineDoesNotRun) {
  Protected model;
  // The last letter of an operator's name, somewhere in the graph: an operator that nobody has.
  const std::string_view graph = as_text(model.payload);
  const auto at = graph.find("Relu");
  ASSERT_NE(at, std::string_view::npos);
  model.payload[at + 3] = 'x';
  const auto engine = model.write().load();
  ASSERT_FALSE(engine);
  EXPECT_EQ(engine.error().code, ErrorCode::Malformed);
  EXPECT_EQ(engine.error().message.find("Relx"), std::string::npos);
  EXPECT_NE(engine.error().message.find("torchkeep protect"), std::string::npos);
}

}  // namespace
}  // namespace torchkeep::worker
