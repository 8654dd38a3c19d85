#include "torchkeep/worker/model_config.h"

#include "torchkeep/json/json.h"

namespace torchkeep::worker {
namespace {

template <typename T>
Result<void> take_limit(json::ObjectReader& reader, std::string_view field, std::uint64_t most,
                        T& limit) {
  const auto found = TRY(reader.find_unsigned(field));
  if (!found) return {};
  if (*found == 0 || *found > most) {
    return malformed(reader.what(), ": field \"", field, "\" is ", *found, ", 1 to ", most,
                     " is allowed");
  }
  limit = *found;
  return {};
}

}  // namespace

Result<ModelConfig> parse_model_config(std::string_view text) {
  const json::Json value = TRY(json::parse(text).context("config.json"));
  json::ObjectReader reader = TRY(json::ObjectReader::open(value, "config.json"));
  ModelConfig config;
  TRY(take_limit(reader, "max_queue", 65536, config.max_queue));
  TRY(take_limit(reader, "max_request_bytes", std::uint64_t{1} << 32, config.max_request_bytes));
  TRY(take_limit(reader, "max_activation_bytes", std::uint64_t{1} << 40,
                 config.max_activation_bytes));
  TRY(take_limit(reader, "max_run_seconds", 86400, config.max_run_seconds));
  TRY(take_limit(reader, "max_sequences", 65536, config.max_sequences));
  TRY(take_limit(reader, "max_sequence_bytes", std::uint64_t{1} << 40, config.max_sequence_bytes));
  TRY(take_limit(reader, "sequence_idle_seconds", 86400, config.sequence_idle_seconds));
  TRY(reader.finish());
  return config;
}

Result<ModelConfig> load_model_config(const Path& path) {
  if (path.empty()) return ModelConfig();
  const Bytes bytes = TRY(load_file(path, kMaxConfigBytes));
  return parse_model_config(as_text(bytes));
}

}  // namespace torchkeep::worker
