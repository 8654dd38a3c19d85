#include "torchkeep/runtime/kernels/class_loss.h"

namespace torchkeep::runtime::kernels {

Result<ClassLoss> read_class_loss(NodeReader& node) {
  ClassLoss loss;
  const std::string_view reduction = TRY(node.text_or("reduction", "mean"));
  if (reduction == "none")
    loss.reduction = ClassLoss::Reduction::None;
  else if (reduction == "sum")
    loss.reduction = ClassLoss::Reduction::Sum;
  else if (reduction != "mean")
    return malformed("reduction is \"", reduction, "\", wanted is none, sum or mean");
  if (node.has("ignore_index")) loss.ignored = TRY(node.int_or("ignore_index", 0));
  return loss;
}

Result<ClassSizes> class_sizes(const plan::Builder& builder, const ClassLoss& loss) {
  const Shape& input = builder.input(0).shape;
  const plan::Operand& classes = builder.input(1);
  if (input.size() < 2) return malformed("an input of shape ", describe(input), " has no classes");
  Shape places = input;
  places.erase(places.begin() + 1);
  if (classes.shape != places)
    return malformed("classes of shape ", describe(classes.shape), " do not fit ", describe(input));
  if (classes.dtype != DataType::Int64 && classes.dtype != DataType::Int32)
    return malformed("classes are ", name_of(classes.dtype), ", wanted is INT64 or INT32");
  if (builder.has_input(2) && (builder.input(2).shape != Shape{input[1]} ||
                               builder.input(2).dtype != builder.input(0).dtype))
    return malformed("weights of ", name_of(builder.input(2).dtype), " ",
                     describe(builder.input(2).shape), " do not fit ", input[1], " classes");
  ClassSizes sizes{extent(input, 0, 1), extent(input, 1, 2), extent(input, 2, input.size()), {}};
  if (loss.reduction == ClassLoss::Reduction::None) sizes.result = places;
  return sizes;
}

}  // namespace torchkeep::runtime::kernels
