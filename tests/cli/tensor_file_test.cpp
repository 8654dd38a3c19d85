#include "torchkeep/cli/tensor_file.h"

#include <gmock/gmock.h>

#include "torchkeep/base/text.h"
#include "torchkeep/runtime/graph/wire.h"

#include "tests/support/files.h"

namespace torchkeep::cli {
namespace {

using runtime::DataType;
using runtime::Tensor;
using ::testing::HasSubstr;
namespace wire = runtime::wire;

Tensor two_numbers() {
  Tensor tensor = Tensor::uninitialised(DataType::Float32, {2, 1}).value();
  tensor.elements<float>()[0] = 1.5F;
  tensor.elements<float>()[1] = -2;
  return tensor;
}

class StoredTensors : public ::testing::TestWithParam<const char*> {};

TEST_P(StoredTensors, ComeBackAsTheyWere) {
  testing::TemporaryFolder folder;
  const Path path = folder / (std::string("x") + GetParam());
  ASSERT_TRUE(store_tensor(path, "x", two_numbers()).ok());
  const auto back = load_tensor(path);
  ASSERT_TRUE(back.ok()) << back.error();
  EXPECT_EQ(back->dtype, DataType::Float32);
  EXPECT_EQ(back->shape, (runtime::Shape{2, 1}));
  EXPECT_EQ(back->data, two_numbers().data);
}

INSTANTIATE_TEST_SUITE_P(Tensors, StoredTensors, ::testing::Values(".npy", ".pb"),
                         [](const auto& each) { return std::string(each.param + 1); });

TEST(TensorFile, ReadsOnnxsOwnCases) {
  const Path folder =
      Path(TORCHKEEP_TESTS_FOLDER) / "runtime/vectors/onnx/test_add/test_data_set_0";
  const auto tensor = load_tensor(folder / "input_0.pb");
  ASSERT_TRUE(tensor.ok()) << tensor.error();
  EXPECT_EQ(tensor->shape, (runtime::Shape{3, 4, 5}));
}

TEST(TensorFile, SaysWhichEndingsThereAre) {
  testing::TemporaryFolder folder;
  for (const char* name : {"x", "x.pt", "x.npz", "npy"}) {
    const auto loaded = load_tensor(folder / name);
    ASSERT_FALSE(loaded.ok());
    EXPECT_EQ(loaded.error().code, ErrorCode::InvalidArgument);
    EXPECT_THAT(loaded.error().message, HasSubstr(".npy"));
    EXPECT_FALSE(store_tensor(folder / name, "x", two_numbers()).ok());
  }
  EXPECT_EQ(load_tensor(folder / "absent.pb").error().code, ErrorCode::NotFound);
}

// TensorProto: dims = 1, data_type = 2, float_data = 4, name = 8, raw_data = 9.
SecretBuffer message(std::int64_t size, std::size_t raw_bytes, std::int64_t type = 1) {
  SecretBuffer out;
  wire::append_int(out, 1, size);
  wire::append_int(out, 2, type);
  if (raw_bytes > 0) wire::append_field(out, 9, Bytes(raw_bytes));
  return out;
}

TEST(TensorFile, RefusesMessagesThatSayMoreThanTheyHold) {
  EXPECT_FALSE(parse_tensor_message(message(2, 4)).ok());
  EXPECT_FALSE(parse_tensor_message(message(1, 8)).ok());
  EXPECT_FALSE(parse_tensor_message(message(-1, 4)).ok());
  EXPECT_FALSE(parse_tensor_message(message(std::int64_t{1} << 39, 0)).ok());
  EXPECT_FALSE(parse_tensor_message(message(1, 4, 8)).ok());  // strings
  EXPECT_FALSE(parse_tensor_message(Bytes(40, 0xff)).ok());
}

TEST(TensorFile, ReadsNoFurtherFile) {
  SecretBuffer external = message(1, 0), entry;
  wire::append_field(entry, 1, as_bytes("location"));
  wire::append_field(entry, 2, as_bytes("/etc/passwd"));
  wire::append_field(external, 13, entry);
  wire::append_int(external, 14, 1);
  const auto parsed = parse_tensor_message(external);
  ASSERT_FALSE(parsed.ok());
  EXPECT_THAT(parsed.error().message, HasSubstr("another file"));
}

TEST(TensorFile, NamesLeadOutOfNoFolder) {
  EXPECT_EQ(tensor_file_name("../../etc/passwd", ".npy"), ".._.._etc_passwd.npy");
  EXPECT_EQ(tensor_file_name("/a", ".pb"), "_a.pb");
}

TEST(TensorFile, NumpysNamesAreLowerCase) {
  EXPECT_EQ(numpy_name(DataType::Float32), "float32");
  EXPECT_EQ(numpy_name(DataType::Int64), "int64");
  EXPECT_EQ(numpy_name(DataType::Bool), "bool");
}

}  // namespace
}  // namespace torchkeep::cli
