// ResNet-50's latency, and beside it that of its convolutions as bare primitives: what remains
// between them is ours.
#include <array>

#include <benchmark/benchmark.h>

#include "torchkeep/runtime/threads/pool.h"

#include "tests/runtime/resnet.h"

namespace torchkeep::runtime::testing {
namespace {

void resnet50(benchmark::State& state) {
  const auto model =
      load(ResnetBuilder().build().graph, {.threads = static_cast<int>(state.range(0))}).value();
  std::mt19937 random(1);
  const Tensor input = random_tensor({state.range(1), 3, 224, 224}, random);
  for (auto _ : state) benchmark::DoNotOptimize(model->run({&input, 1}).value());
  state.SetItemsProcessed(state.iterations() * state.range(1));
}
BENCHMARK(resnet50)
    ->ArgNames({"threads", "batch"})
    ->ArgsProduct({{1, 2}, {1, 8}})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

void resnet50_bare_convolutions(benchmark::State& state) {
  struct Layer {
    dnn::Primitive primitive;
    std::vector<SecretBytes> memory;
    std::vector<std::byte*> arguments;
  };
  Pool pool(static_cast<int>(state.range(0)));
  const Pool::Run threads(pool);
  dnn::Machine machine;
  std::vector<Layer> layers;
  dnn::Layout layout;
  for (const dnn::Convolution& convolution : ResnetBuilder().build().convolutions) {
    dnn::Planned planned =
        dnn::make_convolution(machine, convolution, layout, std::nullopt).value();
    layout = planned.output;
    Layer layer;
    for (const std::uint64_t bytes :
         {planned.input.bytes(convolution.input), planned.weights.bytes(convolution.weights),
          4 * static_cast<std::uint64_t>(convolution.output[1]),
          planned.output.bytes(convolution.output), planned.primitive.scratch_bytes()}) {
      if (bytes == 0) continue;
      layer.memory.emplace_back(bytes);
      // Ordinary numbers: infinities would slow the same primitives down many times.
      float* elements = reinterpret_cast<float*>(layer.memory.back().expose().data());
      for (std::size_t i = 0; i < bytes / 4; ++i)
        elements[i] = static_cast<float>(i % 13) / 512 - 0.01F;
      layer.arguments.push_back(reinterpret_cast<std::byte*>(elements));
    }
    layer.primitive = std::move(planned.primitive);
    layers.push_back(std::move(layer));
  }
  for (auto _ : state) {
    for (Layer& layer : layers) layer.primitive.run(layer.arguments).value();
  }
}
BENCHMARK(resnet50_bare_convolutions)
    ->ArgName("threads")
    ->Arg(1)
    ->Arg(2)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

void resnet50_load(benchmark::State& state) {
  const SecretBuffer payload = ResnetBuilder().build().graph.payload();
  for (auto _ : state) benchmark::DoNotOptimize(load(payload, {.threads = 2}).value());
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(payload.size()));
}
BENCHMARK(resnet50_load)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace torchkeep::runtime::testing
