#include "torchkeep/quantise/quantise.h"

#include <filesystem>

#include "torchkeep/quantise/opset.h"
#include "torchkeep/quantise/unfinished.h"
#include "torchkeep/quantise/ways.h"

namespace torchkeep::quantise {
namespace {

// A layer with fewer weights is not worth what stands around it; within a chain of integers, less
// is.
constexpr std::size_t kFewestWeights = 1024, kFewestInChain = 256;

// Of DynamicQuantizeLinear, of scales along an axis, and of blocks of numbers of 4 bits.
constexpr std::int64_t kOpsetOfDynamic = 11, kOpsetOfChannels = 13, kOpsetOfBlocks = 21;

std::int64_t opset_of(const Order& order) {
  if (order.way == Way::Dynamic) return kOpsetOfDynamic;
  return order.bits == 4 ? kOpsetOfBlocks : kOpsetOfChannels;
}

Wanted wanted_of(const Order& order) {
  const bool chains = order.way == Way::Static;
  return {.convolutions = chains, .fewest_weights = chains ? kFewestInChain : kFewestWeights};
}

Result<void> check_order(const Order& order) {
  if (order.bits != 8 && (order.bits != 4 || order.way != Way::Weights))
    return invalid_argument("weights of ", order.bits,
                            " bits: wanted are 8, or 4 where weights alone are quantised");
  if (order.block < 16 || order.block > 4096 || (order.block & (order.block - 1)) != 0)
    return invalid_argument("blocks of ", order.block, ": wanted is a power of 2 from 16 to 4096");
  if (!(order.percentile > 50 && order.percentile <= 100))
    return invalid_argument("percentile ", order.percentile,
                            ": wanted is more than 50, at most 100");
  std::error_code ignored;
  if (std::filesystem::equivalent(order.model, order.output, ignored))
    return invalid_argument(order.output.native(), " is the model itself; name another file");
  if (!order.replace && std::filesystem::exists(order.output, ignored))
    return invalid_argument(order.output.native(),
                            " is there already; --force replaces it, or name another file");
  return {};
}

/// Why nothing can be quantised, by the reasons for what there is.
Error nothing_to_do(const std::vector<Left>& left) {
  if (left.empty()) return invalid_argument("the model has no Conv, Gemm or MatMul to quantise");
  return invalid_argument("there is no layer to quantise; of ", left.size(), " the first is ",
                          left[0].op, " ", left[0].node, ": ", left[0].reason);
}

Result<std::unique_ptr<runtime::Model>> load(const Path& path, const Order& order) {
  return runtime::Model::load_onnx(path, {.threads = order.threads}).context(path.native());
}

/// Returns the products that were quantised.
Result<std::vector<Product>> change(Draft& draft, const Order& order, std::vector<Product> products,
                                    const Samples& samples, const Step& step,
                                    std::vector<Left>& left) {
  switch (order.way) {
    case Way::Weights:
      TRY(quantise_weights(draft, products, order.bits, order.block, step));
      return products;
    case Way::Dynamic: TRY(quantise_dynamically(draft, products, step)); return products;
    case Way::Static: break;
  }
  return quantise_statically(draft, products, samples,
                             {.percentile = order.percentile, .threads = order.threads},
                             order.portable, step, left);
}

}  // namespace

Result<Report> quantise(const Order& order, const SampleMaker& make_samples, const Ticks& ticks) {
  TRY(check_order(order));
  const Source source = TRY(Source::open(order.model));
  Report report;
  std::vector<Product> products = find_products(source, wanted_of(order), report.left);
  std::vector<Table> tables;
  if (order.way == Way::Weights)
    tables = TRY(find_tables(source, wanted_of(order), products, report.left));
  if (products.empty() && tables.empty()) return nothing_to_do(report.left);
  const auto before = TRY(load(order.model, order));
  const Samples samples = TRY(make_samples(before->inputs()));
  if (samples.count == 0) return invalid_argument("there is no sample to run the model on");

  Draft draft(source);
  const std::size_t runs = samples.count * (order.way == Way::Static ? 2 : 1);
  const std::size_t steps = products.size() + tables.size() + runs;
  std::size_t done = 0;
  const auto step = [&] {
    if (ticks) ticks(static_cast<double>(++done) / static_cast<double>(steps));
  };
  report.rewritten = TRY(raise_opset(draft, opset_of(order)));
  products = TRY(change(draft, order, std::move(products), samples, step, report.left));
  TRY(quantise_tables(draft, tables, order.bits, order.block, step));
  if (products.empty() && tables.empty()) return nothing_to_do(report.left);
  TRY(draft.drop_unread());

  const Unfinished made = TRY(Unfinished::beside(order.output));
  const Stored stored = TRY(store(draft, made.file_for(order.output)));
  {
    const auto after = TRY(load(made.file_for(order.output), order).context("the quantised model"));
    report.differences = TRY(measure_difference(*before, *after, samples, step));
  }
  TRY(made.take_place(stored.data, order.output));
  report.samples = samples.count;
  report.bytes_before = source.bytes();
  report.bytes_after = stored.bytes;
  if (!stored.data.empty()) report.data = order.output.parent_path() / stored.data.filename();
  report.opset_before = source.opset();
  report.opset_after = draft.opset();
  for (const Product& product : products)
    ++report.quantised[std::string(source.nodes()[product.node].op)];
  for (const Table& table : tables) {
    report.quantised["Gather"] += table.lookups;
    for (const std::size_t head : table.heads)
      ++report.quantised[std::string(source.nodes()[head].op)];
  }
  return report;
}

}  // namespace torchkeep::quantise
