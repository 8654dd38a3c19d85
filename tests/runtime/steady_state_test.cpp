// What a run allocates once its shapes are known: nothing of our own. oneDNN makes a map of its
// arguments for each primitive that is executed; its interface has no way around that.
#include <atomic>
#include <cstdlib>
#include <new>

#include <gtest/gtest.h>

#include "tests/runtime/graph_builder.h"

namespace {

std::atomic<std::size_t> allocations{0};

[[maybe_unused]] void* try_counted(std::size_t size) {
  ++allocations;
  return std::malloc(size == 0 ? 1 : size);
}

[[maybe_unused]] void* counted(std::size_t size) {
  void* memory = try_counted(size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

// Sanitizers have operators of their own, which know more of memory than ours.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kCounts = false;
#else
constexpr bool kCounts = true;
void* operator new(std::size_t size) { return counted(size); }
void* operator new[](std::size_t size) { return counted(size); }
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return try_counted(size); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return try_counted(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
#endif

namespace torchkeep::runtime::testing {
namespace {

/// Allocations of one run after some.
template <typename Graph>
std::size_t allocations_of(const Graph& graph, const std::vector<Tensor>& inputs, int threads) {
  const auto model = load(graph, {.threads = threads});
  EXPECT_TRUE(model.ok()) << model.error();
  std::vector<Tensor> outputs;
  for (int i = 0; i < 3; ++i) EXPECT_TRUE((*model)->run(inputs, outputs).ok());
  const std::uint8_t* memory = outputs[0].data.data();
  const std::size_t before = allocations;
  const bool done = (*model)->run(inputs, outputs).ok();
  const std::size_t after = allocations;
  EXPECT_TRUE(done);
  EXPECT_EQ(outputs[0].data.data(), memory) << "the answer lies where the last one lay";
  return after - before;
}

TEST(SteadyState, OwnKernelsAllocateNothing) {
  if (!kCounts) GTEST_SKIP() << "allocations are the sanitizer's here";
  std::mt19937 random(3);
  GraphBuilder graph;
  graph.input("x", {-1, 4, 32}).output("y", {-1, 4, 32}).output("m", {-1, 4, 1});
  graph.random_weights("g", {32}, 1, random);
  graph.random_weights("b", {32}, 1, random);
  graph.add(node("LayerNormalization", {"x", "g", "b"}, {"n"})).add(node("Add", {"n", "b"}, {"a"}));
  graph.add(node("Transpose", {"a"}, {"t"}, {ints_attribute("perm", {0, 2, 1})}));
  graph.add(node("MatMul", {"a", "t"}, {"s"})).add(node("Softmax", {"s"}, {"p"}));
  graph.add(node("MatMul", {"p", "a"}, {"y"}));
  graph.add(node("ReduceMean", {"a"}, {"m"}, {ints_attribute("axes", {-1})}));
  std::vector<Tensor> inputs;
  inputs.push_back(random_tensor({3, 4, 32}, random));
  for (const int threads : {1, 2}) EXPECT_EQ(allocations_of(graph, inputs, threads), 0U);
}

// Language models come with new lengths all the time: what is made for one must be little.
TEST(SteadyState, TheOperatorAttentionAllocatesNothing) {
  if (!kCounts) GTEST_SKIP() << "allocations are the sanitizer's here";
  std::mt19937 random(3);
  GraphBuilder graph;
  graph.input("q", {1, 3, 64})
      .input("k", {1, -1, 32})
      .input("v", {1, -1, 32})
      .output("y", {1, 3, 64});
  graph.add(node("Attention", {"q", "k", "v"}, {"y"},
                 {int_attribute("q_num_heads", 4), int_attribute("kv_num_heads", 2)}));
  std::vector<Tensor> inputs;
  inputs.push_back(random_tensor({1, 3, 64}, random));
  for (int i = 0; i < 2; ++i) inputs.push_back(random_tensor({1, 70, 32}, random));
  const SecretBuffer payload = graph.payload(23);
  for (const int threads : {1, 2}) EXPECT_EQ(allocations_of(payload, inputs, threads), 0U);
}

/// As many products, one after the other.
GraphBuilder chain(int length) {
  std::mt19937 random(3);
  GraphBuilder graph;
  graph.input("v0", {2, 32});
  graph.random_weights("w", {32, 32}, 0.2F, random);
  for (int i = 0; i < length; ++i) {
    const std::string from = "v" + std::to_string(i), to = "v" + std::to_string(i + 1);
    graph.add(node("MatMul", {from, "w"}, {to}));
  }
  return graph.output("v" + std::to_string(length), {2, 32});
}

TEST(SteadyState, APrimitiveCostsWhatOneDnnTakes) {
  if (!kCounts) GTEST_SKIP() << "allocations are the sanitizer's here";
  std::mt19937 random(3);
  std::vector<Tensor> inputs;
  inputs.push_back(random_tensor({2, 32}, random));
  const std::size_t single = allocations_of(chain(1), inputs, 1);
  EXPECT_EQ(allocations_of(chain(3), inputs, 1), 3 * single);
}

TEST(SteadyState, AnAnswerOfAnotherSizeGetsMemoryOfItsOwn) {
  GraphBuilder graph;
  graph.input("x", {-1, 2}).output("y", {-1, 2}).add(node("Relu", {"x"}, {"y"}));
  const auto model = load(graph);
  ASSERT_TRUE(model.ok()) << model.error();
  std::vector<Tensor> outputs;
  outputs.push_back(tensor({5}, {9, 9, 9, 9, 9}));
  outputs.push_back(tensor({1}, {9}));  // one too many
  for (const std::int64_t rows : {2, 1, 3}) {
    const std::vector<Tensor> inputs =
        one(tensor({rows, 2}, std::vector<float>(static_cast<std::size_t>(2 * rows), 1.5F)));
    ASSERT_TRUE((*model)->run(inputs, outputs).ok());
    ASSERT_EQ(outputs.size(), 1U);
    EXPECT_EQ(outputs[0].shape, (Shape{rows, 2}));
    for (const float value : outputs[0].elements<float>()) EXPECT_EQ(value, 1.5F);
  }
}

}  // namespace
}  // namespace torchkeep::runtime::testing
