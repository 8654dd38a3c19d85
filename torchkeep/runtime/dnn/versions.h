#pragma once

#include <utility>
#include <vector>

#include <dnnl.hpp>

/// What differs between oneDNN 2 (Debian 12) and 3 (Debian 13): the only file of the house that
/// includes it, and the only one that asks for its version.
/// Source: uxlfoundation/oneDNN, doc/advanced/transition-to-v3.0.md.
namespace torchkeep::runtime::dnn {

/// How to do one operation; `arguments` as version 3 has them, without engine and attributes.
template <typename Operation, typename... Arguments>
typename Operation::primitive_desc describe_primitive(const dnnl::engine& engine,
                                                      const dnnl::primitive_attr& attributes,
                                                      Arguments&&... arguments) {
#if DNNL_VERSION_MAJOR >= 3
  return {engine, std::forward<Arguments>(arguments)..., attributes};
#else
  return {typename Operation::desc(std::forward<Arguments>(arguments)...), attributes, engine};
#endif
}

#if DNNL_VERSION_MAJOR >= 3
using PoolingForward = dnnl::pooling_forward;
using SoftmaxForward = dnnl::softmax_forward;
#else
using PoolingForward = dnnl::pooling_v2_forward;  // those that know dilations and logarithms
using SoftmaxForward = dnnl::softmax_v2_forward;
#endif

/// Output lies as the input does.
inline dnnl::eltwise_forward::primitive_desc describe_eltwise(
    const dnnl::engine& engine, const dnnl::primitive_attr& attributes, dnnl::algorithm algorithm,
    const dnnl::memory::desc& data, float alpha, float beta) {
  const auto kind = dnnl::prop_kind::forward_inference;
#if DNNL_VERSION_MAJOR >= 3
  return {engine, kind, algorithm, data, data, alpha, beta, attributes};
#else
  return {dnnl::eltwise_forward::desc(kind, algorithm, data, alpha, beta), attributes, engine};
#endif
}

inline void append_eltwise(dnnl::post_ops& after, dnnl::algorithm algorithm, float alpha,
                           float beta) {
#if DNNL_VERSION_MAJOR >= 3
  after.append_eltwise(algorithm, alpha, beta);
#else
  after.append_eltwise(1, algorithm, alpha, beta);
#endif
}

/// The primitive's result, bias included, times `scale`, before all that is appended.
inline void scale_result(dnnl::primitive_attr& attributes, dnnl::post_ops& after, float scale) {
#if DNNL_VERSION_MAJOR >= 3
  static_cast<void>(attributes);
  after.append_eltwise(dnnl::algorithm::eltwise_linear, scale, 0);
#else
  static_cast<void>(after);
  attributes.set_output_scales(0, {scale});
#endif
}

/// Scales and zero points of 8 bit numbers as parts of a primitive: version 3 knows none. It takes
/// them with each run, and scales before it adds the bias.
#if DNNL_VERSION_MAJOR >= 3
inline constexpr bool kHasConstantScales = false;
#else
inline constexpr bool kHasConstantScales = true;
#endif

/// The sums of products times `scales`, one or, by `mask`, one for each index of a dimension.
/// Only where kHasConstantScales. Scales that are handed in with a run have no fast convolution in
/// oneDNN 2.6; these stay in its cache until newer primitives push them out.
inline void set_scales(dnnl::primitive_attr& attributes, int mask, const std::vector<float>& scales,
                       std::int32_t input_zero, std::int32_t output_zero) {
#if DNNL_VERSION_MAJOR >= 3
  static_cast<void>(attributes);
  static_cast<void>(mask);
  static_cast<void>(scales);
  static_cast<void>(input_zero);
  static_cast<void>(output_zero);
  throw dnnl::error(dnnl_unimplemented, "scales are no part of a primitive");
#else
  attributes.set_output_scales(mask, scales);
  if (input_zero != 0) attributes.set_zero_points(DNNL_ARG_SRC, 0, {input_zero});
  if (output_zero != 0) attributes.set_zero_points(DNNL_ARG_DST, 0, {output_zero});
#endif
}

inline std::size_t data_type_bytes(const dnnl::memory::desc& desc) {
#if DNNL_VERSION_MAJOR >= 3
  return dnnl::memory::data_type_size(desc.get_data_type());
#else
  return dnnl::memory::data_type_size(desc.data_type());
#endif
}

/// How a tensor's elements lie in blocks.
struct Blocking {
  dnnl::memory::dims sizes, padded_sizes, strides;
  std::vector<std::pair<dnnl::memory::dim, dnnl::memory::dim>> blocks;  ///< Dimension, size.
  bool is_more = false;  ///< It is no blocking, does not begin at 0, or carries something else.
};

inline Blocking blocking_of(const dnnl::memory::desc& desc) {
  Blocking found;
#if DNNL_VERSION_MAJOR >= 3
  if (desc.get_format_kind() != dnnl::memory::format_kind::blocked) return {{}, {}, {}, {}, true};
  found = {desc.get_dims(), desc.get_padded_dims(), desc.get_strides(), {}, false};
  dnnl::memory::dim bytes =
      static_cast<dnnl::memory::dim>(dnnl::memory::data_type_size(desc.get_data_type()));
  for (int i = 0; i < desc.get_inner_nblks(); ++i)
    found.blocks.emplace_back(desc.get_inner_idxs()[i], desc.get_inner_blks()[i]);
  for (const dnnl::memory::dim size : found.padded_sizes) bytes *= size;
  // What is carried besides, such as sums of integer weights, is not told but has a size.
  const bool carries = !found.blocks.empty() && desc.get_size() > static_cast<std::size_t>(bytes);
  found.is_more = carries || desc.get_submemory_offset() != 0;
#else
  const dnnl_memory_desc_t& data = desc.data;
  const dnnl_blocking_desc_t& blocking = data.format_desc.blocking;
  if (data.format_kind != dnnl_blocked) return {{}, {}, {}, {}, true};
  found.sizes.assign(data.dims, data.dims + data.ndims);
  found.padded_sizes.assign(data.padded_dims, data.padded_dims + data.ndims);
  found.strides.assign(blocking.strides, blocking.strides + data.ndims);
  for (int i = 0; i < blocking.inner_nblks; ++i)
    found.blocks.emplace_back(blocking.inner_idxs[i], blocking.inner_blks[i]);
  found.is_more = data.offset0 != 0 || data.extra.flags != dnnl_memory_extra_flag_none;
#endif
  return found;
}

}  // namespace torchkeep::runtime::dnn
