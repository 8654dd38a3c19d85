#pragma once

#include "torchkeep/quantise/quantise.h"

#include "tests/runtime/graph_builder.h"
#include "tests/support/files.h"

/// Models in files, put together by hand.
namespace torchkeep::quantise::testing {

using namespace runtime::testing;  // NOLINT: the graph builder's words
using runtime::DataType;
using runtime::Shape;
using runtime::Tensor;
using torchkeep::testing::TemporaryFolder;

/// A graph whose initializers stand in the file.
class ModelFile {
 public:
  explicit ModelFile(std::uint32_t seed = 1) : random_(seed) {}

  ModelFile& add(const Message& node) {
    graph_.add(node);
    return *this;
  }
  ModelFile& input(std::string_view name, const Shape& shape, DataType type = DataType::Float32) {
    graph_.input(name, shape, type);
    return *this;
  }
  ModelFile& output(std::string_view name, const Shape& shape, DataType type = DataType::Float32) {
    graph_.output(name, shape, type);
    return *this;
  }
  template <typename T = float>
  ModelFile& known(std::string_view name, const Shape& shape, const std::vector<T>& values,
                   DataType type = DataType::Float32) {
    graph_.field(5, raw_tensor(type, shape, raw_bytes(values), name));
    return *this;
  }
  /// Seeded numbers around 0.
  ModelFile& weights(std::string_view name, const Shape& shape, float scale = 0.3F) {
    std::normal_distribution<float> normal(0, scale);
    std::vector<float> values(runtime::element_count(shape).value());
    for (float& value : values) value = normal(random_);
    return known(name, shape, values);
  }
  ModelFile& field(std::uint32_t number, const Message& message) {
    graph_.field(number, message);
    return *this;
  }
  void store(const Path& path, std::int64_t opset = 17) const {
    ASSERT_TRUE(store_file(path, graph_.model(opset)).ok());
  }

 private:
  GraphBuilder graph_;
  std::mt19937 random_;
};

/// Seeded numbers for each open dimension 2, `count` times.
inline SampleMaker random_samples(std::size_t count = 2) {
  return [count](const std::vector<runtime::Port>& ports) -> Result<Samples> {
    return Samples{count, [ports](std::size_t index) -> Result<std::vector<Tensor>> {
                     std::mt19937 random(static_cast<std::uint32_t>(index) + 7);
                     std::vector<Tensor> tensors;
                     for (const runtime::Port& port : ports) {
                       Shape shape = port.shape;
                       for (std::int64_t& size : shape) size = size == -1 ? 2 : size;
                       tensors.push_back(random_tensor(shape, random));
                     }
                     return tensors;
                   }};
  };
}

/// One sample, of one input.
inline SampleMaker sample_of(const std::vector<float>& values, const Shape& shape) {
  return [=](const std::vector<runtime::Port>&) -> Result<Samples> {
    return Samples{1, [=](std::size_t) -> Result<std::vector<Tensor>> {
                     return one(tensor<float>(shape, values));
                   }};
  };
}

/// The nodes of a model's file, by operator.
inline std::map<std::string, std::size_t> operators_of(const Path& path) {
  const Bytes file = load_file(path, std::size_t{1} << 30).value();
  std::map<std::string, std::size_t> found;
  runtime::wire::Reader model(file);
  while (const auto field = model.next().value()) {
    if (field->number != 7) continue;
    runtime::wire::Reader graph(field->bytes);
    while (const auto part = graph.next().value()) {
      if (part->number != 1) continue;
      runtime::wire::Reader node(part->bytes);
      while (const auto word = node.next().value())
        if (word->number == 4) ++found[std::string(word->as_text())];
    }
  }
  return found;
}

}  // namespace torchkeep::quantise::testing
