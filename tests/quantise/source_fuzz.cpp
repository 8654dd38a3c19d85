// An .onnx file of anybody's making: taken apart, its products found, its weights quantised, its
// operator set raised, and written. What is written must read back as what was meant.
#include <filesystem>

#include <sys/mman.h>
#include <unistd.h>

#include "torchkeep/base/check.h"
#include "torchkeep/quantise/draft.h"
#include "torchkeep/quantise/opset.h"
#include "torchkeep/quantise/ways.h"

#include "tests/support/files.h"

namespace torchkeep::quantise {
namespace {

const testing::TemporaryFolder& folder() {
  static const testing::TemporaryFolder made;
  return made;
}

/// With every way that needs no run of the model.
void quantise(const Path& path, int bits, std::int64_t opset) {
  const auto source = Source::open(path);
  if (!source) return;
  std::vector<Left> left;
  const auto products = find_products(*source, {.convolutions = false}, left);
  for (const Left& each : left) TORCHKEEP_CHECK(!each.reason.empty());
  Draft draft(*source);
  if (!raise_opset(draft, opset)) return;
  const auto done = bits == 0 ? quantise_dynamically(draft, products, [] {})
                              : quantise_weights(draft, products, bits, 32, [] {});
  if (!done || !draft.drop_unread()) return;
  const Path output = folder() / "o.onnx";
  const auto stored = store(draft, output, bits == 8 ? 2048 : 1 << 20);
  if (!stored) return;
  const auto again = Source::open(output);
  if (products.empty()) {
    TORCHKEEP_CHECK(again.ok());
    TORCHKEEP_CHECK(again->nodes().size() <= source->nodes().size());
  } else {  // quantised: which it is refused for
    TORCHKEEP_CHECK(!again.ok());
  }
}

}  // namespace
}  // namespace torchkeep::quantise

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace torchkeep;
  static const int file = memfd_create("model", 0);
  static const Path path = "/proc/self/fd/" + std::to_string(file);
  TORCHKEEP_CHECK(ftruncate(file, 0) == 0);
  TORCHKEEP_CHECK(pwrite(file, data, size, 0) == static_cast<ssize_t>(size));
  quantise::quantise(path, 8, 13);
  quantise::quantise(path, 4, 21);
  quantise::quantise(path, 0, 11);
  return 0;
}
