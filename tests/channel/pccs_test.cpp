#include "torchkeep/channel/pccs.h"

#include <gmock/gmock.h>

#include "torchkeep/channel/internal/collateral_fields.h"

#include "tests/channel/fake_pccs.h"

namespace torchkeep::channel {
namespace {

using testing::FakePccs;
using ::testing::HasSubstr;
using testing::loopback;
using Attempts = PccsClient::Attempts;

class Pccs : public ::testing::Test {
 protected:
  ~Pccs() override { reactor_.stop(); }
  auto fetch(const PccsClient& client, Attempts attempts = Attempts::UntilPatienceEnds) {
    return reactor_.await(client.fetch(key_, attempts));
  }
  auto fetch() { return fetch(*pccs_.client()); }

  testing::World world_;
  testing::Reactor reactor_{2};
  FakePccs pccs_{world_, reactor_.io()};
  attest::CollateralKey key_ = world_.machine.collateral_key();
};

TEST_F(Pccs, HandsOverWhatItServesByteForByte) {
  const auto fetched = fetch();
  ASSERT_TRUE(fetched.ok()) << fetched.error();
  EXPECT_TRUE(same(*fetched, pccs_.collateral));
  EXPECT_EQ(pccs_.last_host, pccs_.address().authority());
}

TEST_F(Pccs, AsksBelowTheBaseOfItsAddress) {
  pccs_.base = "/attest/v1";
  EXPECT_TRUE(fetch().ok());
}

TEST_F(Pccs, TakesCrlsAsPemAndHex) {
  pccs_.collateral.pck_crl =
      to_bytes(as_bytes("-----BEGIN X509 CRL-----\n" + encode_base64(pccs_.collateral.pck_crl) +
                        "\n-----END X509 CRL-----\n"));
  EXPECT_TRUE(fetch().ok());
}

TEST_F(Pccs, AsksForTrustDomainsElsewhere) {
  key_.tee = attest::TeeType::Tdx;
  std::vector<std::string> targets;
  pccs_.spoil = [&](const std::string& target, HttpResponse&) { targets.push_back(target); };
  const auto fetched = fetch();
  ASSERT_FALSE(fetched.ok());
  EXPECT_EQ(fetched.error().code, ErrorCode::NotFound);
  EXPECT_THAT(targets,
              ::testing::ElementsAre("/tdx/certification/v4/tcb?fmspc=" + encode_hex(key_.fmspc)));
}

TEST_F(Pccs, AsksNothingThatNoPccsKnows) {
  key_.ca = "platform&update=early";
  EXPECT_EQ(fetch().error().code, ErrorCode::InvalidArgument);
  key_ = world_.machine.collateral_key();
  key_.tee = attest::TeeType::Snp;
  EXPECT_EQ(fetch().error().code, ErrorCode::InvalidArgument);
  EXPECT_EQ(pccs_.requests, 0);
}

TEST_F(Pccs, NamesTheEndpointWhereNobodyListens) {
  std::uint16_t free_port = 0;
  {
    asio::io_context io;
    asio::ip::tcp::acceptor acceptor(io, {asio::ip::make_address("127.0.0.1"), 0});
    free_port = acceptor.local_endpoint().port();
  }
  const auto nowhere =
      PccsClient::create({false, "127.0.0.1", free_port, ""}, {}, FakePccs::kSoon).value();
  const auto fetched = fetch(*nowhere);
  ASSERT_FALSE(fetched.ok());
  EXPECT_EQ(fetched.error().code, ErrorCode::Unavailable);
  EXPECT_THAT(fetched.error().message, HasSubstr(text("PCCS at 127.0.0.1:", free_port, ", tried")));
}

TEST_F(Pccs, ResolvesNames) {
  PccsAddress address = pccs_.address();
  address.host = "localhost";
  const auto fetched = fetch(*PccsClient::create(address, {}, FakePccs::kSoon).value());
  EXPECT_TRUE(fetched.ok()) << fetched.error();
  address.host = "no-such-host.invalid";
  const auto absent = fetch(*PccsClient::create(address, {}, FakePccs::kSoon).value());
  EXPECT_EQ(absent.error().code, ErrorCode::Unavailable);
  EXPECT_THAT(absent.error().message, HasSubstr("no address for \"no-such-host.invalid\""));
}

TEST_F(Pccs, TriesAgainWhatMayPass) {
  for (const unsigned status : {429U, 500U, 502U, 503U, 504U}) {
    int failures = 2;
    pccs_.spoil = [&](const std::string&, HttpResponse& response) {
      if (failures-- > 0) response.status = status;
    };
    const auto fetched = fetch();
    EXPECT_TRUE(fetched.ok()) << status << ": " << fetched.error();
    failures = 1;
    EXPECT_EQ(fetch(*pccs_.client(), Attempts::One).error().code, ErrorCode::Unavailable) << status;
  }
}

TEST_F(Pccs, GivesUpWhenItsPatienceEnds) {
  pccs_.spoil = [](const std::string&, HttpResponse& response) { response.status = 503; };
  const auto start = std::chrono::steady_clock::now();
  const auto fetched = fetch();
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
  EXPECT_EQ(fetched.error().code, ErrorCode::Unavailable);
  EXPECT_GT(pccs_.requests, 5);
}

TEST_F(Pccs, StaysAwayAsLongAsItIsAsked) {
  pccs_.spoil = [](const std::string&, HttpResponse& response) {
    response.status = 429;
    response.headers.emplace_back("retry-after", "3600");
  };
  EXPECT_EQ(fetch().error().code, ErrorCode::Unavailable);
  EXPECT_EQ(pccs_.requests, 1) << "that is longer than we have patience";
}

TEST_F(Pccs, DoesNotWaitForOneThatStandsStill) {
  std::thread silent;
  asio::io_context io;
  asio::ip::tcp::acceptor acceptor(io, {asio::ip::make_address("127.0.0.1"), 0});
  acceptor.listen();
  const auto still = PccsClient::create({false, "127.0.0.1", acceptor.local_endpoint().port(), ""},
                                        {}, FakePccs::kSoon)
                         .value();
  const auto fetched = fetch(*still, Attempts::One);
  ASSERT_FALSE(fetched.ok());
  EXPECT_EQ(fetched.error().code, ErrorCode::Unavailable);
  EXPECT_THAT(fetched.error().message, HasSubstr("nothing moved for 1 s"));
}

TEST_F(Pccs, RefusesAnAnswerThatEndsHalfWay) {
  asio::io_context io;
  asio::ip::tcp::acceptor acceptor(io, {asio::ip::make_address("127.0.0.1"), 0});
  std::thread dying([&] {
    asio::ip::tcp::socket socket = acceptor.accept();
    std::string request;
    asio::read_until(socket, asio::dynamic_buffer(request), "\r\n\r\n");
    asio::write(socket, asio::buffer(std::string_view(
                            "HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n{\"tcbInfo\":")));
  });
  const auto half = PccsClient::create({false, "127.0.0.1", acceptor.local_endpoint().port(), ""},
                                       {}, FakePccs::kSoon)
                        .value();
  const auto fetched = fetch(*half, Attempts::One);
  dying.join();
  ASSERT_FALSE(fetched.ok());
  EXPECT_THAT(fetched.error().message, HasSubstr("/tcb?fmspc="));
}

struct Spoilt {
  const char* name;
  std::string_view where;
  std::function<void(HttpResponse&)> spoil;
  ErrorCode expected;
  std::string says;
};

class SpoiltAnswers : public Pccs, public ::testing::WithParamInterface<Spoilt> {};

TEST_P(SpoiltAnswers, AreToldAtOnceWithWhatWasAsked) {
  pccs_.spoil = [](const std::string& target, HttpResponse& response) {
    if (target.find(GetParam().where) != std::string::npos) GetParam().spoil(response);
  };
  const auto fetched = fetch();
  ASSERT_FALSE(fetched.ok());
  EXPECT_EQ(fetched.error().code, GetParam().expected) << fetched.error();
  EXPECT_THAT(fetched.error().message, HasSubstr(pccs_.address().text()));
  EXPECT_THAT(fetched.error().message, HasSubstr(std::string(GetParam().where)));
  EXPECT_THAT(fetched.error().message, HasSubstr(GetParam().says));
  EXPECT_LE(pccs_.requests, 4) << "none of this gets better by asking again";
}

HttpResponse web_page() {
  return text_response(200, "text/html", "\n <!DOCTYPE html><title>Log in</title>");
}

INSTANTIATE_TEST_SUITE_P(
    Answers, SpoiltAnswers,
    ::testing::Values(
        Spoilt{"Elsewhere", "/tcb",
               [](auto& it) {
                 it.status = 302;
                 it.headers.emplace_back("location", "https://evil.example/tcb");
               },
               ErrorCode::InvalidArgument, "sends us to https://evil.example/tcb, where we do"},
        Spoilt{"BadQuestion", "/tcb", [](auto& it) { it.status = 400; }, ErrorCode::Malformed,
               "does not take this question"},
        Spoilt{"Credentials", "/tcb", [](auto& it) { it.status = 401; }, ErrorCode::Denied,
               "wants credentials"},
        Spoilt{"UnknownFmspc", "/tcb", [](auto& it) { it.status = 404; }, ErrorCode::NotFound,
               "this FMSPC is unknown to it"},
        Spoilt{"NoLongerIssued", "/tcb", [](auto& it) { it.status = 410; }, ErrorCode::NotFound,
               "no longer issued"},
        Spoilt{"DoesNotFit", "/tcb", [](auto& it) { it.status = 460; }, ErrorCode::Malformed,
               "do not fit together"},
        Spoilt{"UnknownPlatform", "/tcb", [](auto& it) { it.status = 461; }, ErrorCode::NotFound,
               "does not know this platform"},
        Spoilt{"Empty", "/rootcacrl", [](auto& it) { it.body.clear(); }, ErrorCode::Malformed,
               "empty"},
        Spoilt{"WebPage", "/tcb", [](auto& it) { it = web_page(); }, ErrorCode::Malformed,
               "web page"},
        Spoilt{"WebPageAsCrl", "/pckcrl", [](auto& it) { it = web_page(); }, ErrorCode::Malformed,
               "web page"},
        Spoilt{"NoJson", "/qe/identity", [](auto& it) { it.body[0] = 'x'; }, ErrorCode::Malformed,
               "no JSON object"},
        Spoilt{"NoCrl", "/rootcacrl", [](auto& it) { it.body.resize(it.body.size() / 2); },
               ErrorCode::Malformed, "revocation list"},
        Spoilt{"NoChain", "/pckcrl", [](auto& it) { it.headers.clear(); }, ErrorCode::Malformed,
               "sgx-pck-crl-issuer-chain is missing"},
        Spoilt{"ChainCutShort", "/tcb", [](auto& it) { it.headers.back().second += "%4"; },
               ErrorCode::Malformed, "cut short"},
        Spoilt{"ChainBadlyEscaped", "/tcb", [](auto& it) { it.headers.back().second += "%zz"; },
               ErrorCode::Malformed, "tcb-info-issuer-chain"},
        Spoilt{"ChainOfSomethingElse", "/qe/identity",
               [](auto& it) { it.headers.back().second = "hello"; }, ErrorCode::Malformed,
               "no PEM"},
        Spoilt{"TooLarge", "/tcb", [](auto& it) { it.body.resize(5 << 20); }, ErrorCode::Malformed,
               "larger than"}),
    [](const auto& tested) { return std::string(tested.param.name); });

class PccsOverTls : public Pccs {
 protected:
  static crypto::Certificate certificate(const crypto::EcdsaPrivateKey& key, bool for_loopback) {
    return crypto::issue_certificate({.common_name = "pccs",
                                      .public_key_info = key.public_key_info(),
                                      .serial = {1},
                                      .not_before = parse_rfc3339("2026-01-01T00:00:00Z").value(),
                                      .not_after = parse_rfc3339("2046-01-01T00:00:00Z").value(),
                                      .ip_addresses = {for_loopback ? "127.0.0.1" : "127.0.0.2"}},
                                     nullptr, key);
  }
  static Bytes pem(const crypto::Certificate& certificate) {
    return to_bytes(as_bytes(crypto::encode_pem({certificate})));
  }
  std::unique_ptr<FakePccs> serve(const crypto::Certificate& certificate) {
    return std::make_unique<FakePccs>(world_, reactor_.io(),
                                      TlsServerContext::create(server_key_, certificate).value());
  }
  const crypto::EcdsaPrivateKey server_key_ = crypto::EcdsaPrivateKey::generate();
};

TEST_F(PccsOverTls, IsTakenAtItsPinnedCertificate) {
  const auto shown = certificate(server_key_, true);
  const auto pccs = serve(shown);
  const auto fetched = fetch(*pccs->client(pem(shown)));
  ASSERT_TRUE(fetched.ok()) << fetched.error();
  EXPECT_TRUE(same(*fetched, pccs->collateral));
}

TEST_F(PccsOverTls, IsRefusedForWhatTheSystemsCasDoNotKnow) {
  const auto pccs = serve(certificate(server_key_, true));
  const auto fetched = fetch(*pccs->client());
  ASSERT_FALSE(fetched.ok());
  EXPECT_EQ(fetched.error().code, ErrorCode::Untrusted) << fetched.error();
  EXPECT_THAT(fetched.error().message, HasSubstr("--pccs-ca FILE"));
  EXPECT_EQ(pccs->requests, 0);
}

TEST_F(PccsOverTls, IsRefusedUnderAnothersPin) {
  const auto pccs = serve(certificate(server_key_, true));
  const auto other = certificate(crypto::EcdsaPrivateKey::generate(), true);
  EXPECT_EQ(fetch(*pccs->client(pem(other))).error().code, ErrorCode::Untrusted);
}

TEST_F(PccsOverTls, IsRefusedForACertificateOfAnotherHost) {
  const auto shown = certificate(server_key_, false);
  const auto pccs = serve(shown);
  const auto fetched = fetch(*pccs->client(pem(shown)));
  EXPECT_EQ(fetched.error().code, ErrorCode::Untrusted) << fetched.error();
  EXPECT_THAT(fetched.error().message, HasSubstr("does not hold"));
}

TEST_F(PccsOverTls, IsRefusedWhereItIsNone) {
  PccsAddress address = pccs_.address();
  address.tls = true;
  const auto fetched = fetch(*PccsClient::create(address, {}, FakePccs::kSoon).value());
  EXPECT_EQ(fetched.error().code, ErrorCode::Unavailable);
}

TEST_F(PccsOverTls, TakesNoPinForAPlainAddressAndNoNonsense) {
  const auto pin = pem(certificate(server_key_, true));
  EXPECT_EQ(PccsClient::create(pccs_.address(), pin).error().code, ErrorCode::InvalidArgument);
  EXPECT_EQ(PccsClient::create({true, "a", 1, ""}, as_bytes("nonsense")).error().code,
            ErrorCode::Malformed);
  EXPECT_FALSE(PccsClient::open("127.0.0.1", {}).ok());
  EXPECT_FALSE(PccsClient::open("https://127.0.0.1", "/no/such/file").ok());
}

}  // namespace
}  // namespace torchkeep::channel
