#pragma once

#include <span>
#include <string>
#include <vector>

#include "torchkeep/base/file.h"
#include "torchkeep/runtime/tensor.h"

/// Many inputs of one model, as files that a user names.
namespace torchkeep::cli {

/// For each sample a file for each of the model's inputs. An argument is
/// - NAME=FILE: the k-th of a name belongs to sample k;
/// - FILE, of a model with one input: a sample;
/// - FOLDER: of a model with one input each of its .npy and .pb files is a sample, in the order of
///   their names; of one with several the folder is a sample with a file NAME.npy or NAME.pb for
///   each input, or holds folders that are.
/// Errors: InvalidArgument for a name that the model has not, an input that a sample lacks or a
/// folder that holds no sample; NotFound.
Result<std::vector<std::vector<Path>>> find_samples(std::span<const runtime::Port> ports,
                                                    const std::vector<std::string>& arguments);

}  // namespace torchkeep::cli
