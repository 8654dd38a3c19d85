#include "torchkeep/worker/tensor_json.h"

#include <charconv>
#include <cmath>

namespace torchkeep::worker {
namespace {

using runtime::DataType;

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// The JSON number at the front of `text`, or nothing. RFC 8259, section 6.
std::string_view number_at_front(std::string_view text, bool& whole) {
  std::size_t i = 0;
  const auto at = [&](char c) { return i < text.size() && text[i] == c; };
  const auto digits = [&] {
    const std::size_t first = i;
    while (i < text.size() && is_digit(text[i])) ++i;
    return i > first;
  };
  whole = true;
  if (at('-')) ++i;
  if (at('0')) {
    ++i;
  } else if (!digits()) {
    return {};
  }
  if (at('.')) {
    whole = false;
    ++i;
    if (!digits()) return {};
  }
  if (at('e') || at('E')) {
    whole = false;
    ++i;
    if (at('+') || at('-')) ++i;
    if (!digits()) return {};
  }
  return text.substr(0, i);
}

template <typename T>
bool to_number(std::string_view token, T& out) {
  return std::from_chars(token.data(), token.data() + token.size(), out).ec == std::errc();
}

/// Numbers that are too small for a float are zero, those that are too large are none.
bool to_float(std::string_view token, float& out) {
  if (to_number(token, out)) return std::isfinite(out);
  double wide = 0;
  if (!to_number(token, wide) || std::fabs(wide) >= 1.0) return false;
  out = static_cast<float>(wide);
  return true;
}

/// Walks an array of one element type. `T` is what is stored.
template <typename T>
class ArrayParser {
 public:
  ArrayParser(std::string_view array, std::span<T> out) : left_(array), out_(out) {}

  Result<void> parse(const runtime::Shape& shape) {
    if (shape.size() > 1 && is_nested()) {
      TRY(level(shape, 0));
    } else {
      TRY(row(out_.size()));
    }
    skip_space();
    if (!left_.empty()) return malformed("something follows the data");
    return {};
  }

 private:
  bool is_nested() {
    std::string_view inside = left_.substr(1);
    while (!inside.empty() && is_space(inside.front())) inside.remove_prefix(1);
    return !inside.empty() && inside.front() == '[';
  }

  Result<void> level(const runtime::Shape& shape, std::size_t axis) {
    const auto count = static_cast<std::size_t>(shape[axis]);
    if (axis + 1 == shape.size()) return row(count);
    TRY(open());
    for (std::size_t i = 0; i < count; ++i) {
      if (i > 0 && !take(',')) return wrong_count(count);
      TRY(level(shape, axis + 1));
    }
    return take(']') ? Result<void>() : wrong_count(count);
  }

  Result<void> row(std::size_t count) {
    TRY(open());
    for (std::size_t i = 0; i < count; ++i) {
      if (i > 0 && !take(',')) return wrong_count(count);
      TRY(element());
    }
    return take(']') ? Result<void>() : wrong_count(count);
  }

  Result<void> element() {
    skip_space();
    bool done = false;
    std::size_t size = 0;
    if constexpr (std::is_same_v<T, bool>) {
      const bool value = left_.starts_with("true");
      if (!value && !left_.starts_with("false")) return wrong_element("true or false");
      size = value ? 4 : 5;
      out_[index_] = value;
      done = true;
    } else {
      bool whole = false;
      const std::string_view token = number_at_front(left_, whole);
      if (token.empty()) return wrong_element("a number");
      size = token.size();
      if constexpr (std::is_same_v<T, float>) {
        done = to_float(token, out_[index_]);
      } else if constexpr (std::is_same_v<T, double>) {
        done = to_number(token, out_[index_]) && std::isfinite(out_[index_]);
      } else {
        if (!whole) return wrong_element("a whole number");
        if (token == "-0") {
          out_[index_] = 0;
          done = true;
        } else {
          done = to_number(token, out_[index_]);
        }
      }
    }
    if (!done) return malformed("element ", index_, " is out of its type's range");
    ++index_;
    left_.remove_prefix(size);
    return {};
  }

