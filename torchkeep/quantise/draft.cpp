#include "torchkeep/quantise/draft.h"

namespace torchkeep::quantise {
namespace {

using runtime::wire::Field;
using runtime::wire::Reader;

/// Calls `visit` with each name that a NodeProto reads.
Result<void> visit_inputs(ByteView node, const std::function<void(std::string_view)>& visit) {
  Reader reader(node);
  while (const std::optional<Field> field = TRY(reader.next())) {
    if (field->number == 1) visit(field->as_text());
  }
  return {};
}

}  // namespace

Draft::Draft(const Source& source)
    : source_(source),
      changes_(source.nodes().size()),
      dropped_initializers_(source.initializers().size(), false),
      opset_(source.opset()) {}

std::string Draft::make_name(std::string_view stem) {
  std::string name(stem);
  for (std::size_t i = 1; source_.is_known_name(name) || !new_names_.insert(name).second; ++i)
    name = text(stem, "_", i);
  return name;
}

void Draft::insert(std::size_t place, SecretBuffer node) {
  changes_[place].before.push_back(std::move(node));
}

ByteView Draft::node(std::size_t place) const {
  const Change& change = changes_[place];
  return change.instead ? ByteView(*change.instead) : source_.node_messages()[place];
}

Result<void> Draft::reread(std::size_t place, std::size_t input, std::string_view name) {
  replace(place, TRY(with_input(node(place), input, name)));
  return {};
}

void Draft::replace(std::size_t place, SecretBuffer node) {
  changes_[place].instead = std::move(node);
}

void Draft::drop(std::size_t place) { changes_[place].dropped = true; }

void Draft::add(SecretBuffer tensor) { new_tensors_.push_back(std::move(tensor)); }

Result<Draft::Uses> Draft::count_uses() const {
  Uses uses;
  const auto count = [&](std::string_view name) { ++uses[std::string(name)]; };
  for (std::size_t i = 0; i < changes_.size(); ++i) {
    for (const SecretBuffer& each : changes_[i].before) TRY(visit_inputs(each, count));
    if (!changes_[i].dropped) TRY(visit_inputs(node(i), count));
  }
  return uses;
}

Result<void> Draft::drop_unread() {
  Uses uses = TRY(count_uses());
  const auto goes = [&](std::string_view name) {
    const bool was_read = !source_.readers(name).empty();
    return was_read && !source_.read_elsewhere(name) && uses[std::string(name)] == 0;
  };
  for (std::size_t i = changes_.size(); i-- > 0;) {
    const NodeProto& node = source_.nodes()[i];
    const bool hands_on = is_standard(node, "Identity") || is_standard(node, "Constant");
    if (changes_[i].dropped || !hands_on || node.outputs.size() != 1 || !goes(node.outputs[0]))
      continue;
    changes_[i].dropped = true;
    for (const std::string_view input : node.inputs) --uses[std::string(input)];
  }
  for (std::size_t i = 0; i < dropped_initializers_.size(); ++i) {
    const std::string_view name = source_.initializers()[i].name;
    dropped_initializers_[i] = goes(name) && !source_.is_input(name);
  }
  return {};
}

}  // namespace torchkeep::quantise
