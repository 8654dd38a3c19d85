#include "torchkeep/runtime/pack.h"

#include <algorithm>
#include <deque>
#include <map>
#include <unordered_map>

#include "torchkeep/base/mapped_file.h"
#include "torchkeep/base/text.h"
#include "torchkeep/runtime/four_bits.h"
#include "torchkeep/runtime/graph/onnx_tensor.h"

namespace torchkeep::runtime {
namespace {

using onnx::TensorProto;
using wire::Field;
using wire::WireType;

constexpr std::size_t kBufferBytes = std::size_t{1} << 20;
constexpr std::int64_t kExternal = 1;

void append_text(SecretBuffer& out, std::uint32_t number, std::string_view text) {
  wire::append_field(out, number, as_bytes(text));
}

void append_external_entry(SecretBuffer& out, std::string_view key, std::string_view value) {
  SecretBuffer entry;
  append_text(entry, 1, key);
  append_text(entry, 2, value);
  wire::append_field(out, 13, entry);
}

// An initializer as docs/formats/payload.md has it.
SecretBuffer encode_initializer(const TensorProto& tensor, std::uint64_t offset) {
  SecretBuffer out;
  for (const std::int64_t size : tensor.shape) wire::append_int(out, 1, size);
  wire::append_int(out, 2, static_cast<std::int64_t>(tensor.dtype));
  append_text(out, 8, tensor.name);
  append_external_entry(out, "location", "payload");
  append_external_entry(out, "offset", text(offset));
  append_external_entry(out, "length", text(tensor.byte_count));
  wire::append_int(out, 14, kExternal);
  return out;
}

/// A message without its fields `left_out`.
Result<SecretBuffer> without(ByteView message, std::initializer_list<std::uint32_t> left_out) {
  SecretBuffer out;
  wire::Reader reader(message);
  while (const std::optional<Field> field = TRY(reader.next())) {
    if (std::ranges::find(left_out, field->number) != left_out.end()) continue;
    append(out, field->whole);
  }
  return out;
}

std::uint64_t aligned(std::uint64_t size) {
  return (size + kPayloadAlignment - 1) / kPayloadAlignment * kPayloadAlignment;
}

}  // namespace

Result<Path> external_path(const Path& model, std::string_view location) {
  const Path relative(location);
  const bool leaves = std::ranges::any_of(relative, [](const Path& part) { return part == ".."; });
  if (location.empty() || relative.is_absolute() || leaves) {
    return malformed("external data \"", location, "\" is not beside the model");
  }
  return model.parent_path() / relative;
}

struct PackedOnnx::State {
  Path path;
  MappedFile file;
  SecretBuffer more;                 // fields that the caller adds to the graph
  std::deque<SecretBuffer> widened;  // initializers that the file holds in 4 bits
  std::vector<TensorProto> tensors;  // in the payload's order
  std::vector<std::uint64_t> offsets;
  std::map<std::string, FileSource, std::less<>> external;
  SecretBuffer head;  // everything before the data
  std::uint64_t data_bytes = 0;

  std::uint64_t position = 0;
  std::size_t current = 0;  // the tensor whose converted elements are in `converted`
  SecretBuffer converted;   // of a tensor that is written number by number
  bool has_converted = false;

  State(Path model, MappedFile mapped, ByteView added)
      : path(std::move(model)), file(std::move(mapped)), more(to_secret_buffer(added)) {}

