#include "torchkeep/channel/pccs.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "torchkeep/base/encoding.h"
#include "torchkeep/base/text.h"
#include "torchkeep/channel/internal/pccs_answer.h"
#include "torchkeep/channel/internal/pccs_connection.h"
#include "torchkeep/crypto/random.h"

// GET {base}/{sgx|tdx}/certification/v4/tcb?fmspc=HEX        TCB info [SGX-]TCB-Info-Issuer-Chain
// GET {base}/{sgx|tdx}/certification/v4/qe/identity          QE identity
// SGX-Enclave-Identity-Issuer-Chain GET {base}/sgx/certification/v4/pckcrl?ca=CA&encoding=der  PCK
// CRL     SGX-PCK-CRL-Issuer-Chain GET {base}/sgx/certification/v4/rootcacrl                  root
// CA CRL (of a PCCS) GET https://certificates.trustedservices.intel.com/IntelSGXRootCA.der  the
// same, beside Intel's PCS
namespace torchkeep::channel {
namespace {

using attest::Collateral;
using Stopwatch = std::chrono::steady_clock;

constexpr std::string_view kTcbInfoChain[] = {"tcb-info-issuer-chain", "sgx-tcb-info-issuer-chain"};
constexpr std::string_view kIdentityChain[] = {"sgx-enclave-identity-issuer-chain"};
constexpr std::string_view kCrlChain[] = {"sgx-pck-crl-issuer-chain"};
constexpr std::size_t kMaxPinBytes = 64 * 1024;

/// What went wrong with one attempt, and when the next may come.
struct Refusal {
  Error error;
  std::chrono::milliseconds not_before{0};
};

struct Question {
  std::string target;
  PccsDocumentKind kind;
  std::span<const std::string_view> chain_headers;
  Bytes Collateral::*body;
  Bytes Collateral::*chain;  // null: none is served
};

std::vector<Question> questions_about(const attest::CollateralKey& key, const std::string& base) {
  const std::string sgx = base + "/sgx/certification/v4";
  const std::string own = text(base, "/", attest::name_of(key.tee), "/certification/v4");
  return {{own + "/tcb?fmspc=" + encode_hex(key.fmspc), PccsDocumentKind::Json, kTcbInfoChain,
           &Collateral::tcb_info, &Collateral::tcb_info_issuer_chain},
          {own + "/qe/identity", PccsDocumentKind::Json, kIdentityChain, &Collateral::qe_identity,
           &Collateral::qe_identity_issuer_chain},
          {sgx + "/pckcrl?ca=" + key.ca + "&encoding=der", PccsDocumentKind::Crl, kCrlChain,
           &Collateral::pck_crl, &Collateral::pck_crl_issuer_chain}};
}

Question root_crl_question(std::string target) {
  return {std::move(target), PccsDocumentKind::Crl, {}, &Collateral::root_ca_crl, nullptr};
}

/// `open` becomes false if the server ends the connection with this answer.
asio::awaitable<std::optional<Refusal>> ask(HttpClient& client, const Question& question,
                                            Collateral& out, bool& open) {
  HttpRequest request{.method = "GET", .target = question.target, .headers = {}, .body = {}};
  const std::string doing = "GET " + question.target;
  auto response = co_await client.send(std::move(request));
  if (!response) co_return Refusal{std::move(response).error().context(doing)};
  const std::string* const connection = response->find_header("connection");
  open = connection == nullptr || *connection != "close";
  auto document = parse_pccs_answer(*response, question.kind, question.chain_headers);
  if (!document) {
    co_return Refusal{std::move(document).error().context(doing),
                      find_retry_after(*response).value_or(std::chrono::seconds(0))};
  }
  out.*question.body = std::move(document->body);
  if (question.chain != nullptr) out.*question.chain = std::move(document->issuer_chain);
  co_return std::nullopt;
}

asio::awaitable<std::optional<Refusal>> ask_all(const PccsPlace& place,
                                                std::vector<Question> questions,
                                                const PccsPatience& patience, Collateral& out) {
  std::unique_ptr<HttpClient> client;
  bool open = false;
  for (const Question& question : questions) {
    if (!open) {
      auto connected = co_await connect(place, patience);
      if (!connected) co_return Refusal{std::move(connected).error()};
      client = std::move(connected).value();
    }
    auto refusal = co_await ask(*client, question, out, open);
    if (refusal) co_return refusal;
  }
  co_return std::nullopt;
}

/// Pauses between attempts: doubled each time, the later half of each at random.
class Pauses {
 public:
  explicit Pauses(const PccsPatience& patience) : patience_(patience) {}
  std::chrono::milliseconds next() {
    const auto whole =
        std::min(pause_ == std::chrono::milliseconds(0) ? patience_.first_pause : pause_ * 2,
                 patience_.longest_pause);
    pause_ = whole;
    crypto::SystemRandom random;
    const unsigned share = load_le16(random.array<2>());  // of 65536
    return whole / 2 + std::chrono::milliseconds((whole / 2).count() * share / 65536);
  }

