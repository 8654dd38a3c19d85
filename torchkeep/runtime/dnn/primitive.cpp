#include "torchkeep/runtime/dnn/internal.h"

namespace torchkeep::runtime::dnn {
namespace {

// Enough for the layers of a few models; what it keeps is code, which tells of shapes.
constexpr int kCachedPrimitives = 256;

}  // namespace

Machine::Machine() {
  // Both would write what they see of a model to the host; the environment is the host's.
  dnnl_set_verbose(0);
  dnnl_set_jit_dump(0);
  // A mode from the environment would silently compute in bfloat16.
  dnnl_set_default_fpmath_mode(dnnl_fpmath_mode_strict);
  dnnl_set_primitive_cache_capacity(kCachedPrimitives);
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  state_ = std::make_unique<State>(State{engine, dnnl::stream(engine)});
}

Machine::~Machine() = default;

bool Machine::multiplies_bytes() {
  if (!kHasConstantScales) return false;
  const auto isa = static_cast<unsigned>(dnnl::get_effective_cpu_isa());
  const auto has = [&](dnnl::cpu_isa wanted) {
    return (isa & static_cast<unsigned>(wanted)) == static_cast<unsigned>(wanted);
  };
  return has(dnnl::cpu_isa::avx512_core_vnni) || has(dnnl::cpu_isa::avx2_vnni);
}

Primitive::Primitive() = default;
Primitive::Primitive(std::unique_ptr<State> state) : state_(std::move(state)) {}
Primitive::Primitive(Primitive&&) noexcept = default;
Primitive& Primitive::operator=(Primitive&&) noexcept = default;
Primitive::~Primitive() = default;

std::uint64_t Primitive::scratch_bytes() const { return state_->scratch_bytes; }
std::string Primitive::implementation() const { return state_->implementation; }
double Primitive::flops() const { return state_->flops; }

double count_elements(const Shape& shape) {
  double count = 1;
  for (const std::int64_t size : shape) count *= static_cast<double>(size);
  return count;
}

Result<void> Primitive::run(std::span<std::byte* const> memory) {
  if (resting_) return {};
  TORCHKEEP_CHECK(memory.size() == state_->memory.size());
  for (std::size_t i = 0; i < memory.size(); ++i) {
    // Setting a handle rewrites a layout's padding, so it is done only where memory has moved.
    void* before = nullptr;
    dnnl_memory_get_data_handle(state_->memory[i].get(), &before);
    if (before == memory[i]) continue;
    const dnnl_status_t set = dnnl_memory_set_data_handle(state_->memory[i].get(), memory[i]);
    if (set != dnnl_success)
      return internal_error("oneDNN: memory not taken, status ", static_cast<int>(set));
  }
  const dnnl_status_t done =
      dnnl_primitive_execute(state_->primitive.get(), state_->stream.get(),
                             static_cast<int>(state_->arguments.size()), state_->arguments.data());
  if (done == dnnl_out_of_memory) return unavailable("oneDNN is out of memory");
  if (done != dnnl_success)
    return internal_error("oneDNN: not run, status ", static_cast<int>(done));
  return {};
}

namespace {

dnnl::algorithm algorithm_of(Curve curve) {
  switch (curve) {
    case Curve::Gelu: return dnnl::algorithm::eltwise_gelu_erf;
    case Curve::GeluByTanh: return dnnl::algorithm::eltwise_gelu_tanh;
    case Curve::Swish: return dnnl::algorithm::eltwise_swish;
    case Curve::HardSwish: break;
  }
  return dnnl::algorithm::eltwise_hardswish;
}

}  // namespace

namespace {

void append_post_ops(dnnl::post_ops& after, const Epilogue& epilogue, float residual_scale) {
  if (epilogue.residual) after.append_sum(residual_scale);
  if (epilogue.relu) append_eltwise(after, dnnl::algorithm::eltwise_relu, 0, 0);
  if (epilogue.curve) append_eltwise(after, algorithm_of(*epilogue.curve), 1, 0);
  if (epilogue.clip) {
    append_eltwise(after, dnnl::algorithm::eltwise_clip, epilogue.clip->first,
                   epilogue.clip->second);
  }
}

}  // namespace

dnnl::primitive_attr make_attributes(const Epilogue& epilogue, float scale) {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  dnnl::post_ops after;
  if (scale != 1) scale_result(attributes, after, scale);
  append_post_ops(after, epilogue, 1);
  attributes.set_post_ops(after);
  return attributes;
}

dnnl::primitive_attr make_attributes(const Epilogue& epilogue, const Quantised& quantised,
                                     int channels) {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  const int mask = quantised.scales.size() == 1 ? 0 : 1 << channels;
  set_scales(attributes, mask, quantised.scales, quantised.input_zero, quantised.output_zero);
  dnnl::post_ops after;
  append_post_ops(after, epilogue, quantised.residual_scale);
  if (quantised.last != 1)
    append_eltwise(after, dnnl::algorithm::eltwise_linear, quantised.last, 0);
  attributes.set_post_ops(after);
  return attributes;
}

Primitive make_primitive(Machine& machine, const dnnl::primitive_desc_base& desc,
                         const dnnl::primitive& primitive, std::vector<Argument> arguments,
                         double flops) {
  auto state = std::make_unique<Primitive::State>();
  state->primitive = primitive;
  state->stream = machine.state().stream;
  state->implementation = desc.impl_info_str();
  state->flops = flops;
  const dnnl::memory::desc scratch = desc.scratchpad_desc();
  state->scratch_bytes = scratch.get_size();
  if (state->scratch_bytes > 0) arguments.push_back({DNNL_ARG_SCRATCHPAD, scratch});
  for (const Argument& argument : arguments) {
    state->memory.emplace_back(argument.desc, machine.state().engine, nullptr);
    state->arguments.push_back({argument.kind, state->memory.back().get()});
  }
  return Primitive(std::move(state));
}

}  // namespace torchkeep::runtime::dnn
