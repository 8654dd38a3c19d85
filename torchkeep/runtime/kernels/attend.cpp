#include "torchkeep/runtime/kernels/attend.h"

#include <algorithm>

namespace torchkeep::runtime::kernels {
namespace {

constexpr std::int64_t kProductsAThread = 65536;  // below, waking a thread costs more

std::int64_t offset_of(const AttendRows& rows, const Shape& batch, std::size_t plane) {
  std::int64_t offset = 0;
  auto left = static_cast<std::int64_t>(plane);
  for (std::size_t i = batch.size(); i-- > 0;) {
    offset += left % batch[i] * rows.batch[i];
    left /= batch[i];
  }
  return offset;
}

bool is_side_by_side(const Attend& attend) { return attend.queries >= kFewestSideBySide; }

std::size_t scratch_floats(const Attend& attend) {
  return is_side_by_side(attend) ? side_by_side_floats(attend)
                                 : static_cast<std::size_t>(attend.keys);
}

}  // namespace

std::size_t Attend::planes() const {
  std::size_t product = 1;
  for (const std::int64_t size : batch) product *= static_cast<std::size_t>(size);
  return product;
}

double Attend::flops() const {
  return 2.0 * static_cast<double>(planes()) * static_cast<double>(queries * keys) *
         static_cast<double>(width + value_width);
}

std::uint64_t attend_scratch_bytes(const Attend& attend, int threads) {
  return scratch_floats(attend) * sizeof(float) * static_cast<std::uint64_t>(threads);
}

plan::Action attend_action(const Attend& attend) {
  return [attend](std::span<std::byte* const> memory, Pool& pool) -> Result<void> {
    const bool masked = attend.mask != AttendMask::None;
    const std::int64_t each = is_side_by_side(attend) ? kSideBySide : attend.queries;
    const auto blocks = static_cast<std::size_t>((attend.queries + each - 1) / each);
    const std::int64_t products =
        std::min(each, attend.queries) * attend.keys * (attend.width + attend.value_width);
    const auto grain = static_cast<std::size_t>(1 + kProductsAThread / products);
    pool.parallel_for(
        attend.planes() * blocks, grain,
        [&](std::size_t begin, std::size_t end, std::size_t thread) {
          for (std::size_t task = begin; task < end; ++task) {
            const std::size_t index = task / blocks;
            const std::int64_t first = static_cast<std::int64_t>(task % blocks) * each,
                               last = std::min(first + each, attend.queries);
            const auto at = [&](std::size_t place, const AttendRows& rows) {
              return source<float>(memory, place) + offset_of(rows, attend.batch, index);
            };
            AttendPlane plane{};
            plane.query = at(0, attend.query);
            plane.key = at(1, attend.key);
            plane.value = at(2, attend.value);
            if (attend.mask == AttendMask::Added) plane.added = at(3, attend.mask_rows);
            if (masked && plane.added == nullptr) {
              plane.truths =
                  source<Truth>(memory, 3) + offset_of(attend.mask_rows, attend.batch, index);
            }
            plane.output = target<float>(memory, masked ? 4 : 3) +
                           offset_of(attend.output, attend.batch, index);
            plane.scratch = target<float>(memory, masked ? 5 : 4) + thread * scratch_floats(attend);
            if (is_side_by_side(attend))
              attend_side_by_side(attend, plane, first, last);
            else
              attend_one_by_one(attend, plane, first, last);
          }
        });
    return {};
  };
}

}  // namespace torchkeep::runtime::kernels
