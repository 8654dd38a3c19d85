#include "torchkeep/channel/pccs.h"

#include <map>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "torchkeep/base/encoding.h"
#include "torchkeep/base/mutex.h"
#include "torchkeep/base/text.h"
#include "torchkeep/channel/http.h"
#include "torchkeep/channel/internal/pccs_answer.h"

namespace torchkeep::channel {
namespace {

using attest::Collateral;
using Answer = Result<std::shared_ptr<const Collateral>>;

constexpr std::string_view kTcbInfoChain[] = {"tcb-info-issuer-chain", "sgx-tcb-info-issuer-chain"};
constexpr std::string_view kIdentityChain[] = {"sgx-enclave-identity-issuer-chain"};
constexpr std::string_view kCrlChain[] = {"sgx-pck-crl-issuer-chain"};
constexpr std::chrono::seconds kConnectTimeout{5};
constexpr HttpClientLimits kLimits{.max_body_bytes = std::size_t{4} << 20,
                                   .answer = std::chrono::seconds(15)};
constexpr std::chrono::minutes kKept{10};
constexpr std::chrono::seconds kRetryAfter{30};
// Evidence names the platform, so a stranger could fill our memory with platforms.
constexpr std::size_t kMaxPlatforms = 64;

asio::awaitable<Result<PccsDocument>> get(HttpClient& client, std::string route,
                                          std::span<const std::string_view> chain_headers) {
  HttpRequest request{
      .method = "GET", .target = "/sgx/certification/v4" + route, .headers = {}, .body = {}};
  auto response = co_await client.send(std::move(request));
  if (!response) co_return std::move(response).error().context("GET " + route);
  co_return parse_pccs_answer(*response, chain_headers).context("GET " + route);
}

asio::awaitable<Answer> get_all(HttpClient& client, attest::CollateralKey key) {
  Collateral out;
  auto tcb = co_await get(client, "/tcb?fmspc=" + encode_hex(key.fmspc), kTcbInfoChain);
  if (!tcb) co_return std::move(tcb).error();
  auto qe = co_await get(client, "/qe/identity", kIdentityChain);
  if (!qe) co_return std::move(qe).error();
  auto crl = co_await get(client, "/pckcrl?ca=" + key.ca, kCrlChain);
  if (!crl) co_return std::move(crl).error();
  auto root = co_await get(client, "/rootcacrl", {});
  if (!root) co_return std::move(root).error();
  out.tcb_info = std::move(tcb->body);
  out.tcb_info_issuer_chain = std::move(tcb->issuer_chain);
  out.qe_identity = std::move(qe->body);
  out.qe_identity_issuer_chain = std::move(qe->issuer_chain);
  out.pck_crl = std::move(crl->body);
  out.pck_crl_issuer_chain = std::move(crl->issuer_chain);
  out.root_ca_crl = std::move(root->body);
  co_return std::make_shared<const Collateral>(std::move(out));
}

asio::awaitable<Answer> fetch_from(Endpoint pccs, attest::CollateralKey key) {
  const std::string where = text("PCCS at ", pccs.text());
  auto client = co_await HttpClient::connect(pccs, nullptr, kConnectTimeout, kLimits);
  if (!client) co_return std::move(client).error().context(where);
  auto answer = co_await get_all(**client, key);
  if (!answer) co_return std::move(answer).error().context(where);
  co_return answer;
}

/// One fetch under way, and those who wait for it. *Thread-safe.*
class Flight {
 public:
  /// Those who wait are woken on their own executors.
  void land(Answer answer) {
    std::vector<std::function<void()>> waiting;
    {
      const MutexLock lock(mutex_);
      if (answer_) return;
      answer_.emplace(std::move(answer));
      waiting.swap(waiting_);
    }
    for (const auto& wake : waiting) wake();
  }
  asio::awaitable<Answer> wait() {
    const auto executor = co_await asio::this_coro::executor;
    // Named, because g++ 12 destroys a closure within a co_await twice.
    auto initiate = [this, executor](auto handler) {
      // A handler only moves, a std::function wants to copy; the guard keeps its loop alive.
      auto shared = std::make_shared<decltype(handler)>(std::move(handler));
      add([shared, executor, guard = asio::make_work_guard(executor)] {
        asio::post(executor, [shared] { std::move (*shared)(); });
      });
    };
    co_await asio::async_initiate<const asio::use_awaitable_t<>&, void()>(std::move(initiate),
                                                                          asio::use_awaitable);
    const MutexLock lock(mutex_);
    co_return *answer_;
  }

