#pragma once

#include <memory>

#include "torchkeep/base/file.h"
#include "torchkeep/runtime/payload.h"

/// From an .onnx file on the owner's machine to the payload that a container encrypts.
namespace torchkeep::runtime {

/// Takes the next bytes of a payload.
using PayloadSink = std::function<Result<void>(ByteView bytes)>;

/// An .onnx file laid out as a payload. Parameters stay in the mapped file and pass through a
/// buffer of one MiB, whatever the model's size. *Lives on one thread.*
class PackedOnnx {
 public:
  /// Reads the graph; external data files are looked for beside `path` and nowhere else.
  /// Doc strings and metadata are left out. `more` are fields of a GraphProto that the graph gets
  /// besides: nodes that watch others, and outputs; no initializers. Does not check that the engine
  /// can run the model: `Model::load_onnx` does.
  /// Errors: NotFound; Unavailable; Malformed if it is no ONNX, an initializer's bytes do not
  /// follow its shape, or its type is one that the engine does not hold.
  static Result<PackedOnnx> open(const Path& path, ByteView more = {});
  PackedOnnx(PackedOnnx&&) noexcept;
  PackedOnnx& operator=(PackedOnnx&&) = delete;
  ~PackedOnnx();

  std::uint64_t payload_bytes() const;
  /// Fills `out` with the next bytes of the payload. Errors: InvalidArgument past its end.
  Result<void> read(MutableByteView out);
  /// Reading begins anew.
  void rewind();

 private:
  struct State;
  explicit PackedOnnx(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Writes the whole payload to `sink`, front to back. Errors: whatever `sink` fails with.
Result<void> write_payload(PackedOnnx& packed, const PayloadSink& sink);

}  // namespace torchkeep::runtime
