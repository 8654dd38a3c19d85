#include "torchkeep/desk/protect.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "torchkeep/container/reader.h"
#include "torchkeep/runtime/graph/wire.h"

#include "tests/support/fake_clock.h"
#include "tests/support/files.h"

namespace torchkeep::desk {
namespace {

class Protecting : public ::testing::Test {
 protected:
  ProtectOrder order() const { return {.name = "resnet50", .container = container_}; }
  static Contents contents(std::string_view payload) {
    const auto read = [payload](MutableByteView out) mutable -> Result<void> {
      std::ranges::copy(as_bytes(payload.substr(0, out.size())), out.begin());
      payload.remove_prefix(out.size());
      return {};
    };
    return {.bytes = payload.size(), .read = read, .signature = {}};
  }
  Result<Protected> protect_it(const ProtectOrder& what, const Contents& with) {
    return protect(owner_, what, with, clock_, random_, pool_);
  }
  Result<std::string> read_back(const Protected& made) {
    const client::Recovery recovery = TRY(client::load_recovery(made.recovery));
    const auto key = TRY(client::decrypt_recovery(recovery, owner_.recovery_key()));
    auto reader = TRY(container::Reader::open(
        container_, key, {made.header.model, made.header.version, made.digest}, pool_));
    Bytes payload(reader.header().payload_bytes);
    TRY(reader.read_exactly(payload));
    TRY(reader.finish());
    return to_string(payload);
  }
  std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(work_.path())) {
      names.push_back(entry.path().filename().string());
    }
    std::ranges::sort(names);
    return names;
  }

  testing::TemporaryFolder folder_;
  testing::TemporaryFolder work_;
  testing::FakeClock clock_;
  crypto::SystemRandom random_;
  ThreadPool pool_{2};
  client::Owner owner_ = client::create_owner(folder_ / "owner", random_).value();
  Path container_ = work_ / "resnet50.tkm";
};

TEST_F(Protecting, MakesAContainerAndTheOnlyKeyToIt) {
  const auto made = protect_it(order(), contents("weights"));
  ASSERT_TRUE(made) << made.error();
  EXPECT_EQ(files(), (std::vector<std::string>{"resnet50.tkm", "resnet50.tkm.recovery"}));
  EXPECT_EQ(made->header.model, keys::model_id(owner_.public_key(), "resnet50"));
  EXPECT_EQ(made->header.version, 1u);
  EXPECT_EQ(made->header.created, clock_.now());
  const client::RecoveryHeader header = client::load_recovery(made->recovery).value().header;
  EXPECT_EQ(header.name, "resnet50");
  EXPECT_EQ(header.version, 1u);
  EXPECT_EQ(header.key_id, made->header.key_id);
  EXPECT_EQ(header.container_digest, container::load_digest(container_, pool_).value());
  EXPECT_EQ(read_back(*made).value(), "weights");
}

TEST_F(Protecting, GivesEachContainerAKeyOfItsOwn) {
  const auto first = protect_it(order(), contents("weights"));
  ProtectOrder other = order();
  other.container = work_ / "other.tkm";
  const auto second = protect_it(other, contents("weights"));
  EXPECT_NE(first->header.key_id, second->header.key_id);
  EXPECT_NE(first->digest, second->digest);
}

TEST_F(Protecting, ReplacesNothingUnlessTold) {
  ASSERT_TRUE(protect_it(order(), contents("weights")));
  const auto again = protect_it(order(), contents("others"));
  EXPECT_EQ(again.error().code, ErrorCode::InvalidArgument);
  EXPECT_NE(again.error().message.find("--force"), std::string::npos);
  std::filesystem::remove(container_);  // The recovery file alone is in the way too.
  EXPECT_EQ(protect_it(order(), contents("others")).error().code, ErrorCode::InvalidArgument);
}

TEST_F(Protecting, KeepsTheOldKeyWhenItReplaces) {
  const auto first = protect_it(order(), contents("weights"));
  ProtectOrder again = order();
  again.replace = true;
  const auto second = protect_it(again, contents("others"));
  ASSERT_TRUE(second) << second.error();
  EXPECT_EQ(read_back(*second).value(), "others");
  const Path older = first->recovery.string() + "." + first->header.key_id.hex();
  EXPECT_EQ(client::load_recovery(older).value().header.key_id, first->header.key_id);
}

