#pragma once

#include "torchkeep/runtime/dnn/dnn.h"

#include "tests/runtime/graph_builder.h"

/// ResNet-50 as torchvision builds it, with seeded weights, made without PyTorch.
namespace torchkeep::runtime::testing {

struct Resnet {
  GraphBuilder graph;
  std::vector<dnn::Convolution> convolutions;  ///< As fused, for one image.
};

class ResnetBuilder {
 public:
  Resnet build() {
    resnet_.graph.input("input", {-1, 3, 224, 224}).output("output", {-1, 1000});
    std::string x = convolution("input", 3, 64, 7, 2, 224, true, "");
    add("MaxPool", {x}, "pool",
        {ints_attribute("kernel_shape", {3, 3}), ints_attribute("strides", {2, 2}),
         ints_attribute("pads", {1, 1, 1, 1})});
    x = "pool";
    std::int64_t channels = 64, size = 56;
    const std::vector<std::pair<int, std::int64_t>> stages{{3, 64}, {4, 128}, {6, 256}, {3, 512}};
    for (std::size_t stage = 0; stage < stages.size(); ++stage) {
      for (int block = 0; block < stages[stage].first; ++block) {
        const std::int64_t stride = block == 0 && stage > 0 ? 2 : 1, width = stages[stage].second;
        const std::string first = convolution(x, channels, width, 1, 1, size, true, "");
        const std::string second = convolution(first, width, width, 3, stride, size, true, "");
        const std::string shortcut =
            block == 0 ? convolution(x, channels, 4 * width, 1, stride, size, false, "") : x;
        size /= stride;
        x = convolution(second, width, 4 * width, 1, 1, size, true, shortcut);
        channels = 4 * width;
      }
    }
    add("GlobalAveragePool", {x}, "mean", {});
    add("Flatten", {"mean"}, "flat", {});
    resnet_.graph.random_weights("fc", {1000, 2048}, 0.02F, random_);
    resnet_.graph.random_weights("fc_bias", {1000}, 0.1F, random_);
    add("Gemm", {"flat", "fc", "fc_bias"}, "output", {int_attribute("transB", 1)});
    return std::move(resnet_);
  }

 private:
  void add(std::string_view op, const std::vector<std::string>& inputs, const std::string& output,
           const std::vector<Message>& attributes) {
    resnet_.graph.add(node(op, inputs, {output}, attributes, "/" + output));
  }

  /// Convolution and normalisation, then the sum with `residual` if that is not "", then ReLU if
  /// wanted.
  std::string convolution(const std::string& x, std::int64_t in, std::int64_t out,
                          std::int64_t kernel, std::int64_t stride, std::int64_t size, bool relu,
                          const std::string& residual) {
    const std::string name = "c" + std::to_string(resnet_.convolutions.size());
    const std::int64_t pad = kernel / 2, result = size / stride;
    GraphBuilder& graph = resnet_.graph;
    graph.random_weights(name + "w", {out, in, kernel, kernel},
                         std::sqrt(2.0F / static_cast<float>(in * kernel * kernel)), random_);
    for (const char* part : {"scale", "variance"})
      graph.weights(
          name + part, {out},
          std::vector<float>(static_cast<std::size_t>(out), residual.empty() ? 1.0F : 0.5F));
    for (const char* part : {"shift", "mean"})
      graph.random_weights(name + part, {out}, 0.1F, random_);
    add("Conv", {x, name + "w"}, name + "c",
        {ints_attribute("strides", {stride, stride}),
         ints_attribute("pads", {pad, pad, pad, pad})});
    add("BatchNormalization",
        {name + "c", name + "scale", name + "shift", name + "mean", name + "variance"}, name + "n",
        {});
    std::string output = name + "n";
    if (!residual.empty()) {
      add("Add", {output, residual}, name + "s", {});
      output = name + "s";
    }
    if (relu) add("Relu", {output}, name + "r", {});
    dnn::Epilogue epilogue;
    epilogue.residual = !residual.empty();
    epilogue.relu = relu;
    resnet_.convolutions.push_back({{1, in, size, size},
                                    {out, in, kernel, kernel},
                                    {1, out, result, result},
                                    {stride, stride},
                                    {1, 1},
                                    {pad, pad},
                                    {pad, pad},
                                    false,
                                    true,
                                    epilogue});
    return relu ? name + "r" : output;
  }

  std::mt19937 random_{50};
  Resnet resnet_;
};

}  // namespace torchkeep::runtime::testing
