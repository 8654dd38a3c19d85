#pragma once

#include <functional>

#include "torchkeep/runtime/kernels/kernel.h"
#include "torchkeep/runtime/kernels/node_reader.h"
#include "torchkeep/runtime/kernels/panels.h"
#include "torchkeep/runtime/kernels/registry.h"

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

/// The weights of the state, R, of one direction, in panels: the gates' columns in the parts in
/// which a cell wants to multiply them.
class RecurrentProduct {
 public:
  RecurrentProduct(std::size_t hidden, const std::vector<std::size_t>& parts);

  std::size_t hidden() const { return hidden_; }
  /// Of one direction's panels.
  std::size_t floats() const { return floats_; }
  /// `from`: R of one direction, [gates * hidden, hidden].
  void pack(const float* from, float* to) const;

  /// to[b, gates of the part * hidden] = from[b, hidden] * R of the part, plus what stands there if
  /// `add`. Columns are shared among the threads of `pool`, unless it is null.
  void multiply(const float* panels, std::size_t part, Rows<const float> from, Rows<float> to,
                std::size_t batch, bool add, Pool* pool) const;

 private:
  struct Part {
    PanelProduct product;
    std::size_t start = 0;  ///< Of its panels, in floats.
  };
  std::size_t hidden_;
  std::vector<Part> parts_;
  std::size_t floats_ = 0;
};

/// One step of one direction for all of a batch.
/// `gates`: [batch, gates * hidden], the input's part and the biases. `hidden` is [batch, hidden]
/// before the step. The cell writes the new state of each row to `hidden` that is `active`.
struct CellStep {
  const RecurrentSizes& sizes;
  float* gates;
  const float* bias;  ///< Of R, for the gates that a cell keeps apart; null if there is none.
  float* hidden;
  float* cell;                  ///< LSTM alone.
  const float* peepholes;       ///< LSTM alone; may be null.
  float* scratch;               ///< [batch, 2 * hidden]
  const std::int32_t* lengths;  ///< Of each row; null: all are whole.
  std::size_t step;
  const RecurrentProduct& product;
  const float* panels;
  Pool* pool;

  bool active(std::size_t row) const {
    return lengths == nullptr || step < static_cast<std::size_t>(lengths[row]);
  }
  void multiply(std::size_t part, const float* from, Rows<float> to, bool add) const {
    product.multiply(panels, part, {from, sizes.hidden}, to, sizes.batch, add, pool);
  }
};

/// What one of the three is.
struct RecurrentKind {
  std::vector<std::size_t> parts;  ///< Gates in the order of R, as the cell multiplies them.
  bool has_cell = false;
  std::size_t apart = 0;  ///< The last gates, whose R bias the cell adds by itself.
  std::function<void(const CellStep&)> step;

  std::size_t gates() const {
    std::size_t sum = 0;
    for (const std::size_t part : parts) sum += part;
    return sum;
  }
};

/// W and R are packed by the first plan, if they are parameters.
Result<KernelPointer> make_recurrent(NodeReader& node, RecurrentSettings settings,
                                     RecurrentKind kind);

}  // namespace torchkeep::runtime::kernels
