#include "torchkeep/cli/model_inputs.h"

#include <gmock/gmock.h>

#include "torchkeep/base/text.h"
#include "torchkeep/cli/tensor_file.h"

#include "tests/support/files.h"

namespace torchkeep::cli {
namespace {

using runtime::DataType;
using runtime::Port;
using runtime::Tensor;
using ::testing::HasSubstr;

class ModelInputs : public ::testing::Test {
 protected:
  ModelInputs() {
    store("image.npy", DataType::Float32, {1, 2});
    store("wide.npy", DataType::Float32, {1, 3});
    store("row.npy", DataType::Float32, {2});
    store("whole.npy", DataType::Int64, {1, 2});
  }
  void store(const char* name, DataType dtype, const runtime::Shape& shape) {
    EXPECT_TRUE(
        store_tensor(folder_ / name, name, Tensor::uninitialised(dtype, shape).value()).ok());
  }
  std::string file(std::string_view name) const { return (folder_ / name).string(); }
  Result<std::vector<Tensor>> load(const std::vector<std::string>& arguments) const {
    return load_inputs(ports_, arguments);
  }
  /// The words of a refusal.
  std::string refusal(const std::vector<std::string>& arguments) const {
    const auto loaded = load(arguments);
    return loaded ? "not refused" : loaded.error().message;
  }

  testing::TemporaryFolder folder_;
  std::vector<Port> ports_ = {{"image", DataType::Float32, {-1, 2}}};
};

TEST_F(ModelInputs, AreTakenByNameOrAloneIfThereIsOne) {
  for (const std::string& argument : {"image=" + file("image.npy"), file("image.npy")}) {
    const auto loaded = load({argument});
    ASSERT_TRUE(loaded.ok()) << loaded.error();
    EXPECT_EQ(loaded->front().shape, (runtime::Shape{1, 2}));
  }
}

TEST_F(ModelInputs, MayHaveAnEqualsSignInNameOrFile) {
  ports_[0].name = "a=b";
  store("c=d.npy", DataType::Float32, {1, 2});
  EXPECT_TRUE(load({"a=b=" + file("c=d.npy")}).ok());
  EXPECT_TRUE(load({file("c=d.npy")}).ok());
}

TEST_F(ModelInputs, AreAllWantedOnce) {
  EXPECT_THAT(refusal({}), HasSubstr("\"image\" is missing"));
  EXPECT_THAT(refusal({"image=" + file("image.npy"), file("image.npy")}), HasSubstr("given twice"));
  EXPECT_THAT(refusal({"picture=" + file("image.npy")}), HasSubstr("no input \"picture\""));
  ports_.push_back({"mask", DataType::Bool, {-1}});
  EXPECT_THAT(refusal({file("image.npy")}), HasSubstr("NAME=FILE"));
  EXPECT_THAT(refusal({"image=" + file("image.npy")}), HasSubstr("\"mask\" is missing"));
}

TEST_F(ModelInputs, OfAnotherTypeOrShapeAreRefusedWithTheWayOut) {
  EXPECT_THAT(refusal({file("whole.npy")}), HasSubstr("astype('float32')"));
  EXPECT_THAT(refusal({file("wide.npy")}), HasSubstr("[1, 3]"));
  EXPECT_THAT(refusal({file("wide.npy")}), HasSubstr("[?, 2]"));
  EXPECT_THAT(refusal({file("row.npy")}), HasSubstr("array[None]"));
  EXPECT_THAT(refusal({file("absent.npy")}), HasSubstr("absent.npy"));
}

}  // namespace
}  // namespace torchkeep::cli