  Result<void> lay_out();
  Result<ByteView> graph_message() const;
  Result<std::vector<TensorProto>> collect(ByteView graph, std::vector<std::string_view>& used);
  Result<TensorProto> parse_initializer(ByteView message);
  Result<SecretBuffer> encode_graph(ByteView graph) const;
  Result<void> open_external(const TensorProto& tensor);
  Result<SecretBuffer> load_external(const TensorProto& tensor);
  Result<void> read_tensor(std::size_t index, std::uint64_t from, MutableByteView out);
};

Result<ByteView> PackedOnnx::State::graph_message() const {
  std::optional<ByteView> graph;
  wire::Reader reader(file.bytes());
  while (const std::optional<Field> field = TRY(reader.next())) {
    if (field->number != 7) continue;
    TRY(wire::expect(*field, WireType::Bytes, "graph"));
    graph = field->bytes;
  }
  if (!graph) return malformed("there is no graph in it");
  return *graph;
}

Result<std::vector<TensorProto>> PackedOnnx::State::collect(ByteView graph,
                                                            std::vector<std::string_view>& used) {
  std::vector<TensorProto> found;
  wire::Reader reader(graph);
  while (const std::optional<Field> field = TRY(reader.next())) {
    if (field->number == 5) found.push_back(TRY(parse_initializer(field->bytes)));
    if (field->number != 1) continue;
    wire::Reader node(field->bytes);
    while (const std::optional<Field> part = TRY(node.next())) {
      if (part->number == 1) used.push_back(part->as_text());
    }
  }
  return found;
}

Result<TensorProto> PackedOnnx::State::parse_initializer(ByteView message) {
  if (!TRY(holds_four_bits(message))) return onnx::parse_tensor(message);
  std::optional<SecretBuffer> pairs;
  if (const auto outline = TRY(outline_four_bits(message))) {
    const TensorProto bytes = TRY(onnx::parse_tensor(*outline));
    if (bytes.external) pairs = TRY(load_external(bytes));
  }
  widened.push_back(
      TRY(widen_four_bits(message, pairs ? std::optional<ByteView>(*pairs) : std::nullopt)));
  TensorProto tensor = TRY(onnx::parse_tensor(widened.back()));
  const std::string_view name = tensor.name;
  TRY(check_four_bit_readers(TRY(graph_message()), {&name, 1}));
  return tensor;
}

Result<void> PackedOnnx::State::open_external(const TensorProto& tensor) {
  const std::string who = text("tensor \"", tensor.name, "\"");
  const Path where = TRY(external_path(path, tensor.external->location).context(who));
  auto known = external.find(tensor.external->location);
  if (known == external.end()) {
    known = external.emplace(tensor.external->location, TRY(FileSource::open(where).context(who)))
                .first;
  }
  const std::uint64_t size = known->second.size();
  if (tensor.external->offset > size || tensor.byte_count > size - tensor.external->offset) {
    return malformed(who, " of ", tensor.byte_count, " bytes at ", tensor.external->offset,
                     " ends after ", where.native(), ", which has ", size);
  }
  return {};
}

Result<SecretBuffer> PackedOnnx::State::load_external(const TensorProto& tensor) {
  TRY(open_external(tensor));  // whose file has as many bytes, so a claimed shape allocates nothing
  SecretBuffer elements(tensor.byte_count);
  TRY(external.find(tensor.external->location)
          ->second.read_exactly_at(tensor.external->offset, elements));
  return elements;
}

Result<SecretBuffer> PackedOnnx::State::encode_graph(ByteView graph) const {
  // NodeProto 6, GraphProto 2 (a name), 10, 13 and 14 say nothing to an engine.
  SecretBuffer encoded;
  wire::Reader reader(graph);
  while (const std::optional<Field> field = TRY(reader.next())) {
    switch (field->number) {
      case 1: wire::append_field(encoded, 1, TRY(without(field->bytes, {6}))); break;
      case 2:
      case 5:
      case 10:
      case 13:
      case 14: break;
      default: append(encoded, field->whole);
    }
  }
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    wire::append_field(encoded, 5, encode_initializer(tensors[i], offsets[i]));
  }
  append(encoded, more);
  SecretBuffer model;
  wire::Reader outer(file.bytes());
  while (const std::optional<Field> field = TRY(outer.next())) {
    const bool kept = field->number == 1 || field->number == 8 || field->number == 25;
    if (kept) append(model, field->whole);
  }
  wire::append_field(model, 7, encoded);
  return model;
}

Result<void> PackedOnnx::State::lay_out() {
  const ByteView graph = TRY(graph_message());
  std::vector<std::string_view> used;
  std::vector<TensorProto> found = TRY(collect(graph, used));
  std::unordered_map<std::string_view, std::size_t> places;
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (!places.emplace(found[i].name, i).second)
      return malformed("tensor \"", found[i].name, "\" is there twice");
  }
  std::vector<bool> taken(found.size(), false);
  std::vector<std::size_t> order;
  for (const std::string_view name : used) {
    const auto place = places.find(name);
    if (place == places.end() || taken[place->second]) continue;
    taken[place->second] = true;
    order.push_back(place->second);
  }
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (!taken[i]) order.push_back(i);
  }
  for (const std::size_t index : order) {
    TensorProto& tensor = found[index];
    if (tensor.external) TRY(open_external(tensor));
    offsets.push_back(data_bytes);
    if (__builtin_add_overflow(data_bytes, aligned(tensor.byte_count), &data_bytes)) {
      return malformed("the parameters are larger than any memory");
    }
    tensors.push_back(std::move(tensor));
  }
  const SecretBuffer encoded = TRY(encode_graph(graph));
  if (encoded.size() > kMaxGraphBytes) {
    return malformed("the graph has ", encoded.size(), " bytes without its parameters, at most ",
                     kMaxGraphBytes, " are allowed");
  }
  const PayloadHeader header{encoded.size(), data_bytes};
  const Bytes start = encode_payload_header(header);
  append(head, start);
  append(head, encoded);
  head.resize(head.size() + header.padding_bytes(), 0);
  return {};
}