 private:
  void add(std::function<void()> wake) {
    {
      const MutexLock lock(mutex_);
      if (!answer_) {
        waiting_.push_back(std::move(wake));
        return;
      }
    }
    wake();
  }

  Mutex mutex_;
  std::optional<Answer> answer_ GUARDED_BY(mutex_);
  std::vector<std::function<void()>> waiting_ GUARDED_BY(mutex_);
};

/// Lands a flight even if its coroutine is destroyed half way, so that nobody waits for ever.
class Pilot {
 public:
  explicit Pilot(std::shared_ptr<Flight> flight) : flight_(std::move(flight)) {}
  ~Pilot() { flight_->land(unavailable("fetching collateral was broken off")); }
  Pilot(const Pilot&) = delete;
  Pilot& operator=(const Pilot&) = delete;

 private:
  std::shared_ptr<Flight> flight_;
};

struct Platform {
  std::shared_ptr<const Collateral> collateral;
  TimePoint due;
  std::weak_ptr<Flight> flight;
};

}  // namespace

/// *Thread-safe.*
struct PccsCollateral::State {
  State(Endpoint endpoint, const Clock& now) : pccs(std::move(endpoint)), clock(now) {}
  const Endpoint pccs;
  const Clock& clock;
  Mutex mutex;
  std::map<attest::CollateralKey, Platform> platforms GUARDED_BY(mutex);

  Platform& find(const attest::CollateralKey& key) REQUIRES(mutex);
  Answer keep(const attest::CollateralKey& key, Answer fetched);
};

Platform& PccsCollateral::State::find(const attest::CollateralKey& key) {
  const auto found = platforms.find(key);
  if (found != platforms.end()) return found->second;
  if (platforms.size() >= kMaxPlatforms) {
    const auto oldest = std::min_element(
        platforms.begin(), platforms.end(),
        [](const auto& left, const auto& right) { return left.second.due < right.second.due; });
    platforms.erase(oldest);
  }
  return platforms[key];
}

// What is still there is better than nothing: the verifier judges its dates.
Answer PccsCollateral::State::keep(const attest::CollateralKey& key, Answer fetched) {
  const MutexLock lock(mutex);
  Platform& platform = find(key);
  if (fetched) {
    platform.collateral = *fetched;
    platform.due = clock.now() + kKept;
    return fetched;
  }
  if (!platform.collateral) return fetched;
  platform.due = clock.now() + kRetryAfter;
  return platform.collateral;
}

PccsCollateral::PccsCollateral(Endpoint pccs, const Clock& clock)
    : state_(std::make_unique<State>(std::move(pccs), clock)) {}
PccsCollateral::~PccsCollateral() = default;

asio::awaitable<Answer> PccsCollateral::fetch(attest::CollateralKey key) {
  if (key.ca != "platform" && key.ca != "processor") {
    co_return malformed("\"", key.ca, "\" names no PCK CA");
  }
  std::shared_ptr<Flight> flight;
  bool leads = false;
  {
    const MutexLock lock(state_->mutex);
    Platform& platform = state_->find(key);
    if (platform.collateral && state_->clock.now() < platform.due) co_return platform.collateral;
    flight = platform.flight.lock();
    leads = flight == nullptr;
    if (leads) platform.flight = flight = std::make_shared<Flight>();
  }
  if (!leads) {
    auto answer = co_await flight->wait();
    co_return answer;
  }
  const Pilot pilot(flight);
  auto fetched = co_await fetch_from(state_->pccs, key);
  Answer answer = state_->keep(key, std::move(fetched));
  flight->land(answer);
  co_return answer;
}

}  // namespace torchkeep::channel
