#pragma once

#include <functional>
#include <future>

#include <boost/asio/executor_work_guard.hpp>
#include <gtest/gtest.h>

#include "torchkeep/crypto/random.h"
#include "torchkeep/worker/model_host.h"

#include "tests/support/fake_clock.h"
#include "tests/support/fake_owner.h"
#include "tests/support/files.h"
#include "tests/support/recording_log.h"

/// A worker without enclave, network and runtime: what a slot works with, each part told by the
/// test what to do.
namespace torchkeep::worker {

using namespace std::chrono_literals;

/// y = 2 x, for x of [batch, 2]. Counts those that are alive, and waits at a gate if told to.
class FakeEngine final : public Engine {
 public:
  struct Behaviour {
    std::atomic<int> alive{0};
    std::atomic<int> runs{0};
    std::shared_future<void> gate;         ///< Each run waits for it, if valid.
    std::optional<Error> failure;          ///< Of each run.
    std::vector<runtime::Part> operators;  ///< Each of them does what `run` does.
  };
  explicit FakeEngine(std::shared_ptr<Behaviour> behaviour) : behaviour_(std::move(behaviour)) {
    ++behaviour_->alive;
  }
  ~FakeEngine() override { --behaviour_->alive; }
  const std::vector<runtime::Port>& inputs() const override { return inputs_; }
  const std::vector<runtime::Port>& outputs() const override { return outputs_; }
  std::uint64_t parameter_bytes() const override { return 1234; }
  Result<std::vector<runtime::Tensor>> run(std::span<const runtime::Tensor> inputs) override {
    ++behaviour_->runs;
    if (behaviour_->gate.valid()) behaviour_->gate.wait();
    if (behaviour_->failure) return *behaviour_->failure;
    std::vector<runtime::Tensor> outputs;
    outputs.push_back(TRY(runtime::Tensor::uninitialised(inputs[0].dtype, inputs[0].shape)));
    const auto from = inputs[0].elements<float>();
    for (std::size_t i = 0; i < from.size(); ++i) outputs[0].elements<float>()[i] = 2 * from[i];
    return outputs;
  }
  Result<std::vector<runtime::Tensor>> run(std::vector<runtime::Tensor> inputs,
                                           runtime::Carried& state) override {
    return state.run(std::move(inputs),
                     [this](std::span<const runtime::Tensor> all) { return run(all); });
  }
  std::span<const runtime::Part> operators() const override { return behaviour_->operators; }
  Result<std::vector<runtime::Tensor>> run_operator(
      std::size_t, std::span<const runtime::Tensor> inputs) override {
    return run(inputs);
  }

 private:
  std::shared_ptr<Behaviour> behaviour_;
  std::vector<runtime::Port> inputs_{{"x", runtime::DataType::Float32, {-1, 2}}};
  std::vector<runtime::Port> outputs_{{"y", runtime::DataType::Float32, {-1, 2}}};
};

class FakeLoader final : public ModelLoader {
 public:
  explicit FakeLoader(std::shared_ptr<FakeEngine::Behaviour> behaviour)
      : behaviour_(std::move(behaviour)) {}
  Result<std::unique_ptr<Engine>> load(const ModelPlace&, const ModelConfig&,
                                       const keys::ReleasedKey&,
                                       const std::atomic<bool>& abandoned) override {
    ++loads;
    while (until_abandoned && !abandoned) std::this_thread::yield();
    if (failure) return *failure;
    if (make) return make();
    return std::unique_ptr<Engine>(std::make_unique<FakeEngine>(behaviour_));
  }
  std::atomic<int> loads{0};
  std::optional<Error> failure;
  std::function<std::unique_ptr<Engine>()> make;  ///< Another engine than the fake one.
  std::atomic<bool> until_abandoned{false};  ///< A load that takes longer than anybody wants it.

 private:
  std::shared_ptr<FakeEngine::Behaviour> behaviour_;
};

/// A key cache that answers at once.
class FakeKeySource final : public client::KeySource {
 public:
  explicit FakeKeySource(const testing::FakeOwner& owner) : statements(owner.statements()) {}
  asio::awaitable<Result<keys::ReleasedKey>> acquire(keys::ReleaseRequest request,
                                                     const crypto::DataKey* held) override {
    ++(request.renewal ? renewals : requests);
    if (meanwhile) meanwhile();
    if (failure) co_return *failure;
    keys::Release release;
    release.lease.seconds = lease_seconds;
    release.lease.requests = lease_requests;
    release.statements = statements;
    if (!request.renewal) {
      release.data_key = testing::fake_data_key(static_cast<std::uint8_t>(request.version));
    }
    co_return keys::open_release(std::move(release), request, std::nullopt, held);
  }
  std::vector<keys::SignedStatement> statements;
  std::function<void()> meanwhile;  ///< What happens while a question is on its way.
  std::optional<Error> failure;
  std::uint64_t lease_seconds = 100;
  std::uint64_t lease_requests = 0;
  int requests = 0, renewals = 0;
};

inline keys::Policy open_policy() {
  keys::Policy policy = testing::fake_policy();
  policy.any_client = true;
  return policy;
}

/// The whole bench over one owner, with versions 1 and 2 of "resnet50" registered. The clock stands
/// still until the test moves it.
struct Worker {
  explicit Worker(const keys::Policy& policy = open_policy())
      : owner(testing::FakeOwner::with_one_version(policy)),
        keys((owner.say(owner.next_version(2)), owner)) {}
  ~Worker() {
    run_until([this] { return true; });
  }

  ModelPlace place(std::uint64_t version = 1) const {
    return {"resnet50", version, folder / "model.tkm", {}, {}, {}};
  }
  std::shared_ptr<ModelSlot> slot(std::uint64_t version = 1) {
    return std::make_shared<ModelSlot>(place(version), bench);
  }
  /// A slot that is served.
  std::shared_ptr<ModelSlot> served(std::uint64_t version = 1) {
    auto one = slot(version);
    one->tick();
    run_until([&] { return one->state() != SlotState::Loading; });
    EXPECT_EQ(one->state(), SlotState::Ready) << log.text();
    return one;
  }
  /// Works until something holds, at most ten seconds.
  void run_until(const std::function<bool()>& holds) {
    const auto end = std::chrono::steady_clock::now() + 10s;
    io.poll();
    while (!holds()) {
      ASSERT_LT(std::chrono::steady_clock::now(), end) << "it never came true\n" << log.text();
      io.run_one_for(20ms);
      io.poll();
    }
  }
  /// Moves the clock, then lets the slot do what is due and waits for the key source's answer.
  void pass(Duration time, ModelSlot& slot) {
    clock.advance(time);
    slot.tick();
    io.poll();
  }
  /// Waits until the inference thread has done all that it was given.
  void wait_for_inference() {
    std::promise<void> done;
    inference.post([&done] { done.set_value(); });
    done.get_future().wait();
  }

  testing::TemporaryFolder folder;
  testing::FakeOwner owner;
  std::shared_ptr<FakeEngine::Behaviour> engines = std::make_shared<FakeEngine::Behaviour>();
  FakeKeySource keys;
  FakeLoader loader{engines};
  testing::FakeClock clock;
  testing::RecordingLog log;
  crypto::SystemRandom random;
  asio::io_context io{1};
  asio::executor_work_guard<asio::io_context::executor_type> guard{io.get_executor()};
  ComputeThread loading, inference;
  Workbench bench{owner.key(), keys, loader, loading, inference, io, clock, log, random};
};

}  // namespace torchkeep::worker
