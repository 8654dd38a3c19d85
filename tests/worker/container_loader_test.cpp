#include "torchkeep/worker/container_loader.h"

#include <gtest/gtest.h>

#include "tests/worker/protected.h"

namespace torchkeep::worker {
namespace {

using testing::Protected;

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
