#pragma once

#include <functional>

#include "torchkeep/runtime/kernels/node_reader.h"
#include "torchkeep/runtime/plan/builder.h"

/// What LSTM, GRU and RNN share: sequences that are walked forwards, backwards or both ways.
namespace torchkeep::runtime::kernels {

struct RecurrentSettings {
  std::size_t hidden = 0;
  std::vector<bool> backwards;  ///< One a direction.
  bool batch_first = false;     ///< Of X, Y and the states: layout 1.
};

/// Reads the attributes that all three have, activations not.
/// Errors: Malformed; also for what is not supported.
Result<RecurrentSettings> read_recurrent(NodeReader& node);

/// The attribute `activations`, which must name those of `choices` in each direction: which of them
/// it is; the first, which the standard means, if it is not there. Errors: Malformed for others.
Result<std::size_t> read_activations(NodeReader& node, const RecurrentSettings& settings,
                                     const std::vector<std::vector<std::string_view>>& choices);

struct RecurrentSizes {
  std::size_t steps = 0, batch = 0, input = 0, hidden = 0, directions = 0;
};

/// Looks at inputs X, W, R, B, sequence_lens and initial_h. Errors: Malformed if they do not fit
/// `gates` gates.
Result<RecurrentSizes> recurrent_sizes(const plan::Builder& builder,
                                       const RecurrentSettings& settings, std::size_t gates);

/// One step of one direction for all of a batch.
/// `products`: [batch, gates * hidden], the input's part, biases not included. `w_bias` and
/// `r_bias` are null if there are none. `hidden` is [batch, hidden] before the step. The cell
/// writes the new state of each row to `hidden` for which `active` says so.
struct CellStep {
  float* products;
  const float* w_bias;
  const float* r_bias;
  float* hidden;
  float* cell;             ///< LSTM alone.
  const float* peepholes;  ///< LSTM alone; may be null.
  float* scratch;          ///< [batch, gates * hidden]
  float* limited;          ///< [batch, hidden], scratch too.
  const std::vector<bool>& active;
};

/// Adds the product of `hidden` with rows of R to what stands in `to`; R is of this direction.
/// `first`, `count`: which gates' rows.
class RecurrentProduct {
 public:
  virtual ~RecurrentProduct() = default;
  /// to[batch, count * hidden] = from[batch, hidden] * R[first...]^T
  virtual Result<void> multiply(std::size_t part, const float* from, float* to) = 0;
};

using Cell = std::function<Result<void>(const RecurrentSizes&, const CellStep&, RecurrentProduct&)>;

/// Adds the steps that make output 0 (all states), 1 (the last) and, with `has_cell`, 2.
/// `parts`: the gates in the order of R, in groups that the cell multiplies separately.
Result<void> plan_recurrent(plan::Builder& builder, const RecurrentSettings& settings,
                            const std::vector<std::size_t>& parts, bool has_cell, Cell cell);

}  // namespace torchkeep::runtime::kernels
