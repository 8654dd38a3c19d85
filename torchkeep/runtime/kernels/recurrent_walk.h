#pragma once

#include "torchkeep/runtime/kernels/recurrent.h"

/// The steps of a recurrent layer, one direction after the other or both at once.
namespace torchkeep::runtime::kernels {

/// Where everything is among a step's memory; 0 for what there is not. Products come first, one a
/// direction.
struct RecurrentPlaces {
  std::size_t panels = 0, bias = 0, lengths = 0, first_h = 0, first_c = 0, peepholes = 0;
  std::size_t all = 0, last_h = 0, last_c = 0, gates = 0, scratch = 0;
};

/// All steps of all directions. *Immutable.*
class RecurrentWalk {
 public:
  RecurrentWalk(const RecurrentSizes& sizes, RecurrentKind kind, std::vector<bool> backwards,
                const RecurrentPlaces& places)
      : sizes_(sizes),
        kind_(std::move(kind)),
        backwards_(std::move(backwards)),
        places_(places),
        product_(sizes.hidden, kind_.parts) {}

  /// Errors: Malformed for a sequence that is longer than there are steps.
  Result<void> run(std::span<std::byte* const> memory, Pool& pool) const;

 private:
  Result<void> check_lengths(std::span<std::byte* const> memory) const;
  void walk(std::span<std::byte* const> memory, std::size_t direction, Pool* pool) const;
  /// Which of a row's steps is looked at; of a row that has ended, any.
  std::size_t time_of(const CellStep& step, std::size_t direction, std::size_t row) const;

  RecurrentSizes sizes_;
  RecurrentKind kind_;
  std::vector<bool> backwards_;
  RecurrentPlaces places_;
  RecurrentProduct product_;
};

}  // namespace torchkeep::runtime::kernels
