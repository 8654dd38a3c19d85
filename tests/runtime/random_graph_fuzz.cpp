// A valid graph that the bytes decide upon: the engine must take it, and answer as the operators'
// plain definitions do.
#include <cstdio>
#include <cstdlib>

#include "tests/runtime/random_graph_nodes.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace torchkeep::runtime;
  constexpr std::size_t kMostDecisions = 200;
  if (size > kMostDecisions) return 0;
  const testing::RandomGraph graph({data, size});
  const auto fail = [](const std::string& why) {
    std::fprintf(stderr, "%s\n", why.c_str());
    std::abort();
  };
  const auto model = testing::load(graph.graph(), {.threads = 1});
  if (!model) fail("refused: " + model.error().message);
  const auto answers = (*model)->run(graph.inputs());
  if (!answers) fail("not run: " + answers.error().message);
  if (const std::string words = graph.find_difference(*answers); !words.empty()) fail(words);
  return 0;
}
