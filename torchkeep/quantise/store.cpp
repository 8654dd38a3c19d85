// How a draft becomes a file: what was not changed is written as it stands in the source.
#include <filesystem>

#include "torchkeep/quantise/draft.h"
#include "torchkeep/quantise/pieces.h"

namespace torchkeep::quantise {
namespace {

using runtime::wire::Field;
using runtime::wire::Reader;
namespace wire = runtime::wire;

// GraphProto: node = 1, initializer = 5. ModelProto: ir_version = 1, graph = 7, opset_import = 8.
constexpr std::uint32_t kNode = 1, kInitializer = 5, kIrVersion = 1, kGraph = 7, kOpset = 8;
constexpr std::int64_t kIrVersionOfFourBits = 10, kOpsetOfFourBits = 21;
constexpr std::size_t kFewestExternalBytes = 1024, kAlignment = 64;

class Writer {
 public:
  Writer(const Draft& draft, Path path, bool external)
      : draft_(draft), source_(draft.source()), path_(std::move(path)), external_(external) {}

  Result<void> lay_out() {
    Pieces graph;
    TRY(lay_out_graph(graph));
    bool has_version = false, has_opset = false;
    for (const Field& field : source_.model_fields()) {
      if (field.number == kGraph) {
        SecretBuffer head;
        wire::append_varint(head, std::uint64_t{kGraph} << 3 | 2);
        wire::append_varint(head, graph.bytes());
        model_.own(std::move(head));
        TRY(graph.visit([&](ByteView bytes) -> Result<void> {
          model_.view(bytes);
          return {};
        }));
      } else if (field.number == kIrVersion && !has_version) {
        has_version = true;
        model_.own(version());
      } else if (field.number == kOpset && TRY(is_default(field.bytes)) && !has_opset) {
        has_opset = true;
        SecretBuffer opset;
        wire::append_int(opset, 2, draft_.opset());
        SecretBuffer entry;
        wire::append_field(entry, kOpset, opset);
        if (draft_.opset() == source_.opset())
          model_.view(field.whole);
        else
          model_.own(std::move(entry));
      } else {
        model_.view(field.whole);
      }
    }
    graphs_.push_back(std::move(graph));  // whose bytes the model's pieces are views of
    return {};
  }

  std::uint64_t file_bytes() const { return model_.bytes(); }
  std::uint64_t data_bytes() const { return data_bytes_; }
  bool has_data() const { return data_bytes_ != 0; }
  Path data_path() const { return path_.native() + ".data"; }

  Result<void> write() const {
    std::optional<FileSink> data;
    if (has_data()) {
      data.emplace(TRY(FileSink::create(data_path())));
      TRY(write_data(*data));
    }
    FileSink file = TRY(FileSink::create(path_));
    Gathered gathered(file);
    TRY(model_.visit([&](ByteView bytes) { return gathered.write(bytes); }));
    TRY(gathered.flush());
    if (!data) return file.commit();
    // Never a model beside another one's data.
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
    TRY(data->commit());
    const Result<void> done = file.commit();
    if (!done) std::filesystem::remove(data_path(), ignored);
    return done;
  }

 private:
  struct Outside {
    ByteView bytes;
    std::uint64_t offset;
  };

  static Result<bool> is_default(ByteView opset) {
    Reader reader(opset);
    while (const std::optional<Field> field = TRY(reader.next())) {
      if (field->number == 1 && !field->bytes.empty() && field->as_text() != "ai.onnx")
        return false;
    }
    return true;
  }

  SecretBuffer version() const {
    const bool raised = draft_.opset() >= kOpsetOfFourBits && draft_.opset() != source_.opset();
    const std::int64_t wanted = raised ? kIrVersionOfFourBits : 4;  // 4: parameters are no inputs
    SecretBuffer out;
    wire::append_int(out, kIrVersion, std::max(source_.ir_version(), wanted));
    return out;
  }

