#include "torchkeep/cli/conformance.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <span>

#include "torchkeep/cli/compare.h"
#include "torchkeep/cli/isolated.h"
#include "torchkeep/cli/outline.h"
#include "torchkeep/cli/tensor_file.h"
#include "torchkeep/json/json.h"
#include "torchkeep/runtime/model.h"

namespace torchkeep::cli {
namespace {

namespace filesystem = std::filesystem;
using runtime::Tensor;

constexpr std::chrono::seconds kLimit{300};  // of one case, on the slowest machine
constexpr std::string_view kDataSet = "test_data_set_";
constexpr std::array<std::string_view, 6> kRandomOperators = {"Bernoulli",     "Multinomial",
                                                              "RandomNormal",  "RandomNormalLike",
                                                              "RandomUniform", "RandomUniformLike"};
// Each of their numbers is a sum of all, and carries the rounding of the largest: of a float,
// twice.
constexpr std::array<std::string_view, 2> kTransforms = {"DFT", "STFT"};
constexpr double kRoundingOfLargest = 0x1p-22;

/// What a folder holds, sorted. Errors: Unavailable.
Result<std::vector<Path>> entries_of(const Path& folder) {
  std::error_code failure;
  std::vector<Path> entries;
  for (filesystem::directory_iterator entry(folder, failure), end; !failure && entry != end;
       entry.increment(failure)) {
    entries.push_back(entry->path());
  }
  if (failure) return unavailable(folder.string(), " cannot be read: ", failure.message());
  std::ranges::sort(entries);
  return entries;
}

bool is_data_set(const Path& path) {
  std::error_code ignored;
  return path.filename().string().starts_with(kDataSet) && filesystem::is_directory(path, ignored);
}

Result<void> collect_cases(const Path& folder, std::vector<Path>& cases) {
  const std::vector<Path> entries = TRY(entries_of(folder));
  const bool has_model = std::ranges::any_of(
      entries, [](const Path& path) { return path.filename() == "model.onnx"; });
  if (has_model && std::ranges::any_of(entries, is_data_set)) {
    cases.push_back(folder);
    return {};
  }
  for (const Path& entry : entries) {
    std::error_code ignored;
    const bool descend = filesystem::is_directory(filesystem::symlink_status(entry, ignored));
    if (descend) TRY(collect_cases(entry, cases));
  }
  return {};
}

Result<std::vector<Tensor>> load_values(const Path& data_set, std::string_view kind,
                                        const std::vector<runtime::Port>& ports) {
  std::vector<Tensor> tensors;
  std::error_code ignored;
  while (true) {
    const Path path = data_set / text(kind, "_", tensors.size(), ".pb");
    if (!filesystem::exists(path, ignored)) return tensors;
    // More files than ports are told of when they are counted.
    const bool has_port = tensors.size() < ports.size();
    tensors.push_back(
        TRY(load_value(path, has_port ? ports[tensors.size()].dtype : runtime::DataType::Float32)));
  }
}

/// The word after "operator " in an error that names a node.
std::string operator_in(const std::string& message) {
  constexpr std::string_view kMark = "operator ";
  for (auto place = message.find(kMark); place != message.npos;
       place = message.find(kMark, place + 1)) {
    const auto start = place + kMark.size(), end = message.find(" (", start);
    if (end == message.npos) continue;
    const std::string word = message.substr(start, end - start);
    if (!word.empty() && word.find(' ') == word.npos) return word;
  }
  return "";
}

/// Of a graph of one operator alone, as most cases are; otherwise "".
std::string only_operator(const Path& folder) {
  const auto outline = load_outline(folder / "model.onnx");
  return outline && outline->operators.size() == 1 ? *outline->operators.begin() : "";
}

Outcome refused(const Path& folder, const Error& error) {
  // The case's own place says nothing of why.
  std::string reason = error.message;
  const std::string place = folder.string() + "/";
  for (auto at = reason.find(place); at != reason.npos; at = reason.find(place))
    reason.erase(at, place.size());
  std::string named = operator_in(reason);
  if (named.empty()) named = only_operator(folder);
  return {Outcome::Kind::Refused, named.empty() ? reason : named, reason};
}

Outcome failed(std::string difference) {
  return {Outcome::Kind::Failed, "", std::move(difference)};
}

bool has_any(const Outline& outline, std::span<const std::string_view> operators) {
  return std::ranges::any_of(
      operators, [&](std::string_view name) { return outline.operators.contains(name); });
}

/// How a case's answers are compared with those that are wanted.
struct Comparison {
  bool form_alone = false;  ///< Of random numbers.
  Tolerance tolerance;
};

Comparison comparison_of(const Outline& outline) {
  Comparison comparison;
  comparison.form_alone = outline.has_dropout_in_training || has_any(outline, kRandomOperators);
  if (has_any(outline, kTransforms)) comparison.tolerance.of_largest = kRoundingOfLargest;
  return comparison;
}

Result<std::optional<std::string>> run_data_set(runtime::Model& model, const Path& data_set,
                                                const Comparison& comparison) {
  const auto inputs = TRY(load_values(data_set, "input", model.inputs()));
  const auto wanted = TRY(load_values(data_set, "output", model.outputs()));
  if (inputs.size() != model.inputs().size()) {
    return not_found("there are ", inputs.size(), " inputs, wanted are ", model.inputs().size());
  }
  const auto outputs = TRY(model.run(inputs));
  const std::string where = data_set.filename().string();
  if (outputs.size() != wanted.size()) {
    return std::optional(text(where, ": ", outputs.size(), " outputs, wanted are ", wanted.size()));
  }
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const auto difference = comparison.form_alone
                                ? find_form_difference(outputs[i], wanted[i])
                                : find_difference(outputs[i], wanted[i], comparison.tolerance);
    if (difference)
      return std::optional(text(where, ": output \"", model.outputs()[i].name, "\" ", *difference));
  }
  return std::optional<std::string>();
}

}  // namespace