/// Bytes `from`.. of a tensor's place in the data; behind its elements there are zeros.
Result<void> PackedOnnx::State::read_tensor(std::size_t index, std::uint64_t from,
                                            MutableByteView out) {
  const TensorProto& tensor = tensors[index];
  const std::size_t present =
      from >= tensor.byte_count ? 0 : std::min<std::uint64_t>(out.size(), tensor.byte_count - from);
  const MutableByteView elements = out.first(present);
  std::ranges::fill(out.subspan(present), std::uint8_t{0});
  if (present == 0) return {};
  if (tensor.external) {
    return external.find(tensor.external->location)
        ->second.read_exactly_at(tensor.external->offset + from, elements);
  }
  if (tensor.raw) {
    std::ranges::copy(tensor.raw->subspan(from, present), elements.begin());
    return {};
  }
  if (!has_converted || current != index) {
    // Each element of a list takes a byte of the file or more, so a claimed shape allocates
    // nothing.
    std::uint64_t room = 0;
    for (const ByteView field : tensor.typed) room += 8 * field.size();
    if (tensor.byte_count > room) {
      return malformed("tensor \"", tensor.name, "\" has fewer elements than its shape says");
    }
    converted.resize(tensor.byte_count);
    TRY(onnx::copy_elements(tensor, converted));
    current = index;
    has_converted = true;
  }
  std::ranges::copy(MutableByteView(converted).subspan(from, present), elements.begin());
  return {};
}

Result<PackedOnnx> PackedOnnx::open(const Path& path, ByteView more) {
  auto state = std::make_unique<State>(path, TRY(MappedFile::open(path)), more);
  TRY(state->lay_out().context(text(path.native(), " is no ONNX model that can be read")));
  return PackedOnnx(std::move(state));
}

PackedOnnx::PackedOnnx(std::unique_ptr<State> state) : state_(std::move(state)) {}
PackedOnnx::PackedOnnx(PackedOnnx&&) noexcept = default;
PackedOnnx::~PackedOnnx() = default;

std::uint64_t PackedOnnx::payload_bytes() const { return state_->head.size() + state_->data_bytes; }

Result<void> PackedOnnx::read(MutableByteView out) {
  State& state = *state_;
  if (out.size() > payload_bytes() - state.position)
    return invalid_argument("read past the payload's end");
  while (!out.empty()) {
    std::size_t taken = 0;
    if (state.position < state.head.size()) {
      taken = std::min(out.size(), state.head.size() - static_cast<std::size_t>(state.position));
      std::ranges::copy(MutableByteView(state.head).subspan(state.position, taken), out.begin());
    } else {
      const std::uint64_t place = state.position - state.head.size();
      // The last of those that begin here or before; those of no elements share their place.
      const auto after = std::ranges::upper_bound(state.offsets, place);
      const auto index = static_cast<std::size_t>(after - state.offsets.begin()) - 1;
      const std::uint64_t end = state.offsets[index] + aligned(state.tensors[index].byte_count);
      taken = std::min<std::uint64_t>(out.size(), end - place);
      TRY(state.read_tensor(index, place - state.offsets[index], out.first(taken)));
    }
    out = out.subspan(taken);
    state.position += taken;
  }
  return {};
}

void PackedOnnx::rewind() { state_->position = 0; }

Result<void> write_payload(PackedOnnx& packed, const PayloadSink& sink) {
  packed.rewind();
  SecretBytes buffer(kBufferBytes);
  for (std::uint64_t left = packed.payload_bytes(); left > 0;) {
    const MutableByteView part = buffer.expose().first(std::min<std::uint64_t>(left, kBufferBytes));
    TRY(packed.read(part));
    TRY(sink(part));
    left -= part.size();
  }
  return {};
}

}  // namespace torchkeep::runtime
