#include "torchkeep/runtime/tensor_reader.h"

#include <algorithm>

#include "torchkeep/base/text.h"

namespace torchkeep::runtime {

using onnx::TensorProto;

Result<Path> external_path(const Path& model, std::string_view location) {
  const Path relative(location);
  const bool leaves = std::ranges::any_of(relative, [](const Path& part) { return part == ".."; });
  if (location.empty() || relative.is_absolute() || leaves) {
    return malformed("external data \"", location, "\" is not beside the model");
  }
  return model.parent_path() / relative;
}

Result<void> TensorReader::open(const TensorProto& tensor) {
  const std::string who = text("tensor \"", tensor.name, "\"");
  const Path where = TRY(external_path(model_, tensor.external->location).context(who));
  auto known = files_.find(tensor.external->location);
  if (known == files_.end()) {
    known =
        files_.emplace(tensor.external->location, TRY(FileSource::open(where).context(who))).first;
  }
  const std::uint64_t size = known->second.size();
  if (tensor.external->offset > size || tensor.byte_count > size - tensor.external->offset) {
    return malformed(who, " of ", tensor.byte_count, " bytes at ", tensor.external->offset,
                     " ends after ", where.native(), ", which has ", size);
  }
  return {};
}

Result<void> TensorReader::read(const TensorProto& tensor, std::uint64_t from,
                                MutableByteView out) {
  const std::size_t present =
      from >= tensor.byte_count ? 0 : std::min<std::uint64_t>(out.size(), tensor.byte_count - from);
  const MutableByteView elements = out.first(present);
  std::ranges::fill(out.subspan(present), std::uint8_t{0});
  if (present == 0) return {};
  if (tensor.external) {
    return files_.find(tensor.external->location)
        ->second.read_exactly_at(tensor.external->offset + from, elements);
  }
  if (tensor.raw) {
    std::ranges::copy(tensor.raw->subspan(from, present), elements.begin());
    return {};
  }
  if (converted_ != &tensor) {
    // Each element of a list takes a byte of the file or more, so a claimed shape allocates
    // nothing.
    std::uint64_t room = 0;
    for (const ByteView field : tensor.typed) room += 8 * field.size();
    if (tensor.byte_count > room) {
      return malformed("tensor \"", tensor.name, "\" has fewer elements than its shape says");
    }
    converted_ = nullptr;
    numbers_.resize(tensor.byte_count);
    TRY(onnx::copy_elements(tensor, numbers_));
    converted_ = &tensor;
  }
  std::ranges::copy(MutableByteView(numbers_).subspan(from, present), elements.begin());
  return {};
}

}  // namespace torchkeep::runtime