 private:
  const PccsPatience& patience_;
  std::chrono::milliseconds pause_{0};
};

}  // namespace

struct PccsClient::State {
  PccsPlace service;
  std::optional<PccsPlace> root_crl;  // where it is not the service's to hand out
  PccsPatience patience;

  asio::awaitable<std::optional<Refusal>> attempt(const attest::CollateralKey& key,
                                                  Collateral& out) const;
};

asio::awaitable<std::optional<Refusal>> PccsClient::State::attempt(const attest::CollateralKey& key,
                                                                   Collateral& out) const {
  std::vector<Question> questions = questions_about(key, service.address.base);
  if (!root_crl) {
    questions.push_back(
        root_crl_question(service.address.base + "/sgx/certification/v4/rootcacrl"));
  }
  auto refusal = co_await ask_all(service, std::move(questions), patience, out);
  if (refusal || !root_crl) co_return refusal;
  std::vector<Question> rest = {root_crl_question(root_crl->address.base)};
  co_return co_await ask_all(*root_crl, std::move(rest), patience, out);
}

PccsClient::PccsClient(std::unique_ptr<const State> state) : state_(std::move(state)) {}
PccsClient::~PccsClient() = default;

Result<std::unique_ptr<PccsClient>> PccsClient::create(PccsAddress address, ByteView ca_pem,
                                                       PccsPatience patience) {
  auto state = std::make_unique<State>();
  state->patience = patience;
  if (!address.tls && !ca_pem.empty()) {
    return invalid_argument("a CA is of use with https alone: name the PCCS as https://",
                            address.authority(), address.base);
  }
  if (address.tls) {
    state->service.tls = TRY(TlsClientContext::create_for_web(address.host, ca_pem));
  }
  if (is_intels(address)) {
    PccsPlace place;
    place.address = {true, "certificates.trustedservices.intel.com", 443, "/IntelSGXRootCA.der"};
    place.tls = TRY(TlsClientContext::create_for_web(place.address.host, ca_pem));
    state->root_crl = std::move(place);
  }
  state->service.address = std::move(address);
  return std::unique_ptr<PccsClient>(new PccsClient(std::move(state)));
}

Result<std::unique_ptr<PccsClient>> PccsClient::open(std::string_view address, const Path& ca_file,
                                                     PccsPatience patience) {
  PccsAddress parsed = TRY(parse_pccs_address(address).context("--pccs"));
  Bytes pem;
  if (!ca_file.empty()) pem = TRY(load_file(ca_file, kMaxPinBytes).context("--pccs-ca"));
  return create(std::move(parsed), pem, patience).context("--pccs-ca");
}

const PccsAddress& PccsClient::address() const { return state_->service.address; }

asio::awaitable<Result<Collateral>> PccsClient::fetch(attest::CollateralKey key,
                                                      Attempts attempts) const {
  const auto askable = check_askable(key);
  if (!askable) co_return askable.error();
  const auto started = Stopwatch::now();
  Pauses pauses(state_->patience);
  asio::steady_timer timer(co_await asio::this_coro::executor);
  for (unsigned count = 1;; ++count) {
    Collateral out;
    auto refusal = co_await state_->attempt(key, out);
    if (!refusal) co_return out;
    const bool may_pass = refusal->error.code == ErrorCode::Unavailable;
    const auto pause = std::max(pauses.next(), refusal->not_before);
    if (!may_pass || attempts == Attempts::One ||
        Stopwatch::now() - started + pause >= state_->patience.total) {
      const std::string where = text("PCCS at ", address().text());
      co_return std::move(refusal->error)
          .context(count == 1 ? where : text(where, ", tried ", count, " times"));
    }
    timer.expires_after(pause);
    const auto [ended] = co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
    if (ended) co_return unavailable("waiting for the PCCS was broken off");
  }
}

Result<void> check_askable(const attest::CollateralKey& key) {
  if (key.ca != "platform" && key.ca != "processor") {
    return invalid_argument("\"", key.ca,
                            "\" names no PCK CA; it is \"platform\" or \"processor\"");
  }
  if (key.tee == attest::TeeType::Snp) {
    return invalid_argument(
        "a PCCS has no collateral for SEV-SNP; AMD's certificates come with the "
        "evidence");
  }
  return {};
}

}  // namespace torchkeep::channel
