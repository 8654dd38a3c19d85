#pragma once

#include <filesystem>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/quantise/model_file.h"

/// What the tests of whole models that are quantised share.
namespace torchkeep::quantise::testing {

class Quantise : public ::testing::Test {
 protected:
  Result<Report> quantise(const ModelFile& file, Order order = {}, const SampleMaker& samples = {},
                          std::int64_t opset = 17) {
    file.store(model_, opset);
    order.model = model_;
    order.output = output_;
    order.replace = true;
    return quantise::quantise(order, samples ? samples : random_samples());
  }
  /// Quantises without an error, and answers that are as near as `most` of the largest number.
  Report near(const ModelFile& file, const Order& order, double most) {
    const auto made = quantise(file, order);
    EXPECT_TRUE(made.ok()) << made.error();
    if (!made.ok()) return {};
    for (const Difference& each : made->differences) {
      EXPECT_LE(each.relative, most) << each.output;
      EXPECT_GT(each.absolute, 0) << "nothing was rounded";
    }
    return *made;
  }
  std::map<std::string, std::size_t> operators() const { return operators_of(output_); }
  bool is_there() const { return std::filesystem::exists(output_); }
  std::set<std::string> files() const {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path()))
      names.insert(entry.path().filename());
    return names;
  }

  TemporaryFolder folder_;
  Path model_ = folder_ / "m.onnx", output_ = folder_ / "o.onnx";
};

inline Order by(Way way, int bits = 8) {
  Order order;
  order.way = way;
  order.bits = bits;
  return order;
}

/// A MatMul with bias, a curve, and a Gemm as PyTorch writes it.
inline ModelFile two_layers() {
  ModelFile file;
  return file.input("x", {-1, 64})
      .output("y", {-1, 24})
      .weights("w", {64, 48})
      .weights("b", {48})
      .weights("v", {24, 48})
      .weights("c", {24})
      .add(node("MatMul", {"x", "w"}, {"p"}))
      .add(node("Add", {"p", "b"}, {"s"}))
      .add(node("Relu", {"s"}, {"r"}))
      .add(node("Gemm", {"r", "v", "c"}, {"y"}, {int_attribute("transB", 1)}));
}

}  // namespace torchkeep::quantise::testing
