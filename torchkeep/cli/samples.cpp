#include "torchkeep/cli/samples.h"

#include <algorithm>
#include <filesystem>
#include <optional>

#include "torchkeep/base/text.h"
#include "torchkeep/cli/model_inputs.h"
#include "torchkeep/cli/tensor_file.h"

namespace torchkeep::cli {
namespace {

namespace filesystem = std::filesystem;
using runtime::Port;
using Files = std::vector<Path>;

Result<std::vector<Path>> list(const Path& folder) {
  std::error_code failure;
  std::vector<Path> entries;
  for (filesystem::directory_iterator at(folder, failure), end; !failure && at != end;
       at.increment(failure))
    entries.push_back(at->path());
  if (failure) return unavailable("reading ", folder.string(), ": ", failure.message());
  std::ranges::sort(entries);
  return entries;
}

bool is_tensor_file(const Path& path) {
  return path.extension() == ".npy" || path.extension() == ".pb";
}

/// The files of a folder that is one sample; none if it holds none for any input.
Result<Files> find_sample(std::span<const Port> ports, const Path& folder) {
  Files files;
  std::string missing;
  for (const Port& port : ports) {
    std::error_code ignored;
    const Path array = folder / tensor_file_name(port.name, ".npy"),
               message = folder / tensor_file_name(port.name, ".pb");
    if (filesystem::exists(array, ignored))
      files.push_back(array);
    else if (filesystem::exists(message, ignored))
      files.push_back(message);
    else
      missing = port.name;
  }
  if (files.empty() || files.size() == ports.size()) return files;
  return invalid_argument(folder.string(), " has no file for input \"", missing,
                          "\"; the inputs are ", describe(ports));
}

Result<std::vector<Files>> find_in_folder(std::span<const Port> ports, const Path& folder) {
  std::vector<Files> samples;
  if (ports.size() == 1) {
    for (const Path& entry : TRY(list(folder))) {
      if (is_tensor_file(entry)) samples.push_back({entry});
    }
  } else {
    Files files = TRY(find_sample(ports, folder));
    if (!files.empty()) return std::vector<Files>{std::move(files)};
    for (const Path& entry : TRY(list(folder))) {
      std::error_code ignored;
      if (!filesystem::is_directory(entry, ignored)) continue;
      files = TRY(find_sample(ports, entry));
      if (!files.empty()) samples.push_back(std::move(files));
    }
  }
  if (samples.empty())
    return invalid_argument("folder ", folder.string(), " holds no sample: wanted are ",
                            ports.size() == 1
                                ? ".npy or .pb files"
                                : "a file NAME.npy for each input, or folders of such",
                            "; the inputs are ", describe(ports));
  return samples;
}

/// Which input an argument NAME=FILE names. Names may hold an '=' of their own.
std::optional<std::size_t> find_name(std::span<const Port> ports, const std::string& argument,
                                     std::string& file) {
  for (auto equals = argument.find('='); equals != argument.npos;
       equals = argument.find('=', equals + 1)) {
    const auto port = std::ranges::find(ports, argument.substr(0, equals), &Port::name);
    if (port == ports.end()) continue;
    file = argument.substr(equals + 1);
    return static_cast<std::size_t>(port - ports.begin());
  }
  return std::nullopt;
}

}  // namespace

Result<std::vector<std::vector<Path>>> find_samples(std::span<const Port> ports,
                                                    const std::vector<std::string>& arguments) {
  std::vector<Files> samples;
  std::vector<Files> named(ports.size());  // of each input
  for (const std::string& argument : arguments) {
    std::error_code ignored;
    std::string file;
    if (const auto input = find_name(ports, argument, file)) {
      named[*input].push_back(file);
    } else if (filesystem::is_directory(argument, ignored)) {
      const std::vector<Files> found = TRY(find_in_folder(ports, argument));
      samples.insert(samples.end(), found.begin(), found.end());
    } else if (!filesystem::exists(argument, ignored)) {
      return not_found("--calibrate ", argument, ": there is no such file; the inputs are ",
                       describe(ports));
    } else if (ports.size() != 1) {
      return invalid_argument("--calibrate ", argument,
                              " names no input: write NAME=FILE; the inputs are ", describe(ports));
    } else {
      samples.push_back({argument});
    }
  }
  std::size_t count = 0;
  for (const Files& files : named) count = std::max(count, files.size());
  for (std::size_t i = 0; i < count; ++i) {
    Files files;
    for (std::size_t k = 0; k < ports.size(); ++k) {
      if (named[k].size() != count)
        return invalid_argument("input \"", ports[k].name, "\" is there ", named[k].size(),
                                " times, another one ", count,
                                " times: each sample has a file for each input");
      files.push_back(named[k][i]);
    }
    samples.push_back(std::move(files));
  }
  return samples;
}

}  // namespace torchkeep::cli
