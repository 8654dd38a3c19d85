#include "torchkeep/runtime/kernels/staged_packing.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "torchkeep/runtime/kernels/panels.h"

namespace torchkeep::runtime::kernels {
namespace {

// Loading may take 64 MiB and 0.15 of the parameters beside these: a stage stays well below both,
// so that there is room for what smaller matrices left behind.
constexpr std::uint64_t kSmallestStageBytes = std::uint64_t{32} << 20, kPartOfModel = 16;
// What is left of a row-major matrix is moved once a stage: eight stages move it four times.
constexpr std::uint64_t kMostStages = 8;

std::uint64_t in_sixteens(std::int64_t rows) {
  return (static_cast<std::uint64_t>(rows) + 15) / 16 * 16;
}

std::uint64_t panel_bytes(const Shape& matrix) {
  return in_sixteens(matrix[0]) * kPanelColumns * sizeof(float);
}

/// Takes the first `columns` out of a row-major matrix, whose memory then begins with the rest.
void drop_columns(std::span<float> matrix, std::size_t rows, std::size_t columns) {
  const std::size_t before = matrix.size() / rows, rest = before - columns;
  const float* from = matrix.data() + columns;
  float* to = matrix.data();
  for (std::size_t row = 0; row < rows; ++row, from += before, to += rest)
    std::memmove(to, from, rest * sizeof(float));
}

}  // namespace

Result<void> run_reorder(dnn::Primitive& reorder, ByteView from, MutableByteView to) {
  SecretBytes scratch(reorder.scratch_bytes());
  std::array<std::byte*, 3> arguments{
      const_cast<std::byte*>(reinterpret_cast<const std::byte*>(from.data())),  // only read
      reinterpret_cast<std::byte*>(to.data()),
      reinterpret_cast<std::byte*>(scratch.expose().data())};
  return reorder.run(std::span(arguments).first(scratch.empty() ? 2 : 3));
}

std::uint64_t stage_bytes(std::uint64_t matrix_bytes, std::uint64_t model_bytes) {
  const std::uint64_t stage =
      std::max({kSmallestStageBytes, model_bytes / kPartOfModel, matrix_bytes / kMostStages});
  return std::min(stage, matrix_bytes);
}

bool packs_in_stages(const dnn::Layout& layout, const Shape& matrix) {
  // oneDNN's own choice may pad rows otherwise.
  return matrix.size() == 2 &&
         layout.panel_floats(kPanelColumns) == panel_bytes(matrix) / sizeof(float);
}

std::int64_t stage_columns(const Shape& matrix, std::uint64_t model_bytes) {
  const std::uint64_t panel = panel_bytes(matrix),
                      all = panel_count(static_cast<std::size_t>(matrix[1])) * panel;
  const std::uint64_t panels = std::max<std::uint64_t>(stage_bytes(all, model_bytes) / panel, 1);
  return static_cast<std::int64_t>(panels * kPanelColumns);
}

Result<void> pack_in_stages(dnn::Machine& machine, graph::Constant& from, const Shape& matrix,
                            bool transposed, std::int64_t columns, MutableByteView to) {
  constexpr auto kPanel = static_cast<std::int64_t>(kPanelColumns);
  TORCHKEEP_CHECK(columns > 0 && columns % kPanel == 0);
  const auto rows = static_cast<std::size_t>(matrix[0]);
  for (std::int64_t done = 0; done < matrix[1]; done += columns) {
    const std::int64_t rest = matrix[1] - done;
    const Shape part{matrix[0], std::min(columns, rest)};
    const dnn::Layout layout = dnn::column_panels(part);
    dnn::Primitive reorder = transposed
                                 ? TRY(dnn::make_transposing_reorder(machine, part, layout))
                                 : TRY(dnn::make_strided_reorder(machine, part, rest, layout));
    const MutableByteView packed = to.first(layout.bytes(part));
    to = to.subspan(packed.size());
    if (layout.is_padded()) std::ranges::fill(packed, std::uint8_t{0});
    const std::size_t taken = rows * static_cast<std::size_t>(part[1]) * sizeof(float),
                      left = rows * static_cast<std::size_t>(rest) * sizeof(float);
    if (transposed) {
      const std::size_t first = from.bytes().size() - left;
      TRY(run_reorder(reorder, from.bytes().subspan(first, taken), packed));
      from.discard(first, taken);
    } else {
      TRY(run_reorder(reorder, from.bytes().first(left), packed));
      drop_columns(from.elements<float>().first(left / sizeof(float)), rows,
                   static_cast<std::size_t>(part[1]));
      from.discard(left - taken, taken);
    }
  }
  TORCHKEEP_CHECK(to.empty());
  return {};
}

}  // namespace torchkeep::runtime::kernels
