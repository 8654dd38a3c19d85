#include "torchkeep/channel/pccs.h"

#include <gmock/gmock.h>

#include "torchkeep/base/encoding.h"

#include "tests/channel/session_world.h"
#include "tests/support/loopback.h"

namespace torchkeep::channel {
namespace {

using testing::loopback;
using ::testing::HasSubstr;

std::string percent_encode_all(ByteView bytes) {
  std::string out;
  for (const std::uint8_t byte : bytes) out += "%" + encode_hex({&byte, 1});
  return out;
}

/// A PCCS of one machine, and what a test wants to be wrong with it.
class FakePccs {
 public:
  FakePccs(testing::World& world, asio::io_context& io)
      : collateral(world.machine.collateral(world.clock.now())) {
    server_ = std::move(HttpServer::listen(
                            io, loopback(0), nullptr, {},
                            [this](const HttpRequest& request,
                                   Connection&) -> asio::awaitable<HttpResponse> {
                              ++requests;
                              HttpResponse response = answer(request.target);
                              if (spoil) spoil(request.target, response);
                              co_return response;
                            },
                            world.log))
                  .value();
  }
  Endpoint endpoint() const { return loopback(server_->port()); }

  const attest::Collateral collateral;
  std::atomic<int> requests{0};
  std::function<void(const std::string& target, HttpResponse&)> spoil;

 private:
  HttpResponse answer(const std::string& target) const {
    const std::string base = "/sgx/certification/v4";
    if (target.starts_with(base + "/tcb?fmspc=")) {
      return with_chain(collateral.tcb_info, "tcb-info-issuer-chain",
                        collateral.tcb_info_issuer_chain);
    }
    if (target == base + "/qe/identity") {
      return with_chain(collateral.qe_identity, "sgx-enclave-identity-issuer-chain",
                        collateral.qe_identity_issuer_chain);
    }
    if (target.starts_with(base + "/pckcrl?ca=")) {
      return with_chain(collateral.pck_crl, "sgx-pck-crl-issuer-chain",
                        collateral.pck_crl_issuer_chain);
    }
    if (target == base + "/rootcacrl") {
      return text_response(200, "text/plain", as_text(collateral.root_ca_crl));
    }
    return text_response(404, "text/plain", "");
  }
  static HttpResponse with_chain(ByteView body, const char* header, ByteView chain) {
    HttpResponse response = text_response(200, "application/json", as_text(body));
    response.headers.emplace_back(header, percent_encode_all(chain));
    return response;
  }
  std::unique_ptr<HttpServer> server_;
};

class Pccs : public ::testing::Test {
 protected:
  ~Pccs() override { reactor_.stop(); }
  auto fetch() { return reactor_.await(source_.fetch(key_)); }

