"""Writes small ONNX files without any package of ONNX's, and says what they should answer.

Source: onnx.proto3 (field numbers), protobuf.dev "Encoding".
"""
import numpy

FLOAT, INT64, OPSET = 1, 7, 17


def varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def number(field, value):
    return varint(field << 3) + varint(value)


def block(field, data):
    data = data.encode() if isinstance(data, str) else bytes(data)
    return varint(field << 3 | 2) + varint(len(data)) + data


def tensor(name, array):
    """Integers stay integers, everything else becomes float32."""
    whole = numpy.issubdtype(array.dtype, numpy.integer)
    dims = b"".join(number(1, size) for size in array.shape)
    return (dims + number(2, INT64 if whole else FLOAT) + block(8, name) +
            block(9, array.astype("<i8" if whole else "<f4").tobytes()))


def port(name, *sizes):
    """`sizes` holds numbers, or a text for a dimension that the caller chooses."""
    dims = b"".join(block(1, number(1, size) if isinstance(size, int) else block(2, size)) for size in sizes)
    return block(1, name) + block(2, block(1, number(1, FLOAT) + block(2, dims)))


def node(operator, name, inputs, outputs, **integers):
    attributes = b"".join(block(5, block(1, key) + number(3, value) + number(20, 2)) for key, value in integers.items())
    return (b"".join(block(1, text) for text in inputs) + b"".join(block(2, text) for text in outputs) +
            block(3, name) + block(4, operator) + attributes)


def model(nodes, initializers, inputs, outputs):
    graph = (b"".join(block(1, text) for text in nodes) + block(2, "small") +
             b"".join(block(5, text) for text in initializers) +
             b"".join(block(11, text) for text in inputs) + b"".join(block(12, text) for text in outputs))
    return number(1, 8) + block(7, graph) + block(8, number(2, OPSET))


class SmallModel:
    """float32 [batch, 64] to float32 [batch, 10]: two layers with a ReLU between, weights from a seed."""

    def __init__(self, seed=7, width=96):
        random = numpy.random.default_rng(seed)
        self.first = random.standard_normal((64, width)).astype(numpy.float32) / 8
        self.bias = random.standard_normal(width).astype(numpy.float32)
        self.second = random.standard_normal((width, 10)).astype(numpy.float32) / numpy.float32(width ** 0.5)

    def write(self, path):
        path.write_bytes(model(
            [node("MatMul", "/first/MatMul", ["input", "first.weight"], ["a"]),
             node("Add", "/first/Add", ["a", "first.bias"], ["b"]),
             node("Relu", "/act/Relu", ["b"], ["c"]),
             node("MatMul", "/second/MatMul", ["c", "second.weight"], ["output"])],
            [tensor("first.weight", self.first), tensor("first.bias", self.bias),
             tensor("second.weight", self.second)],
            [port("input", "batch", 64)], [port("output", "batch", 10)]))
        return path

    def answer(self, inputs):
        return numpy.maximum(inputs @ self.first + self.bias, 0) @ self.second


class Growing:
    """x and past, float32 [1, 1] and [1, length], to present, which is past with x behind it, and the sum of that."""

    def write(self, path):
        path.write_bytes(model(
            [node("Concat", "/Concat", ["past", "x"], ["present"], axis=1),
             node("ReduceSum", "/ReduceSum", ["present"], ["sum"], keepdims=1)], [],
            [port("x", 1, 1), port("past", 1, "length")], [port("sum", 1, 1), port("present", 1, "longer")]))
        return path


class OneBatch:
    """float32 [batch, 64] to float32 [4, 32], twice what a Reshape makes of it: any batch by its word, 2 in truth."""

    def write(self, path):
        path.write_bytes(model(
            [node("Reshape", "/head/Reshape", ["input", "shape"], ["r"]), node("Add", "/head/Add", ["r", "r"], ["output"])],
            [tensor("shape", numpy.array([4, 32]))], [port("input", "batch", 64)], [port("output", 4, 32)]))
        return path

    def answer(self, inputs):
        return 2 * inputs.reshape(4, 32)


def write_unsupported(path):
    path.write_bytes(model([node("QuantumFold", "/head/QuantumFold", ["input"], ["output"])], [],
                           [port("input", 1, 4)], [port("output", 1, 4)]))
    return path