  Result<void> open() {
    if (!take('[')) return malformed("data is neither flat nor nested as its shape is");
    return {};
  }
  bool take(char wanted) {
    skip_space();
    if (left_.empty() || left_.front() != wanted) return false;
    left_.remove_prefix(1);
    return true;
  }
  void skip_space() {
    while (!left_.empty() && is_space(left_.front())) left_.remove_prefix(1);
  }
  Error wrong_element(std::string_view wanted) const {
    return malformed("element ", index_, " is not ", wanted);
  }
  Error wrong_count(std::size_t count) const {
    return malformed("behind element ", index_, " an array does not have the ", count,
                     " elements that its shape asks for");
  }

  std::string_view left_;
  std::span<T> out_;
  std::size_t index_ = 0;
};

/// Calls `use` with a value of the type's C++ type.
template <typename Use>
auto with_type(DataType type, Use use) {
  switch (type) {
    case DataType::Float32: return use(float{});
    case DataType::UInt8: return use(std::uint8_t{});
    case DataType::Int8: return use(std::int8_t{});
    case DataType::Int32: return use(std::int32_t{});
    case DataType::Int64: return use(std::int64_t{});
    case DataType::Bool: return use(bool{});
    case DataType::Float64: return use(double{});
    case DataType::UInt16: return use(std::uint16_t{});
    case DataType::Int16: return use(std::int16_t{});
    case DataType::UInt32: return use(std::uint32_t{});
    case DataType::UInt64: return use(std::uint64_t{});
    case DataType::Float16:
    case DataType::Bfloat16:
    case DataType::UInt4:
    case DataType::Int4:
    case DataType::Sequence:
    case DataType::Optional: break;
  }
  TORCHKEEP_CHECK(false && "a data type without a C++ type");
}

/// Errors: InvalidArgument for types that JSON has no form for.
Result<void> expect_json_form(DataType type) {
  if (runtime::is_half(type))
    return invalid_argument(runtime::name_of(type), " has no form in JSON: use binary_data");
  if (!runtime::is_tensor(type))
    return invalid_argument("the model hands out a ", runtime::name_of(type),
                            ", which no request can carry");
  return {};
}

void append_text(SecretBuffer& out, std::string_view text) { append(out, as_bytes(text)); }

template <typename T>
Result<void> append_elements(SecretBuffer& out, std::span<const T> elements) {
  // Enough for most numbers of a row, so that the buffer seldom moves.
  out.reserve(out.size() + elements.size() * 12 + 2);
  char digits[32];
  append_text(out, "[");
  for (std::size_t i = 0; i < elements.size(); ++i) {
    if (i > 0) append_text(out, ",");
    if constexpr (std::is_same_v<T, bool>) {
      append_text(out, elements[i] ? "true" : "false");
      continue;
    } else {
      if constexpr (std::is_floating_point_v<T>) {
        if (!std::isfinite(elements[i])) {
          return invalid_argument("element ", i,
                                  " is not finite, which JSON cannot say: ask for binary_data");
        }
      }
      append_text(out, {digits, std::to_chars(digits, digits + sizeof digits, elements[i]).ptr});
    }
  }
  append_text(out, "]");
  wipe({reinterpret_cast<std::uint8_t*>(digits), sizeof digits});
  return {};
}

}  // namespace

Result<runtime::Tensor> parse_json_tensor(std::string_view array, DataType type,
                                          runtime::Shape shape) {
  TRY(expect_json_form(type));
  // A shape alone must not reserve memory: each element takes a digit and a comma at least.
  const std::uint64_t count = TRY(runtime::element_count(shape));
  if (count > array.size()) {
    return malformed("data is too short for the ", count, " elements that its shape asks for");
  }
  runtime::Tensor tensor = TRY(runtime::Tensor::uninitialised(type, std::move(shape)));
  TRY(with_type(type, [&](auto zero) {
    using T = decltype(zero);
    return ArrayParser<T>(array, tensor.elements<T>()).parse(tensor.shape);
  }));
  return tensor;
}

Result<void> append_json_tensor(SecretBuffer& out, const runtime::Tensor& tensor) {
  TRY(expect_json_form(tensor.dtype));
  return with_type(tensor.dtype, [&](auto zero) {
    return append_elements(out, tensor.elements<decltype(zero)>());
  });
}

}  // namespace torchkeep::worker