TEST_F(Protecting, FindsTheKeyOfAContainer) {
  const auto made = protect_it(order(), contents("weights"));
  EXPECT_EQ(find_recovery(container_).value().header.container_digest, made->digest);
}

// What is on the disk when a replacement is killed between its key and its container.
TEST_F(Protecting, FindsTheOldKeyWhereTheNewContainerNeverAppeared) {
  const auto first = protect_it(order(), contents("weights"));
  std::filesystem::copy_file(container_, work_ / "saved");
  ProtectOrder again = order();
  again.replace = true;
  ASSERT_TRUE(protect_it(again, contents("others")));
  std::filesystem::rename(work_ / "saved", container_);
  EXPECT_EQ(find_recovery(container_).value().header.container_digest, first->digest);
}

TEST_F(Protecting, NamesTheKeyThatNoFileHolds) {
  const auto made = protect_it(order(), contents("weights"));
  std::filesystem::remove(made->recovery);
  const auto missing = find_recovery(container_);
  EXPECT_EQ(missing.error().code, ErrorCode::NotFound);
  EXPECT_NE(missing.error().message.find(made->header.key_id.hex()), std::string::npos);
}

TEST_F(Protecting, LeavesNothingWhenThePayloadFails) {
  Contents failing = contents("weights");
  failing.read = [](MutableByteView) { return unavailable("the disk is away"); };
  EXPECT_EQ(protect_it(order(), failing).error().message, "the disk is away");
  EXPECT_TRUE(files().empty());
}

TEST_F(Protecting, LeavesNoKeyWithoutItsContainer) {
  std::filesystem::create_directory(container_);  // So that the file cannot take its name.
  ProtectOrder anyway = order();
  anyway.replace = true;
  EXPECT_EQ(protect_it(anyway, contents("weights")).error().code, ErrorCode::Unavailable);
  EXPECT_EQ(files(), std::vector<std::string>{"resnet50.tkm"});
}

TEST_F(Protecting, ReplacesNoFileThatIsNoRecoveryFile) {
  std::ofstream(recovery_path(container_).string()) << "notes";
  ProtectOrder anyway = order();
  anyway.replace = true;
  const auto refused = protect_it(anyway, contents("weights"));
  EXPECT_EQ(refused.error().code, ErrorCode::Malformed);
  EXPECT_NE(refused.error().message.find("move it away"), std::string::npos);
  EXPECT_EQ(files(), std::vector<std::string>{"resnet50.tkm.recovery"});
}

struct BadOrder {
  const char* name;
  ProtectOrder order;
  const char* told;
};
void PrintTo(const BadOrder& bad, std::ostream* out) { *out << bad.name; }

class BadOrders : public ::testing::TestWithParam<BadOrder> {};

TEST_P(BadOrders, AreRefused) {
  const Result<void> refused = check_order(GetParam().order);
  EXPECT_EQ(refused.error().code, ErrorCode::InvalidArgument);
  EXPECT_NE(refused.error().message.find(GetParam().told), std::string::npos) << refused.error();
}

INSTANTIATE_TEST_SUITE_P(
    Protect, BadOrders,
    ::testing::Values(
        BadOrder{"NoName", {.name = "", .container = "x.tkm"}, "--name"},
        BadOrder{"NameWithSlash", {.name = "../x", .container = "x.tkm"}, "--name"},
        BadOrder{"NameInCapitals", {.name = "ResNet", .container = "x.tkm"}, "--name"},
        BadOrder{
            "VersionZero", {.name = "x", .version = 0, .container = "x.tkm"}, "--model-version"}),
    [](const auto& tested) { return std::string(tested.param.name); });

