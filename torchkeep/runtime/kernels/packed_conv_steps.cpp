#include "torchkeep/runtime/kernels/packed_conv_steps.h"

#include <algorithm>
#include <cstring>

#include "torchkeep/runtime/kernels/axis.h"

namespace torchkeep::runtime::kernels {
namespace {

/// Where a line of the image stands among those of the padded one, counted in places.
std::size_t padded_place(const ByteImage& image, std::size_t line) {
  std::size_t place = 0, step = static_cast<std::size_t>(image.padded.back());
  for (std::size_t d = image.spatial.size() - 1; d-- > 0;) {
    const auto size = static_cast<std::size_t>(image.spatial[d]);
    place += (line % size + static_cast<std::size_t>(image.begin[d])) * step;
    step *= static_cast<std::size_t>(image.padded[d]);
    line /= size;
  }
  return place + line * step + static_cast<std::size_t>(image.begin.back());  // line: the batch
}

}  // namespace

plan::Action padding_action(const ByteImage& image, std::uint8_t flip, bool has_zero) {
  const std::size_t rank = image.spatial.size(),
                    lines = image.batch * extent(image.spatial, 0, rank - 1),
                    width = extent(image.spatial, rank - 1, rank) * image.channels,
                    all = image.batch * extent(image.padded, 0, rank) * image.channels;
  return [=](std::span<std::byte* const> memory, Pool& pool) -> Result<void> {
    const auto* from = source<std::uint8_t>(memory, 0);
    auto* to = target<std::uint8_t>(memory, 2);
    const std::uint8_t zero = has_zero ? *source<std::uint8_t>(memory, 1) : 0;
    std::memset(to, zero ^ flip, all);
    pool.parallel_for(lines, rows_a_thread(width), [&](std::size_t begin, std::size_t end) {
      for (std::size_t line = begin; line < end; ++line) {
        const std::uint8_t* row = from + line * width;
        std::uint8_t* out = to + padded_place(image, line) * image.channels;
        for (std::size_t i = 0; i < width; ++i) out[i] = row[i] ^ flip;
      }
    });
    return {};
  };
}

plan::Action window_sums_action(const WindowWalk& walk, std::size_t batch, std::size_t groups,
                                std::size_t width) {
  return [=](std::span<std::byte* const> memory, Pool& pool) -> Result<void> {
    // Unsigned, where numbers wrap around.
    const std::size_t elements = walk.elements(), places = walk.places();
    auto* each = target<std::uint32_t>(memory, 1);
    pool.parallel_for(batch * elements * groups, rows_a_thread(width),
                      [&](std::size_t begin, std::size_t end) {
                        for (std::size_t i = begin; i < end; ++i) {
                          const auto* from = source<std::uint8_t>(memory, 0) + i * width;
                          std::uint32_t sum = 0;
                          for (std::size_t c = 0; c < width; ++c) sum += from[c];
                          each[i] = sum;
                        }
                      });
    pool.parallel_for(batch * places, rows_a_thread(groups * walk.taps()),
                      [&](std::size_t begin, std::size_t end) {
                        for (std::size_t i = begin; i < end; ++i) {
                          auto* to = target<std::uint32_t>(memory, 2) + i * groups;
                          std::fill_n(to, groups, 0);
                          walk.visit(i % places, [&](std::size_t, std::size_t element) {
                            const std::uint32_t* from =
                                each + (i / places * elements + element) * groups;
                            for (std::size_t g = 0; g < groups; ++g) to[g] += from[g];
                          });
                        }
                      });
    return {};
  };
}

plan::Action ending_action(const ConvEnding& wanted) {
  return [=](std::span<std::byte* const> memory, Pool& pool) -> Result<void> {
    const auto* sums = source<std::uint32_t>(memory, 0);
    const auto* weights = source<std::uint32_t>(memory, 1);
    const auto* zeros = source<std::uint32_t>(memory, 2);
    const auto* windows = source<std::uint32_t>(memory, 3);
    const std::uint8_t byte = wanted.has_zero ? *source<std::uint8_t>(memory, 4) : 0;
    const std::uint32_t zero = byte ^ wanted.flip;
    const auto count = static_cast<std::uint32_t>(wanted.products);
    const std::size_t each = wanted.channels / wanted.groups;
    pool.parallel_for(
        wanted.batch * wanted.channels, rows_a_thread(wanted.places),
        [&](std::size_t begin, std::size_t end) {
          for (std::size_t i = begin; i < end; ++i) {
            const std::size_t n = i / wanted.channels, c = i % wanted.channels;
            const std::uint32_t less = zero * weights[c], middle = zeros[c];
            auto* to = target<std::uint32_t>(memory, 5) + i * wanted.places;
            const std::uint32_t* from = sums + n * wanted.places * wanted.channels + c;
            for (std::size_t p = 0; p < wanted.places; ++p)
              to[p] = from[p * wanted.channels] - less;
            if (wanted.around_zero || middle == 0) continue;
            const std::uint32_t* seen = windows + n * wanted.places * wanted.groups + c / each;
            for (std::size_t p = 0; p < wanted.places; ++p)
              to[p] -= middle * (seen[p * wanted.groups] - zero * count);
          }
        });
    return {};
  };
}

}  // namespace torchkeep::runtime::kernels
