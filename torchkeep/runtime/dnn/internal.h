#pragma once

#include <vector>

#include "torchkeep/runtime/dnn/dnn.h"
#include "torchkeep/runtime/dnn/versions.h"

/// What this folder's files share.
namespace torchkeep::runtime::dnn {

struct LayoutData {
  dnnl::memory::desc desc;
};

struct Machine::State {
  dnnl::engine engine;
  dnnl::stream stream;
};

/// A primitive, and the arguments that each of the caller's pieces of memory stands for.
struct Primitive::State {
  dnnl::primitive primitive;
  dnnl::stream stream;
  std::vector<dnnl::memory> memory;
  std::vector<dnnl_exec_arg_t> arguments;
  std::uint64_t scratch_bytes = 0;
  std::string implementation;
  double flops = 0;
};

/// Float32, Int8 or UInt8.
dnnl::memory::data_type type_of(DataType dtype);
/// Row-major. A scalar is a vector of one, since oneDNN has no rank 0.
dnnl::memory::desc plain_desc(const Shape& shape, DataType dtype = DataType::Float32);
/// Of a matrix of this shape whose transpose is row-major.
dnnl::memory::desc transposed_desc(const Shape& shape, DataType dtype = DataType::Float32);
dnnl::memory::desc any_desc(const Shape& shape, DataType dtype = DataType::Float32);
/// A layout of oneDNN's making knows its type itself.
dnnl::memory::desc desc_of(const Layout& layout, const Shape& shape,
                           DataType dtype = DataType::Float32);
/// Plain if `desc` is row-major but for dimensions of 1.
Layout layout_of(const dnnl::memory::desc& desc);

dnnl::primitive_attr make_attributes(const Epilogue& epilogue, float scale = 1);
/// `channels`: the dimension of the output along which there are scales.
dnnl::primitive_attr make_attributes(const Epilogue& epilogue, const Quantised& quantised,
                                     int channels);

struct Argument {
  int kind;
  dnnl::memory::desc desc;
};
/// `arguments` in the order in which `Primitive::run` gets their memory; scratch is added.
Primitive make_primitive(Machine& machine, const dnnl::primitive_desc_base& desc,
                         const dnnl::primitive& primitive, std::vector<Argument> arguments,
                         double flops = 0);
/// Of a tensor of this shape; an absurd one is oneDNN's to refuse.
double count_elements(const Shape& shape);

/// Runs `make`; oneDNN's exceptions end here. Errors: Malformed, Unavailable if memory is short.
template <typename F>
auto guarded(std::string_view what, F&& make) -> decltype(make()) {
  try {
    return make();
  } catch (const dnnl::error& error) {
    if (error.status == dnnl_out_of_memory) return unavailable(what, ": oneDNN is out of memory");
    return malformed(what, ": oneDNN cannot do this: ", error.what());
  }
}

}  // namespace torchkeep::runtime::dnn