  testing::World world_;
  testing::Reactor reactor_{2};
  FakePccs pccs_{world_, reactor_.io()};
  PccsCollateral source_{pccs_.endpoint(), world_.clock};
  const attest::CollateralKey key_ = world_.machine.collateral_key();
};

TEST_F(Pccs, HandsOverWhatItServesByteForByte) {
  const auto fetched = fetch();
  ASSERT_TRUE(fetched.ok()) << fetched.error();
  const attest::Collateral& got = **fetched;
  const attest::Collateral& served = pccs_.collateral;
  EXPECT_EQ(got.tcb_info, served.tcb_info);
  EXPECT_EQ(got.tcb_info_issuer_chain, served.tcb_info_issuer_chain);
  EXPECT_EQ(got.qe_identity, served.qe_identity);
  EXPECT_EQ(got.qe_identity_issuer_chain, served.qe_identity_issuer_chain);
  EXPECT_EQ(got.pck_crl, served.pck_crl);
  EXPECT_EQ(got.pck_crl_issuer_chain, served.pck_crl_issuer_chain);
  EXPECT_EQ(got.root_ca_crl, served.root_ca_crl);
}

TEST_F(Pccs, AsksOnceForManyWhoWait) {
  std::vector<std::future<Result<std::shared_ptr<const attest::Collateral>>>> waiting;
  for (int i = 0; i < 20; ++i) waiting.push_back(reactor_.start(source_.fetch(key_)));
  for (auto& one : waiting) EXPECT_TRUE(one.get().ok());
  EXPECT_EQ(pccs_.requests, 4);
}

TEST_F(Pccs, AsksAgainWhenTenMinutesHavePassed) {
  ASSERT_TRUE(fetch().ok());
  world_.clock.advance(std::chrono::minutes(10) - std::chrono::seconds(1));
  ASSERT_TRUE(fetch().ok());
  EXPECT_EQ(pccs_.requests, 4);
  world_.clock.advance(std::chrono::seconds(1));
  ASSERT_TRUE(fetch().ok());
  EXPECT_EQ(pccs_.requests, 8);
}

TEST_F(Pccs, ServesWhatItHasWhileTheServiceIsAway) {
  ASSERT_TRUE(fetch().ok());
  pccs_.spoil = [](const std::string&, HttpResponse& response) { response.status = 503; };
  world_.clock.advance(std::chrono::minutes(20));
  ASSERT_TRUE(fetch().ok());
  EXPECT_EQ(pccs_.requests, 5) << "it tried, and stopped at the first refusal";
  ASSERT_TRUE(fetch().ok());
  EXPECT_EQ(pccs_.requests, 5) << "it does not try again at once";
  world_.clock.advance(std::chrono::seconds(31));
  pccs_.spoil = nullptr;
  ASSERT_TRUE(fetch().ok());
  EXPECT_EQ(pccs_.requests, 9);
}

TEST_F(Pccs, RefusesAnUnknownCaWithoutAsking) {
  const auto fetched = reactor_.await(source_.fetch({.ca = "platform&update=early"}));
  ASSERT_FALSE(fetched.ok());
  EXPECT_EQ(fetched.error().code, ErrorCode::Malformed);
  EXPECT_EQ(pccs_.requests, 0);
}

TEST_F(Pccs, NamesTheEndpointWhereNobodyListens) {
  std::uint16_t free_port = 0;
  {
    asio::io_context io;
    asio::ip::tcp::acceptor acceptor(io, {asio::ip::make_address("127.0.0.1"), 0});
    free_port = acceptor.local_endpoint().port();
  }
  PccsCollateral nowhere(loopback(free_port), world_.clock);
  const auto fetched = reactor_.await(nowhere.fetch(key_));
  ASSERT_FALSE(fetched.ok());
  EXPECT_EQ(fetched.error().code, ErrorCode::Unavailable);
  EXPECT_THAT(fetched.error().message, HasSubstr(text("PCCS at 127.0.0.1:", free_port)));
}

struct Spoilt {
  const char* name;
  std::string_view where;
  std::function<void(HttpResponse&)> spoil;
  ErrorCode expected;
  std::string says;
};

class SpoiltAnswers : public Pccs, public ::testing::WithParamInterface<Spoilt> {};

TEST_P(SpoiltAnswers, AreErrorsThatNameWhatWasAsked) {
  pccs_.spoil = [](const std::string& target, HttpResponse& response) {
    if (target.find(GetParam().where) != std::string::npos) GetParam().spoil(response);
  };
  const auto fetched = fetch();
  ASSERT_FALSE(fetched.ok());
  EXPECT_EQ(fetched.error().code, GetParam().expected) << fetched.error();
  EXPECT_THAT(fetched.error().message, HasSubstr(pccs_.endpoint().text()));
  EXPECT_THAT(fetched.error().message, HasSubstr(std::string(GetParam().where)));
  EXPECT_THAT(fetched.error().message, HasSubstr(GetParam().says));
}

INSTANTIATE_TEST_SUITE_P(
    Answers, SpoiltAnswers,
    ::testing::Values(Spoilt{"NoCacheData", "/tcb", [](auto& it) { it.status = 404; },
                             ErrorCode::Unavailable, "no such document"},
                      Spoilt{"UnknownPlatform", "/tcb", [](auto& it) { it.status = 461; },
                             ErrorCode::Unavailable, "does not know this platform"},
                      Spoilt{"NoIntel", "/qe/identity", [](auto& it) { it.status = 504; },
                             ErrorCode::Unavailable, "cannot reach Intel"},
                      Spoilt{"Empty", "/rootcacrl", [](auto& it) { it.body.clear(); },
                             ErrorCode::Malformed, "empty"},
                      Spoilt{"NoChain", "/pckcrl", [](auto& it) { it.headers.clear(); },
                             ErrorCode::Malformed, "sgx-pck-crl-issuer-chain is missing"},
                      Spoilt{"ChainCutShort", "/tcb",
                             [](auto& it) { it.headers.back().second += "%4"; },
                             ErrorCode::Malformed, "cut short"},
                      Spoilt{"ChainBadlyEscaped", "/tcb",
                             [](auto& it) { it.headers.back().second += "%zz"; },
                             ErrorCode::Malformed, "tcb-info-issuer-chain"},
                      Spoilt{"ChainOfSomethingElse", "/qe/identity",
                             [](auto& it) { it.headers.back().second = "hello"; },
                             ErrorCode::Malformed, "no PEM"},
                      Spoilt{"TooLarge", "/tcb", [](auto& it) { it.body.resize(5 << 20); },
                             ErrorCode::Malformed, "larger than"}),
    [](const auto& tested) { return std::string(tested.param.name); });

}  // namespace
}  // namespace torchkeep::channel
