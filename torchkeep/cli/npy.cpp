#include "torchkeep/cli/npy.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "torchkeep/base/text.h"
#include "torchkeep/client/infer_message.h"

namespace torchkeep::cli {
namespace {

constexpr std::string_view kMagic("\x93NUMPY", 6);
constexpr std::size_t kMaxFileBytes = std::size_t{8} << 30;
constexpr std::size_t kMaxAxes = 32;

struct TypeName {
  std::string_view numpy;
  std::string_view protocol;
};
constexpr std::array kTypes = std::to_array<TypeName>({{"<f4", "FP32"},
                                                       {"<f8", "FP64"},
                                                       {"<f2", "FP16"},
                                                       {"|i1", "INT8"},
                                                       {"<i2", "INT16"},
                                                       {"<i4", "INT32"},
                                                       {"<i8", "INT64"},
                                                       {"|u1", "UINT8"},
                                                       {"<u2", "UINT16"},
                                                       {"<u4", "UINT32"},
                                                       {"<u8", "UINT64"},
                                                       {"|b1", "BOOL"}});

// The header is a Python literal; NumPy itself only ever writes these three keys.
// header = "{" key-value *("," key-value) [","] "}"
class HeaderReader {
 public:
  explicit HeaderReader(std::string_view text) : left_(text) {}

  bool accept(std::string_view token) {
    skip();
    if (!left_.starts_with(token)) return false;
    left_.remove_prefix(token.size());
    return true;
  }
  Result<void> expect(std::string_view token) {
    if (!accept(token)) return malformed(".npy header: \"", token, "\" expected");
    return {};
  }
  Result<std::string> take_string() {
    TRY(expect("'"));
    const auto end = left_.find('\'');
    if (end == left_.npos) return malformed(".npy header: text without an end");
    std::string out(left_.substr(0, end));
    left_.remove_prefix(end + 1);
    return out;
  }
  Result<std::uint64_t> take_number() {
    skip();
    std::uint64_t value = 0;
    const auto [end, failure] = std::from_chars(left_.data(), left_.data() + left_.size(), value);
    if (failure != std::errc()) return malformed(".npy header: a number expected");
    left_.remove_prefix(static_cast<std::size_t>(end - left_.data()));
    return value;
  }
  bool at_end() {
    skip();
    return left_.empty();
  }

 private:
  void skip() {
    const auto start = left_.find_first_not_of(" \n");
    left_ = start == left_.npos ? std::string_view() : left_.substr(start);
  }
  std::string_view left_;
};

Result<std::vector<std::uint64_t>> take_shape(HeaderReader& reader) {
  std::vector<std::uint64_t> shape;
  TRY(reader.expect("("));
  while (!reader.accept(")")) {
    if (shape.size() == kMaxAxes) return malformed(".npy header: more than ", kMaxAxes, " axes");
    shape.push_back(TRY(reader.take_number()));
    if (!reader.accept(",")) {
      TRY(reader.expect(")"));
      break;
    }
  }
  return shape;
}

Result<NpyArray> parse_header(std::string_view header) {
  HeaderReader reader(header);
  NpyArray array;
  bool has_order = false, has_shape = false;
  TRY(reader.expect("{"));
  while (!reader.accept("}")) {
    const std::string key = TRY(reader.take_string());
    TRY(reader.expect(":"));
    if (key == "descr" && array.datatype.empty()) {
      const std::string numpy = TRY(reader.take_string());
      const auto type = std::ranges::find(kTypes, std::string_view(numpy), &TypeName::numpy);
      if (type == kTypes.end()) {
        return malformed("an array of type ", numpy, "; store numbers in this machine's byte order, "
                         "for example array.astype('float32')");
      }
      array.datatype = type->protocol;
    } else if (key == "fortran_order" && !has_order) {
      has_order = true;
      if (!reader.accept("False")) {
        return malformed("an array in column order; store numpy.ascontiguousarray(array)");
      }
    } else if (key == "shape" && !has_shape) {
      has_shape = true;
      array.shape = TRY(take_shape(reader));
    } else {
      return malformed(".npy header: unknown or repeated key '", key, "'");
    }
    reader.accept(",");
  }
  if (!reader.at_end() || array.datatype.empty() || !has_order || !has_shape) {
    return malformed(".npy header is incomplete");
  }
  return array;
}

std::string shape_text(const std::vector<std::uint64_t>& shape) {
  std::string out = "(";
  for (const std::uint64_t size : shape) out += text(size, ",");
  return out + ")";
}

}  // namespace

bool npy_has(std::string_view datatype) {
  return std::ranges::find(kTypes, datatype, &TypeName::protocol) != kTypes.end();
}

Result<NpyArray> parse_npy(ByteView bytes) {
  ByteReader reader(bytes);
  const auto magic = reader.take(kMagic.size(), "magic");
  if (!magic || !equal(*magic, as_bytes(kMagic))) {
    return malformed("not a .npy file; make one with numpy.save");
  }
  const std::uint16_t version = TRY(reader.take_be16("format version"));
  std::uint32_t header_bytes = 0;
  if (version == 0x0100) {
    header_bytes = TRY(reader.take_le16("header length"));
  } else if (version == 0x0200) {
    header_bytes = TRY(reader.take_le32("header length"));
  } else {
    return malformed(".npy format ", version >> 8, ".", version & 0xff, "; 1.0 and 2.0 are known");
  }
  const ByteView header = TRY(reader.take(header_bytes, "header"));
  NpyArray array = TRY(parse_header(as_text(header)));
  const auto wanted = client::tensor_bytes(array.datatype, array.shape);
  if (!wanted) return malformed(".npy header: ", wanted.error().message);
  if (reader.rest().size() != *wanted) {
    return malformed("array data has ", reader.rest().size(), " bytes, its shape ",
                     shape_text(array.shape), " wants ", *wanted);
  }
  array.data.assign(reader.rest().begin(), reader.rest().end());
  return array;
}

SecretBuffer encode_npy(const NpyArray& array) {
  const auto type = std::ranges::find(kTypes, std::string_view(array.datatype), &TypeName::protocol);
  TORCHKEEP_CHECK(type != kTypes.end());
  std::string header = text("{'descr': '", type->numpy, "', 'fortran_order': False, 'shape': ",
                            shape_text(array.shape), ", }");
  // Data begins at a multiple of 64 bytes; magic, version and length take ten.
  constexpr std::size_t kStart = 10, kAlignment = 64;
  header.resize((kStart + header.size() + 1 + kAlignment - 1) / kAlignment * kAlignment - kStart - 1, ' ');
  header += '\n';
  Bytes start = to_bytes(as_bytes(kMagic));
  append_be16(start, 0x0100);
  append_le16(start, static_cast<std::uint16_t>(header.size()));
  append(start, as_bytes(header));
  SecretBuffer out;
  out.reserve(start.size() + array.data.size());
  append(out, start);
  append(out, array.data);
  return out;
}

Result<NpyArray> load_npy(const Path& path) {
  const SecretBytes bytes = TRY(load_secret_file(path, kMaxFileBytes));
  return parse_npy(bytes.expose()).context(path.string());
}

Result<void> store_npy(const Path& path, const NpyArray& array) {
  return store_file(path, encode_npy(array));
}

}  // namespace torchkeep::cli
