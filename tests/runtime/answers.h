#pragma once

#include "tests/runtime/node_case.h"
#include "tests/runtime/reference.h"

namespace torchkeep::runtime::testing {

/// The graph's outputs are those numbers, on one thread and on several, the first time and again.
inline void expect_answers(const GraphBuilder& graph, const std::vector<Tensor>& inputs,
                           const std::vector<std::vector<float>>& wanted, double tolerance) {
  for (const int threads : {1, 3}) {
    const auto model = load(graph, {.threads = threads});
    ASSERT_TRUE(model.ok()) << model.error();
    for (int again = 0; again < 2; ++again) {
      const auto outputs = (*model)->run(inputs);
      ASSERT_TRUE(outputs.ok()) << outputs.error();
      ASSERT_EQ(outputs->size(), wanted.size());
      for (std::size_t i = 0; i < wanted.size(); ++i)
        EXPECT_LT(largest_difference((*outputs)[i].elements<float>(), wanted[i]), tolerance) << i;
    }
  }
}

}  // namespace torchkeep::runtime::testing
