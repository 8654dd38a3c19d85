#pragma once

#include <algorithm>
#include <bit>
#include <cstring>
#include <functional>
#include <map>
#include <random>

#include "torchkeep/runtime/graph/wire.h"
#include "torchkeep/runtime/model.h"
#include "torchkeep/runtime/payload.h"

/// ONNX graphs and payloads put together by hand, field by field, so that tests can also make wrong
/// ones.
namespace torchkeep::runtime::testing {

/// A protobuf message in the making.
class Message {
 public:
  Message& text(std::uint32_t field, std::string_view value) {
    wire::append_field(bytes_, field, as_bytes(value));
    return *this;
  }
  Message& number(std::uint32_t field, std::int64_t value) {
    wire::append_int(bytes_, field, value);
    return *this;
  }
  Message& real(std::uint32_t field, float value) {
    wire::append_varint(bytes_, std::uint64_t{field} << 3 | 5);
    const auto bits = std::bit_cast<std::uint32_t>(value);
    for (int i = 0; i < 4; ++i) bytes_.push_back(static_cast<std::uint8_t>(bits >> (8 * i)));
    return *this;
  }
  Message& bytes(std::uint32_t field, ByteView value) {
    wire::append_field(bytes_, field, value);
    return *this;
  }
  Message& message(std::uint32_t field, const Message& value) { return bytes(field, value.bytes_); }
  ByteView view() const { return bytes_; }

 private:
  SecretBuffer bytes_;
};

inline Message int_attribute(std::string_view name, std::int64_t value) {
  return Message().text(1, name).number(3, value).number(20, 2);
}
inline Message float_attribute(std::string_view name, float value) {
  return Message().text(1, name).real(2, value).number(20, 1);
}
inline Message text_attribute(std::string_view name, std::string_view value) {
  return Message().text(1, name).text(4, value).number(20, 3);
}
inline Message ints_attribute(std::string_view name, const std::vector<std::int64_t>& values) {
  Message message;
  message.text(1, name);
  for (const std::int64_t value : values) message.number(8, value);
  return message.number(20, 7);
}

inline Message texts_attribute(std::string_view name, const std::vector<std::string>& values) {
  Message message;
  message.text(1, name);
  for (const std::string& value : values) message.text(9, value);
  return message.number(20, 8);
}

inline Message node(std::string_view op, const std::vector<std::string>& inputs,
                    const std::vector<std::string>& outputs,
                    const std::vector<Message>& attributes = {}, std::string_view name = "") {
  Message message;
  for (const std::string& input : inputs) message.text(1, input);
  for (const std::string& output : outputs) message.text(2, output);
  message.text(3, name.empty() ? std::string("/") + std::string(op) : std::string(name))
      .text(4, op);
  for (const Message& attribute : attributes) message.message(5, attribute);
  return message;
}

inline Message port(std::string_view name, const Shape& shape, DataType type = DataType::Float32) {
  Message dimensions;
  for (const std::int64_t size : shape) {
    dimensions.message(1, size == -1 ? Message().text(2, "batch") : Message().number(1, size));
  }
  const Message tensor =
      Message().number(1, static_cast<std::int64_t>(type)).message(2, dimensions);
  return Message().text(1, name).message(2, Message().message(1, tensor));
}

inline Message raw_tensor(DataType type, const Shape& shape, ByteView raw,
                          std::string_view name = "") {
  Message message;
  for (const std::int64_t size : shape) message.number(1, size);
  return message.number(2, static_cast<std::int64_t>(type)).text(8, name).bytes(9, raw);
}

template <typename T>
ByteView raw_bytes(const std::vector<T>& values) {
  return {reinterpret_cast<const std::uint8_t*>(values.data()), values.size() * sizeof(T)};
}

inline Message constant_node(std::string_view output, const std::vector<std::int64_t>& values) {
  const Message tensor = raw_tensor(DataType::Int64, {std::ssize(values)}, raw_bytes(values));
  return node("Constant", {}, {std::string(output)},
              {Message().text(1, "value").message(5, tensor).number(20, 4)});
}

/// A graph and the data of its initializers.
class GraphBuilder {
 public:
  GraphBuilder& add(const Message& node) {
    graph_.message(1, node);
    return *this;
  }
  GraphBuilder& input(std::string_view name, const Shape& shape,
                      DataType type = DataType::Float32) {
    graph_.message(11, port(name, shape, type));
    return *this;
  }
  GraphBuilder& output(std::string_view name, const Shape& shape,
                       DataType type = DataType::Float32) {
    graph_.message(12, port(name, shape, type));
    return *this;
  }
  template <typename T>
  GraphBuilder& initializer(std::string_view name, DataType type, const Shape& shape,
                            const std::vector<T>& values) {
    const ByteView raw = raw_bytes(values);
    external(name, type, shape, data_.size(), raw.size());
    data_.insert(data_.end(), raw.begin(), raw.end());
    data_.resize((data_.size() + kPayloadAlignment - 1) / kPayloadAlignment * kPayloadAlignment, 0);
    return *this;
  }
  GraphBuilder& weights(std::string_view name, const Shape& shape,
                        const std::vector<float>& values) {
    return initializer(name, DataType::Float32, shape, values);
  }
  /// Seeded numbers around 0; returns them.
  std::vector<float> random_weights(std::string_view name, const Shape& shape, float scale,
                                    std::mt19937& random) {
    std::normal_distribution<float> normal(0, scale);
    std::vector<float> values(element_count(shape).value());
    for (float& value : values) value = normal(random);
    weights(name, shape, values);
    return values;
  }
  /// An initializer that says it lies at `offset`, whatever is there.
  GraphBuilder& external(std::string_view name, DataType type, const Shape& shape,
                         std::uint64_t offset, std::uint64_t length,
                         std::string_view location = "payload") {
    Message message;
    for (const std::int64_t size : shape) message.number(1, size);
    message.number(2, static_cast<std::int64_t>(type)).text(8, name);
    message.message(13, Message().text(1, "location").text(2, location));
    message.message(13, Message().text(1, "offset").text(2, std::to_string(offset)));
    message.message(13, Message().text(1, "length").text(2, std::to_string(length)));
    graph_.message(5, message.number(14, 1));
    return *this;
  }
  GraphBuilder& field(std::uint32_t number, const Message& message) {
    graph_.message(number, message);
    return *this;
  }

