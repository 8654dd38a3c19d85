#include "torchkeep/worker/container_loader.h"

#include "torchkeep/container/reader.h"
#include "torchkeep/runtime/model.h"

namespace torchkeep::worker {
namespace {

class RuntimeEngine final : public Engine {
 public:
  explicit RuntimeEngine(std::unique_ptr<runtime::Model> model) : model_(std::move(model)) {}
  const std::vector<runtime::Port>& inputs() const override { return model_->inputs(); }
  const std::vector<runtime::Port>& outputs() const override { return model_->outputs(); }
  std::uint64_t parameter_bytes() const override { return model_->parameter_bytes(); }
  Result<std::vector<runtime::Tensor>> run(std::span<const runtime::Tensor> inputs) override {
    return model_->run(inputs);
  }
  Result<std::vector<runtime::Tensor>> run(std::vector<runtime::Tensor> inputs,
                                           runtime::Carried& state) override {
    return model_->run(std::move(inputs), state);
  }
  std::span<const runtime::Part> operators() const override { return model_->operators(); }
  Result<std::vector<runtime::Tensor>> run_operator(
      std::size_t index, std::span<const runtime::Tensor> inputs) override {
    return model_->run_operator(index, inputs);
  }

 private:
  std::unique_ptr<runtime::Model> model_;
};

// Pieces of the file between two looks at whether anybody still wants the model.
constexpr std::size_t kPieceBytes = std::size_t{64} << 20;

/// A container as the runtime's stream; keeps apart what the file and what the graph is at fault
/// for.
class Stream {
 public:
  Stream(container::Reader& reader, const std::atomic<bool>& abandoned)
      : reader_(reader), abandoned_(abandoned) {}

  Result<void> read(MutableByteView out) {
    while (!out.empty() && !failure_) {
      const std::size_t size = std::min(out.size(), kPieceBytes);
      if (abandoned_) failure_ = unavailable("loading was given up");
      if (!failure_) {
        if (auto done = reader_.read_exactly(out.first(size)); !done)
          failure_ = std::move(done).error();
      }
      out = out.subspan(size);
    }
    if (failure_) return *failure_;
    return {};
  }
  const std::optional<Error>& failure() const { return failure_; }

 private:
  container::Reader& reader_;
  const std::atomic<bool>& abandoned_;
  std::optional<Error> failure_;
};

}  // namespace

Result<std::unique_ptr<Engine>> ContainerLoader::load(const ModelPlace& place,
                                                      const ModelConfig& config,
                                                      const keys::ReleasedKey& key,
                                                      const std::atomic<bool>& abandoned) {
  const container::Expectation expected{key.chain().model(), place.version, key.container_digest()};
  auto reader = TRY(container::Reader::open(place.container, key.data_key(), expected, pool_)
                        .context("container"));
  const bool by_operator = reader.header().payload_kind == container::kPayloadOperators;
  if (by_operator) TRY(keys::check_operator_mode(key.chain().policy()));
  Stream stream(reader, abandoned);
  runtime::ModelOptions options;
  options.threads = threads_;
  options.max_activation_bytes = config.max_activation_bytes;
  options.max_run_time = std::chrono::seconds(config.max_run_seconds);
  options.by_operator = by_operator;
  auto model = runtime::Model::load([&stream](MutableByteView out) { return stream.read(out); },
                                    reader.header().payload_bytes, options);
  if (stream.failure()) return Error(*stream.failure()).context("container");
  if (!model) {
    if (model.error().code == ErrorCode::Unavailable) return unavailable("memory is short");
    // The engine's own words name nodes and shapes, which are the owner's secret.
    return malformed("the engine does not run this model (", name_of(model.error().code),
                     "); its owner sees why with: torchkeep protect");
  }
  TRY(reader.finish().context("container"));
  return std::unique_ptr<Engine>(std::make_unique<RuntimeEngine>(std::move(model).value()));
}

}  // namespace torchkeep::worker
