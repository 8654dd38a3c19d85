#pragma once

#include "torchkeep/runtime/graph/onnx_tensor.h"

/// The graph of a payload: what an .onnx file says, without what says nothing to an engine, and
/// with initializers that lie in the payload's data. docs/formats/payload.md has its form.
namespace torchkeep::runtime {

/// `model` is the file's ModelProto, `graph` the GraphProto in it. The elements of `tensors`, all
/// of its initializers, begin at `offsets` of the data. `more` are fields that the graph gets
/// besides. Errors: Malformed.
Result<SecretBuffer> encode_payload_graph(ByteView model, ByteView graph,
                                          std::span<const onnx::TensorProto> tensors,
                                          std::span<const std::uint64_t> offsets, ByteView more);

}  // namespace torchkeep::runtime