  /// A FunctionProto.
  GraphBuilder& function(const Message& message) {
    functions_.push_back(message);
    return *this;
  }

  SecretBuffer model(std::int64_t opset = 17) const {
    Message message;
    message.number(1, 8).message(8, Message().text(1, "").number(2, opset)).message(7, graph_);
    for (const Message& function : functions_) message.message(25, function);
    return SecretBuffer(message.view().begin(), message.view().end());
  }
  const SecretBuffer& data() const { return data_; }
  SecretBuffer payload(std::int64_t opset = 17) const {
    const SecretBuffer graph = model(opset);
    const PayloadHeader header{graph.size(), data_.size()};
    const Bytes start = encode_payload_header(header);
    SecretBuffer out(start.begin(), start.end());
    out.insert(out.end(), graph.begin(), graph.end());
    out.resize(out.size() + header.padding_bytes(), 0);
    out.insert(out.end(), data_.begin(), data_.end());
    return out;
  }

 private:
  Message graph_;
  std::vector<Message> functions_;
  SecretBuffer data_;
};

/// Hands out `bytes` from front to back; they must live as long as it does.
inline PayloadSource source_of(ByteView bytes) {
  return [left = bytes](MutableByteView out) mutable -> Result<void> {
    if (out.size() > left.size()) return malformed("the stream ends");
    std::copy_n(left.begin(), out.size(), out.begin());
    left = left.subspan(out.size());
    return {};
  };
}

inline Result<std::unique_ptr<Model>> load(const SecretBuffer& payload,
                                           const ModelOptions& options = {}) {
  return Model::load(source_of(payload), payload.size(), options);
}
inline Result<std::unique_ptr<Model>> load(const GraphBuilder& graph,
                                           const ModelOptions& options = {}) {
  return load(graph.payload(), options);
}

template <typename T = float>
Tensor tensor(const Shape& shape, const std::vector<T>& values, DataType type = DataType::Float32) {
  const ByteView raw = raw_bytes(values);
  return Tensor(type, shape, SecretBuffer(raw.begin(), raw.end()));
}

inline Tensor random_tensor(const Shape& shape, std::mt19937& random) {
  std::normal_distribution<float> normal;
  Tensor out = Tensor::uninitialised(DataType::Float32, shape).value();
  for (float& value : out.elements<float>()) value = normal(random);
  return out;
}

inline std::vector<Tensor> one(Tensor tensor) {
  std::vector<Tensor> tensors;
  tensors.push_back(std::move(tensor));
  return tensors;
}

}  // namespace torchkeep::runtime::testing
