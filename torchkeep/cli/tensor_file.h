#pragma once

#include "torchkeep/base/file.h"
#include "torchkeep/runtime/tensor.h"

/// Tensors in files of their own: NumPy's .npy, and .pb as ONNX's conformance cases have it (one
/// TensorProto message). Which of the two, the file's name says.
namespace torchkeep::cli {

/// Errors: NotFound, Unavailable; InvalidArgument for another ending; Malformed, naming the file.
Result<runtime::Tensor> load_tensor(const Path& path);

/// A file of a value of that type, which for values that are no tensors is ONNX's SequenceProto or
/// OptionalProto. Errors: as load_tensor's.
Result<runtime::Tensor> load_value(const Path& path, runtime::DataType type);

/// `name` is written into a .pb file. Errors: Unavailable; InvalidArgument for another ending, or
/// for elements that NumPy has no type for.
Result<void> store_tensor(const Path& path, std::string_view name, const runtime::Tensor& tensor);

/// One TensorProto. Errors: Malformed, also for elements that lie in a further file.
/// Source: onnx.proto3, TensorProto.
Result<runtime::Tensor> parse_tensor_message(ByteView message);
/// One SequenceProto or OptionalProto. Errors: Malformed, also for maps and sparse tensors.
/// Source: onnx-data.proto3.
Result<runtime::Tensor> parse_items_message(runtime::DataType kind, ByteView message);
SecretBuffer encode_tensor_message(std::string_view name, const runtime::Tensor& tensor);

/// What a tensor's file is called in a folder: a name comes from the model and must not lead out.
std::string tensor_file_name(std::string_view name, std::string_view ending);

/// "float32", as NumPy calls what the Open Inference Protocol calls "FP32".
std::string numpy_name(runtime::DataType type);

}  // namespace torchkeep::cli