  Result<void> lay_out_graph(Pieces& graph) {
    std::size_t node = 0, initializer = 0;
    for (const Field& field : source_.graph_fields()) {
      if (field.number == kNode) {
        lay_out_node(graph, field, draft_.change(node++));
      } else if (field.number == kInitializer) {
        const std::size_t index = initializer++;
        if (draft_.drops_initializer(index)) continue;
        const TensorProto& tensor = source_.initializers()[index];
        const std::optional<ByteView> raw = TRY(source_.find_raw(tensor));
        if (external_ && raw && raw->size() >= kFewestExternalBytes)
          TRY(lay_out_outside(graph, field.bytes, *raw));
        else if (tensor.external)
          TRY(lay_out_inside(graph, field.bytes, *raw));
        else
          graph.view(field.whole);
      } else {
        graph.view(field.whole);
      }
    }
    for (const SecretBuffer& tensor : draft_.new_tensors()) {
      const ByteView made = TRY(raw_of(tensor));
      if (external_ && made.size() >= kFewestExternalBytes)
        TRY(lay_out_outside(graph, tensor, made));
      else
        graph.field(kInitializer, tensor);
    }
    return {};
  }

  static void lay_out_node(Pieces& graph, const Field& field, const Draft::Change& change) {
    for (const SecretBuffer& each : change.before) graph.field(kNode, each);
    if (change.dropped) return;
    if (change.instead)
      graph.field(kNode, *change.instead);
    else
      graph.view(field.whole);
  }

  static Result<ByteView> raw_of(ByteView tensor) {
    ByteView raw;
    Reader reader(tensor);
    while (const std::optional<Field> field = TRY(reader.next())) {
      if (field->number == 9) raw = field->bytes;
    }
    return raw;
  }

  /// The tensor without its elements. raw_data = 9, external_data = 13, data_location = 14.
  static Result<SecretBuffer> form_of(ByteView tensor) {
    SecretBuffer out;
    Reader reader(tensor);
    while (const std::optional<Field> field = TRY(reader.next())) {
      if (field->number != 9 && field->number != 13 && field->number != 14)
        append(out, field->whole);
    }
    return out;
  }

  static void append_entry(SecretBuffer& tensor, std::string_view key, std::string_view value) {
    SecretBuffer entry;
    wire::append_field(entry, 1, as_bytes(key));
    wire::append_field(entry, 2, as_bytes(value));
    wire::append_field(tensor, 13, entry);
  }

  Result<void> lay_out_outside(Pieces& graph, ByteView message, ByteView elements) {
    SecretBuffer tensor = TRY(form_of(message));
    const std::uint64_t offset = (data_bytes_ + kAlignment - 1) / kAlignment * kAlignment;
    append_entry(tensor, "location", data_path().filename().native());
    append_entry(tensor, "offset", text(offset));
    append_entry(tensor, "length", text(elements.size()));
    wire::append_int(tensor, 14, 1);
    SecretBuffer field;
    wire::append_field(field, kInitializer, tensor);
    graph.own(std::move(field));
    outside_.push_back({elements, offset});
    data_bytes_ = offset + elements.size();
    return {};
  }

  static Result<void> lay_out_inside(Pieces& graph, ByteView message, ByteView elements) {
    SecretBuffer tensor = TRY(form_of(message));
    wire::append_field(tensor, 9, elements);
    SecretBuffer field;
    wire::append_field(field, kInitializer, tensor);
    graph.own(std::move(field));
    return {};
  }

  Result<void> write_data(FileSink& sink) const {
    Gathered gathered(sink);
    const Bytes zeros(kAlignment, 0);
    std::uint64_t written = 0;
    for (const Outside& each : outside_) {
      TRY(gathered.write(ByteView(zeros).first(each.offset - written)));
      TRY(gathered.write(each.bytes));
      written = each.offset + each.bytes.size();
    }
    return gathered.flush();
  }

  const Draft& draft_;
  const Source& source_;
  const Path path_;
  const bool external_;
  Pieces model_;
  std::vector<Pieces> graphs_;
  std::vector<Outside> outside_;
  std::uint64_t data_bytes_ = 0;
};

}  // namespace

Result<Stored> store(const Draft& draft, const Path& path, std::uint64_t max_file_bytes) {
  Writer inside(draft, path, false);
  const bool has_external = draft.source().has_external_data();
  if (!has_external) TRY(inside.lay_out());
  const bool goes_out = has_external || inside.file_bytes() > max_file_bytes;
  Writer outside(draft, path, true);
  if (goes_out) TRY(outside.lay_out());
  const Writer& writer = goes_out ? outside : inside;
  if (writer.file_bytes() > max_file_bytes)
    return invalid_argument("what must lie in the file itself has ", writer.file_bytes(),
                            " bytes, at most ", max_file_bytes, " may");
  TRY(writer.write());
  return Stored{writer.file_bytes() + writer.data_bytes(),
                writer.has_data() ? writer.data_path() : Path()};
}

}  // namespace torchkeep::quantise