Result<std::vector<Path>> find_cases(const Path& folder) {
  std::error_code ignored;
  if (!filesystem::is_directory(folder, ignored)) {
    return invalid_argument(folder.string(), " is no folder: name one that holds ONNX's cases");
  }
  std::vector<Path> cases;
  // A trailing slash would leave a case without its name.
  const Path start = folder.has_filename() ? folder : folder.parent_path();
  TRY(collect_cases(start, cases));
  if (cases.empty()) {
    return invalid_argument(folder.string(),
                            " holds no case: a folder with model.onnx and test_data_set_0");
  }
  return cases;
}

Outcome run_case(const Path& folder, int threads) {
  const Path file = folder / "model.onnx";
  const auto model = runtime::Model::load_onnx(file, {.threads = threads});
  if (!model && model.error().code == ErrorCode::Internal) return failed(model.error().message);
  if (!model) return refused(folder, model.error());
  const auto outline = load_outline(file);
  if (!outline) return failed(text("the graph cannot be read again: ", outline.error().message));
  const auto entries = entries_of(folder);
  if (!entries) return failed(entries.error().message);
  for (const Path& data_set : *entries) {
    if (!is_data_set(data_set)) continue;
    const auto difference = run_data_set(**model, data_set, comparison_of(*outline));
    if (!difference) {
      const ErrorCode code = difference.error().code;
      // InvalidArgument: the case's tensor is not what its own model declares.
      const bool refuses = code == ErrorCode::Malformed || code == ErrorCode::Unavailable ||
                           code == ErrorCode::InvalidArgument;
      if (refuses) return refused(folder, difference.error());
      return failed(text(data_set.filename().string(), ": ", difference.error().message));
    }
    if (*difference) return failed(**difference);
  }
  return {};
}

Outcome run_case_isolated(const Path& folder, int threads) {
  const auto answer = run_isolated(
      [&] {
        const Outcome outcome = run_case(folder, threads);
        const json::Json told = {static_cast<int>(outcome.kind), outcome.operator_name,
                                 outcome.reason};
        return told.dump(-1, ' ', false, json::Json::error_handler_t::replace);
      },
      kLimit);
  if (!answer) return failed(text("the engine ", answer.error().message));
  const auto told = json::parse(*answer);
  if (!told) return failed(text("the child's answer: ", told.error().message));
  return {static_cast<Outcome::Kind>((*told)[0].get<int>()), (*told)[1].get<std::string>(),
          (*told)[2].get<std::string>()};
}

}  // namespace torchkeep::cli
