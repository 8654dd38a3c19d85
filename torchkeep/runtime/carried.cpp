#include "torchkeep/runtime/carried.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace torchkeep::runtime {

void copy_corner(const Tensor& from, Tensor& to, std::size_t axis, const Shape& shape) {
  const auto bytes_behind = [&](const Shape& sides) {
    std::size_t bytes = element_bytes(from.dtype);
    for (std::size_t i = axis; i < sides.size(); ++i) bytes *= static_cast<std::size_t>(sides[i]);
    return bytes;
  };
  const std::size_t length = bytes_behind(shape), read = bytes_behind(from.shape),
                    written = bytes_behind(to.shape);
  std::size_t planes = 1;
  for (std::size_t i = 0; i < axis; ++i) planes *= static_cast<std::size_t>(shape[i]);
  for (std::size_t i = 0; i < planes && length > 0; ++i)
    std::memcpy(to.data.data() + i * written, from.data.data() + i * read, length);
}

namespace {

std::string described(const Port& port) {
  return text("\"", port.name, "\" (", name_of(port.dtype), " ", describe(port.shape), ")");
}

bool fits(const Shape& shape, const Shape& declared) {
  return std::ranges::equal(shape, declared, [](std::int64_t size, std::int64_t wanted) {
    return wanted == -1 || size == wanted;
  });
}

Result<Tensor> gathered(const Carried::Roomy& roomy) {
  try {
    Tensor tensor = TRY(Tensor::uninitialised(roomy.memory.dtype, roomy.shape));
    copy_corner(roomy.memory, tensor, roomy.axis, roomy.shape);
    return tensor;
  } catch (const std::bad_alloc&) {
    return unavailable("no memory for a copy of the state");
  }
}

/// Whether a run could make of one what the other takes.
bool may_become(const Port& output, const Port& input) {
  return output.dtype == input.dtype &&
         std::ranges::equal(output.shape, input.shape, [](std::int64_t made, std::int64_t taken) {
           return made == -1 || taken == -1 || made == taken;
         });
}

}  // namespace

Result<void> check_links(std::span<const Port> inputs, std::span<const Port> outputs,
                         std::span<const Link> links) {
  if (links.empty()) return invalid_argument("there is no state: no output becomes an input");
  std::vector<bool> from(outputs.size(), false), to(inputs.size(), false);
  for (const Link& link : links) {
    if (link.output >= outputs.size() || link.input >= inputs.size())
      return invalid_argument("the model has no such output or input");
    const Port &output = outputs[link.output], &input = inputs[link.input];
    if (from[link.output]) return invalid_argument("output ", described(output), " is named twice");
    if (to[link.input]) return invalid_argument("input ", described(input), " is named twice");
    from[link.output] = to[link.input] = true;
    if (!may_become(output, input)) {
      return invalid_argument("output ", described(output), " cannot become input ",
                              described(input), ": type, rank and fixed sides have to agree");
    }
  }
  return {};
}

Result<Tensor> make_empty_state(const Port& port, std::int64_t batch) {
  Shape shape = port.shape;
  bool empty = batch == 0;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] != -1) continue;
    shape[i] = i == 0 ? batch : 0;
    empty |= i != 0;
  }
  if (!empty) {
    return invalid_argument("input ", described(port),
                            " has no side that may be 0 at the start: send its first value");
  }
  return Tensor::uninitialised(port.dtype, std::move(shape));
}

Carried::Carried(std::span<const Port> inputs, std::span<const Port> outputs,
                 std::vector<Link> links)
    : links_(std::move(links)) {
  for (const Link& link : links_) {
    from_.push_back(outputs[link.output]);
    to_.push_back(inputs[link.input]);
  }
}

bool Carried::is_input(std::size_t input) const {
  return std::ranges::find(links_, input, &Link::input) != links_.end();
}

bool Carried::is_output(std::size_t output) const {
  return std::ranges::find(links_, output, &Link::output) != links_.end();
}

std::uint64_t Carried::bytes() const {
  std::uint64_t bytes = 0;
  for (const Tensor& tensor : tensors_) bytes += tensor.data.size();
  for (const Roomy& roomy : roomy_) bytes += roomy.memory.data.size();
  return bytes;
}

Result<void> Carried::check_shapes(std::span<const Shape> shapes) const {
  for (std::size_t i = 0; i < links_.size(); ++i) {
    if (!fits(shapes[i], to_[i].shape)) {
      return invalid_argument("output \"", from_[i].name, "\" came out as ", describe(shapes[i]),
                              ", which input ", described(to_[i]), " does not take");
    }
  }
  return {};
}

Result<void> Carried::check(std::span<const Tensor> outputs) const {
  std::uint64_t bytes = 0;
  std::vector<Shape> shapes;
  for (const Link& link : links_) {
    bytes += outputs[link.output].data.size();
    shapes.push_back(outputs[link.output].shape);
  }
  TRY(check_shapes(shapes));
  if (bytes > max_bytes) {
    return unavailable("the state would take ", bytes, " bytes, ", max_bytes, " are left for it");
  }
  return {};
}

Result<std::vector<Tensor>> Carried::run(std::vector<Tensor> inputs, const Run& run) {
  TORCHKEEP_CHECK(!open_);
  const bool first = empty();
  if (!first) {
    for (std::size_t i = 0; i < links_.size(); ++i)
      inputs[links_[i].input] = std::move(tensors_[i]);
  }
  auto outputs = run(inputs);
  const Result<void> kept = outputs ? check(*outputs) : Result<void>();
  if (!outputs || !kept) {
    for (std::size_t i = 0; !first && i < links_.size(); ++i)
      tensors_[i] = std::move(inputs[links_[i].input]);
    if (!kept) return kept.error();
    return outputs;
  }
  tensors_.resize(links_.size());
  for (std::size_t i = 0; i < links_.size(); ++i) {
    if (!first) before_.push_back(std::move(inputs[links_[i].input]));
    tensors_[i] = std::exchange((*outputs)[links_[i].output], Tensor());
  }
  open_ = true;
  return outputs;
}

void Carried::accept() {
  before_.clear();
  open_ = false;
}

void Carried::take_back() {
  if (!open_) return;
  // What was appended stays behind what is there, and is written over.
  for (Roomy& roomy : roomy_) roomy.shape = std::move(roomy.before);
  if (first_) roomy_.clear();
  tensors_ = std::move(before_);
  accept();
}

void Carried::grow(std::vector<Shape> shapes, bool first) {
  for (std::size_t i = 0; i < roomy_.size(); ++i)
    roomy_[i].before = std::exchange(roomy_[i].shape, std::move(shapes[i]));
  open_ = true;
  first_ = first;
}

Result<void> Carried::leave_rooms() {
  TORCHKEEP_CHECK(!open_);
  std::vector<Tensor> tensors;
  for (const Roomy& roomy : roomy_) tensors.push_back(TRY(gathered(roomy)));
  tensors_ = std::move(tensors);
  roomy_.clear();
  return {};
}

Result<Tensor> Carried::copy(std::size_t output) const {
  const auto found = std::ranges::find(links_, output, &Link::output);
  TORCHKEEP_CHECK(found != links_.end() && !empty());
  const auto place = static_cast<std::size_t>(found - links_.begin());
  if (!roomy_.empty()) return gathered(roomy_[place]);
  const Tensor& tensor = tensors_[place];
  try {
    return Tensor(tensor.dtype, tensor.shape, tensor.data);
  } catch (const std::bad_alloc&) {
    return unavailable("no memory for a copy of the state");
  }
}

}  // namespace torchkeep::runtime
