// Of graphs within nodes, of values that are no tensors, of random numbers and of signals.
#include <array>

#include "torchkeep/runtime/kernels/operator_tables.h"
#include "torchkeep/runtime/kernels/operators.h"

namespace torchkeep::runtime::kernels {
namespace {

constexpr std::array kOperators{
    Operator{"Bernoulli", 15, 1, 1, 1, make_bernoulli},
    Operator{"BlackmanWindow", 17, 1, 1, 1, make_blackman_window},
    Operator{"ConcatFromSequence", 11, 1, 1, 1, make_concat_from_sequence},
    Operator{"DFT", 17, 1, 3, 1, make_dft},
    Operator{"HammingWindow", 17, 1, 1, 1, make_hamming_window},
    Operator{"HannWindow", 17, 1, 1, 1, make_hann_window},
    Operator{"If", 1, 1, 1, kMany, make_if},
    Operator{"Loop", 1, 1, kMany, kMany, make_loop},
    Operator{"MelWeightMatrix", 17, 5, 5, 1, make_mel_weight_matrix},
    Operator{"Multinomial", 7, 1, 1, 1, make_multinomial},
    Operator{"Optional", 15, 0, 1, 1, make_optional},
    Operator{"OptionalGetElement", 15, 1, 1, 1, make_optional_get_element},
    Operator{"OptionalHasElement", 15, 0, 1, 1, make_optional_has_element},
    Operator{"RandomNormal", 1, 0, 0, 1, make_random_normal},
    Operator{"RandomNormalLike", 1, 1, 1, 1, make_random_normal_like},
    Operator{"RandomUniform", 1, 0, 0, 1, make_random_uniform},
    Operator{"RandomUniformLike", 1, 1, 1, 1, make_random_uniform_like},
    Operator{"STFT", 17, 2, 4, 1, make_stft},
    Operator{"Scan", 8, 0, kMany, kMany, make_scan, false},
    Operator{"SequenceAt", 11, 2, 2, 1, make_sequence_at},
    Operator{"SequenceConstruct", 11, 1, kMany, 1, make_sequence_construct},
    Operator{"SequenceEmpty", 11, 0, 0, 1, make_sequence_empty},
    Operator{"SequenceErase", 11, 1, 2, 1, make_sequence_erase},
    Operator{"SequenceInsert", 11, 2, 3, 1, make_sequence_insert},
    Operator{"SequenceLength", 11, 1, 1, 1, make_sequence_length},
    Operator{"SequenceMap", 17, 1, kMany, kMany, make_sequence_map},
    Operator{"SplitToSequence", 11, 1, 2, 1, make_split_to_sequence},
};

}  // namespace

std::span<const Operator> control_operators() { return kOperators; }

}  // namespace torchkeep::runtime::kernels