// Of an .onnx file with one node from "x" to "y", both float [1, 3].
SecretBuffer message(const std::function<void(SecretBuffer&)>& fill) {
  SecretBuffer out;
  fill(out);
  return out;
}
void add_port(SecretBuffer& graph, std::uint32_t number, std::string_view name) {
  using namespace runtime::wire;
  const auto dimension = [](std::int64_t size) {
    return message([&](SecretBuffer& out) { append_int(out, 1, size); });
  };
  const SecretBuffer shape = message([&](SecretBuffer& out) {
    append_field(out, 1, dimension(1));
    append_field(out, 1, dimension(3));
  });
  const SecretBuffer tensor = message([&](SecretBuffer& out) {
    append_int(out, 1, 1);
    append_field(out, 2, shape);
  });
  const SecretBuffer type = message([&](SecretBuffer& out) { append_field(out, 1, tensor); });
  append_field(graph, number, message([&](SecretBuffer& out) {
                 append_field(out, 1, as_bytes(name));
                 append_field(out, 2, type);
               }));
}
void store_onnx(const Path& path, std::string_view operation, std::string_view input = "x") {
  using namespace runtime::wire;
  const SecretBuffer node = message([&](SecretBuffer& out) {
    append_field(out, 1, as_bytes(input));
    append_field(out, 2, as_bytes("y"));
    append_field(out, 3, as_bytes("layer7"));
    append_field(out, 4, as_bytes(operation));
  });
  const SecretBuffer graph = message([&](SecretBuffer& out) {
    append_field(out, 1, node);
    append_field(out, 2, as_bytes("g"));
    add_port(out, 11, input);
    add_port(out, 12, "y");
  });
  const SecretBuffer model = message([&](SecretBuffer& out) {
    append_int(out, 1, 8);
    append_field(out, 7, graph);
    append_field(out, 8, message([](SecretBuffer& set) { append_int(set, 2, 17); }));
  });
  std::ofstream(path, std::ios::binary) << as_text(model);
}

TEST_F(Protecting, ChecksTheModelAndPublishesItsSignature) {
  store_onnx(work_ / "relu.onnx", "Relu");
  auto model = check_model(work_ / "relu.onnx");
  ASSERT_TRUE(model) << model.error();
  const std::string signature = encode_signature(*model).value();
  EXPECT_EQ(signature, R"({"inputs":[{"datatype":"FP32","name":"x","shape":[1,3]}],)"
                       R"("outputs":[{"datatype":"FP32","name":"y","shape":[1,3]}]})");
  const Contents packed{.bytes = model->payload.payload_bytes(),
                        .read = [&](MutableByteView out) { return model->payload.read(out); },
                        .signature = signature};
  const auto made = protect_it(order(), packed);
  ASSERT_TRUE(made) << made.error();
  EXPECT_EQ(read_back(*made).value().substr(0, 4), runtime::kPayloadMagic);
  EXPECT_EQ(container::load_header(container_).value().signature, signature);
  EXPECT_EQ(container::load_digest(container_, pool_).value(), made->digest);
}

TEST_F(Protecting, NamesTheNodeThatTheEngineCannotRun) {
  store_onnx(work_ / "odd.onnx", "Frobnicate");
  const auto refused = check_model(work_ / "odd.onnx");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::Malformed);
  EXPECT_NE(refused.error().message.find("Frobnicate"), std::string::npos) << refused.error();
  EXPECT_NE(refused.error().message.find("layer7"), std::string::npos) << refused.error();
}

TEST_F(Protecting, RefusesWhatIsNoModel) {
  EXPECT_EQ(check_model(work_ / "none.onnx").error().code, ErrorCode::NotFound);
  std::ofstream((work_ / "text.onnx").string()) << "PK this is a zip file";
  EXPECT_EQ(check_model(work_ / "text.onnx").error().code, ErrorCode::Malformed);
}

TEST_F(Protecting, PublishesNoNameThatIsNoText) {
  store_onnx(work_ / "relu.onnx", "Relu");
  CheckedModel model = check_model(work_ / "relu.onnx").value();
  model.inputs[0].name = "\xff";
  EXPECT_EQ(encode_signature(model).error().code, ErrorCode::InvalidArgument);
}

}  // namespace
}  // namespace torchkeep::desk
