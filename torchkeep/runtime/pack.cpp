#include "torchkeep/runtime/pack.h"

#include <algorithm>
#include <unordered_map>

#include "torchkeep/base/mapped_file.h"
#include "torchkeep/base/text.h"
#include "torchkeep/runtime/graph/onnx_tensor.h"
#include "torchkeep/runtime/payload_graph.h"
#include "torchkeep/runtime/tensor_reader.h"

namespace torchkeep::runtime {
namespace {

using onnx::TensorProto;
using wire::Field;
using wire::WireType;

constexpr std::size_t kBufferBytes = std::size_t{1} << 20;

std::uint64_t aligned(std::uint64_t size) {
  return (size + kPayloadAlignment - 1) / kPayloadAlignment * kPayloadAlignment;
}

}  // namespace

struct PackedOnnx::State {
  MappedFile file;
  SecretBuffer more;                 // fields that the caller adds to the graph
  std::vector<TensorProto> tensors;  // in the payload's order
  std::vector<std::uint64_t> offsets;
  TensorReader elements;
  SecretBuffer head;  // everything before the data
  std::uint64_t data_bytes = 0;
  std::uint64_t position = 0;

  State(Path model, MappedFile mapped, ByteView added)
      : file(std::move(mapped)), more(to_secret_buffer(added)), elements(std::move(model)) {}

  Result<void> lay_out();
  Result<ByteView> graph_message() const;
  Result<std::vector<TensorProto>> collect(ByteView graph, std::vector<std::string_view>& used);
  Result<void> read_part(std::size_t index, std::uint64_t from, MutableByteView out);
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
    if (field->number == 5) found.push_back(TRY(onnx::parse_initializer(field->bytes)));
    if (field->number != 1) continue;
    wire::Reader node(field->bytes);
    while (const std::optional<Field> part = TRY(node.next())) {
      if (part->number == 1) used.push_back(part->as_text());
    }
  }
  return found;
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
    if (tensor.external) TRY(elements.open(tensor));
    offsets.push_back(data_bytes);
    if (__builtin_add_overflow(data_bytes, aligned(tensor.byte_count), &data_bytes)) {
      return malformed("the parameters are larger than any memory");
    }
    tensors.push_back(std::move(tensor));
  }
  const SecretBuffer encoded =
      TRY(encode_payload_graph(file.bytes(), graph, tensors, offsets, more));
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

Result<void> PackedOnnx::State::read_part(std::size_t index, std::uint64_t from,
                                          MutableByteView out) {
  const TensorProto& tensor = tensors[index];
  TRY(elements.read(tensor, from, out));
  // The mapped file is never all in memory, beside what is read of it.
  if (tensor.raw && from < tensor.raw->size())
    file.let_go(tensor.raw->subspan(from, std::min(out.size(), tensor.raw->size() - from)));
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
      taken = std::min<std::uint64_t>({out.size(), end - place, kBufferBytes});
      TRY(state.read_part(index, place - state.offsets[index], out.first(taken)));
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
