#include "torchkeep/runtime/kernels/einsum_equation.h"

#include <algorithm>

namespace torchkeep::runtime::kernels {
namespace {

constexpr std::size_t kMostEllipsis = 10;  // digits that there are

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_ellipsis_label(char c) { return c >= '0' && c <= '9'; }

/// The labels of `count` dimensions of an ellipsis, the last of which is the same in all terms.
Labels ellipsis_labels(std::size_t count) {
  Labels labels;
  for (std::size_t i = count; i-- > 0;)
    labels.push_back(static_cast<char>('9' - static_cast<int>(i)));
  return labels;
}

/// `labels` with `inner` in place of the ellipsis.
Labels filled(const Labels& labels, const Labels& inner) {
  const std::size_t place = labels.find(Equation::kEllipsis);
  if (place == Labels::npos) return labels;
  return labels.substr(0, place) + inner + labels.substr(place + 1);
}

Labels implied_output(const std::vector<Labels>& inputs, std::size_t ellipsis) {
  std::map<char, int> counts;
  for (const Labels& labels : inputs) {
    for (const char label : labels) ++counts[label];
  }
  Labels output = ellipsis_labels(ellipsis);
  for (const auto& [label, count] : counts) {
    if (is_letter(label) && count == 1) output.push_back(label);
  }
  return output;
}

Result<void> check_output(const Labelled& labelled) {
  Labels output = labelled.output;
  std::ranges::sort(output);
  if (std::ranges::adjacent_find(output) != output.end())
    return malformed("the result has a label twice");
  for (const char label : output) {
    if (!labelled.sizes.contains(label))
      return malformed("no input has the result's label ", label);
  }
  return {};
}

}  // namespace

Result<Equation> parse_equation(std::string_view text) {
  Equation equation;
  equation.inputs.emplace_back();
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    Labels& term = equation.output ? *equation.output : equation.inputs.back();
    if (c == ' ') continue;
    if (c == ',' && !equation.output) {
      equation.inputs.emplace_back();
    } else if (text.substr(i, 2) == "->" && !equation.output) {
      equation.output.emplace();
      ++i;
    } else if (text.substr(i, 3) == "..." && term.find(Equation::kEllipsis) == Labels::npos) {
      term.push_back(Equation::kEllipsis);
      i += 2;
    } else if (is_letter(c)) {
      term.push_back(c);
    } else {
      return malformed("the equation \"", text, "\" is not understood at character ", i);
    }
  }
  return equation;
}

Result<Labelled> label_inputs(const Equation& equation, const std::vector<Shape>& shapes) {
  if (equation.inputs.size() != shapes.size())
    return malformed("there are ", shapes.size(), " inputs, the equation has ",
                     equation.inputs.size());
  Labelled out;
  std::size_t most = 0;  // dimensions of an ellipsis
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    const Labels& labels = equation.inputs[i];
    const bool open = labels.find(Equation::kEllipsis) != Labels::npos;
    const std::size_t named = labels.size() - (open ? 1 : 0), rank = shapes[i].size();
    if (open ? rank < named || rank - named > kMostEllipsis : rank != named)
      return malformed("input ", i, " of shape ", describe(shapes[i]), " is \"",
                       filled(labels, "..."), "\"");
    most = std::max(most, rank - named);
    out.inputs.push_back(filled(labels, ellipsis_labels(rank - named)));
    for (std::size_t d = 0; d < rank; ++d) {
      const char label = out.inputs[i][d];
      const auto [known, added] = out.sizes.emplace(label, shapes[i][d]);
      if (added || known->second == shapes[i][d]) continue;
      if (is_ellipsis_label(label) && (known->second == 1 || shapes[i][d] == 1)) {
        if (known->second == 1) known->second = shapes[i][d];
        continue;
      }
      return malformed("dimension ", d, " of input ", i, " is ", shapes[i][d], ", elsewhere ",
                       known->second);
    }
  }
  if (equation.output) {
    if (most > 0 && equation.output->find(Equation::kEllipsis) == Labels::npos)
      return malformed("the result has no ellipsis, the inputs have one");
    out.output = filled(*equation.output, ellipsis_labels(most));
  } else {
    out.output = implied_output(out.inputs, most);
  }
  TRY(check_output(out));
  return out;
}

}  // namespace torchkeep::runtime::kernels
