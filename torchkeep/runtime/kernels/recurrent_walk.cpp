#include "torchkeep/runtime/kernels/recurrent_walk.h"

#include <algorithm>

#include "torchkeep/runtime/kernels/types.h"

namespace torchkeep::runtime::kernels {
namespace {

constexpr std::size_t kFloatsAThread = 65536;  // of weights: below, waking a thread costs more

void begin_with(float* to, const float* from, std::size_t count) {
  if (from == nullptr)
    std::fill_n(to, count, 0.0F);
  else
    std::copy_n(from, count, to);
}

}  // namespace

RecurrentProduct::RecurrentProduct(std::size_t hidden, const std::vector<std::size_t>& parts)
    : hidden_(hidden) {
  for (const std::size_t part : parts) {
    parts_.push_back({{hidden, part * hidden}, floats_});
    floats_ += panel_count(part * hidden) * hidden * kPanelColumns;
  }
}

void RecurrentProduct::pack(const float* from, float* to) const {
  for (const Part& part : parts_) {
    pack_panels(part.product, from, to + part.start);
    from += part.product.columns * hidden_;
  }
}

void RecurrentProduct::multiply(const float* panels, std::size_t part, Rows<const float> from,
                                Rows<float> to, std::size_t batch, bool add, Pool* pool) const {
  const Part& chosen = parts_[part];
  const std::size_t count = panel_count(chosen.product.columns);
  const auto some = [&](std::size_t first, std::size_t last) {
    multiply_panels(chosen.product, panels + chosen.start, from, to, batch, add, first, last);
  };
  if (pool == nullptr)
    some(0, count);
  else
    pool->parallel_for(count, 1 + kFloatsAThread / (hidden_ * kPanelColumns * batch), some);
}

Result<void> RecurrentWalk::run(std::span<std::byte* const> memory, Pool& pool) const {
  TRY(check_lengths(memory));
  // Steps beyond a sequence's end are zero.
  if (places_.lengths != 0) {
    std::fill_n(target<float>(memory, places_.all),
                sizes_.steps * sizes_.directions * sizes_.batch * sizes_.hidden, 0.0F);
  }
  if (sizes_.directions == 1 || pool.threads() == 1) {
    for (std::size_t d = 0; d < sizes_.directions; ++d) walk(memory, d, &pool);
    return {};
  }
  // Each thread keeps a direction's weights in its own cache.
  pool.parallel_for(sizes_.directions, 1, [&](std::size_t first, std::size_t last) {
    for (std::size_t d = first; d < last; ++d) walk(memory, d, nullptr);
  });
  return {};
}

Result<void> RecurrentWalk::check_lengths(std::span<std::byte* const> memory) const {
  for (std::size_t b = 0; places_.lengths != 0 && b < sizes_.batch; ++b) {
    const std::int32_t length = source<std::int32_t>(memory, places_.lengths)[b];
    if (length < 0 || static_cast<std::size_t>(length) > sizes_.steps)
      return malformed("a sequence's length is ", length, " of ", sizes_.steps);
  }
  return {};
}

void RecurrentWalk::walk(std::span<std::byte* const> memory, std::size_t direction,
                         Pool* pool) const {
  const std::size_t width = kind_.gates() * sizes_.hidden, state = sizes_.batch * sizes_.hidden;
  const auto at = [&](std::size_t place, std::size_t each) {
    return place == 0 ? nullptr : target<float>(memory, place) + direction * each;
  };
  const float* products = target<float>(memory, direction);
  float* hidden = at(places_.last_h, state);
  float* cells = at(places_.last_c, state);
  begin_with(hidden, at(places_.first_h, state), state);
  if (cells != nullptr) begin_with(cells, at(places_.first_c, state), state);
  const float* bias = at(places_.bias, 2 * width);
  CellStep step{sizes_,
                at(places_.gates, sizes_.batch * width),
                bias == nullptr ? nullptr : bias + 2 * width - kind_.apart * sizes_.hidden,
                hidden,
                cells,
                at(places_.peepholes, 3 * sizes_.hidden),
                at(places_.scratch, 2 * state),
                places_.lengths == 0 ? nullptr : source<std::int32_t>(memory, places_.lengths),
                0,
                product_,
                at(places_.panels, product_.floats()),
                pool};
  for (; step.step < sizes_.steps; ++step.step) {
    for (std::size_t b = 0; b < sizes_.batch; ++b) {
      std::copy_n(products + (time_of(step, direction, b) * sizes_.batch + b) * width, width,
                  step.gates + b * width);
    }
    kind_.step(step);
    for (std::size_t b = 0; b < sizes_.batch; ++b) {
      if (!step.active(b)) continue;
      const std::size_t row =
          (time_of(step, direction, b) * sizes_.directions + direction) * sizes_.batch + b;
      std::copy_n(hidden + b * sizes_.hidden, sizes_.hidden,
                  target<float>(memory, places_.all) + row * sizes_.hidden);
    }
  }
}

std::size_t RecurrentWalk::time_of(const CellStep& step, std::size_t direction,
                                   std::size_t row) const {
  if (!backwards_[direction] || !step.active(row)) return step.step;
  const std::size_t length =
      step.lengths == nullptr ? sizes_.steps : static_cast<std::size_t>(step.lengths[row]);
  return length - 1 - step.step;
}

}  // namespace torchkeep::runtime::kernels
