#pragma once

#include <map>

#include "torchkeep/base/file.h"
#include "torchkeep/runtime/graph/onnx_tensor.h"

/// Reads the elements of an .onnx file's tensors, wherever they are: in the file as they lie in
/// memory, number by number, or in files beside it.
namespace torchkeep::runtime {

/// Where a model's external data lies: beside it, since a path that leads elsewhere would let a
/// model read any file. Errors: Malformed, naming the location.
Result<Path> external_path(const Path& model, std::string_view location);

/// *Lives on one thread.*
class TensorReader {
 public:
  /// For the tensors of the file `model`.
  explicit TensorReader(Path model) : model_(std::move(model)) {}

  /// Opens the file in which an external tensor lies. Errors: Malformed if that is not beside the
  /// model, or ends before the tensor does; NotFound, Unavailable.
  Result<void> open(const onnx::TensorProto& tensor);

  /// Elements from byte `from` on; behind them there are zeros. An external tensor must have been
  /// opened. Errors: Malformed for fewer elements than the shape says; Unavailable.
  Result<void> read(const onnx::TensorProto& tensor, std::uint64_t from, MutableByteView out);

 private:
  Path model_;
  std::map<std::string, FileSource, std::less<>> files_;
  const onnx::TensorProto* converted_ = nullptr;  ///< The tensor whose elements `numbers_` are.
  SecretBuffer numbers_;
};

}  // namespace torchkeep::runtime
