#include <gtest/gtest.h>

#include "torchkeep/attest/verify.h"
#include "torchkeep/simtee/simulated_machine.h"

#include "tests/support/fake_clock.h"
#include "tests/support/fake_platform.h"
#include "tests/support/files.h"

namespace torchkeep::simtee {
namespace {

constexpr std::string_view kBase = "/sgx/certification/v4";

std::string percent_decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      out += static_cast<char>(decode_hex(text.substr(i + 1, 2)).value().at(0));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

/// A machine that serves its collateral, asked without a socket.
class Pccs : public ::testing::Test {
 protected:
  Pccs() {
    folder_.make().value();
    machine_.emplace(folder_, folder_.load_or_create_machine(random_, clock_.now()).value(),
                     clock_);
  }

  channel::HttpResponse get(std::string_view route) {
    return machine_->answer_pccs("GET", text(kBase, route));
  }
  Bytes get_body(std::string_view route) {
    const auto response = get(route);
    EXPECT_EQ(response.status, 200U) << route;
    return {response.body.begin(), response.body.end()};
  }
  Bytes get_chain(std::string_view route, std::string_view header) {
    const auto response = get(route);
    const std::string* const value = response.find_header(header);
    EXPECT_NE(value, nullptr) << route;
    return to_bytes(as_bytes(percent_decode(value == nullptr ? "" : *value)));
  }
  attest::Collateral fetch_all(std::string_view crl = "/pckcrl?ca=platform&encoding=der") {
    return {
        .tcb_info = get_body("/tcb?fmspc=0053494D0001"),
        .tcb_info_issuer_chain = get_chain("/tcb?fmspc=0053494d0001", "tcb-info-issuer-chain"),
        .qe_identity = get_body("/qe/identity"),
        .qe_identity_issuer_chain = get_chain("/qe/identity", "sgx-enclave-identity-issuer-chain"),
        .pck_crl = get_body(crl),
        .pck_crl_issuer_chain = get_chain(crl, "sgx-pck-crl-issuer-chain"),
        .root_ca_crl = get_body("/rootcacrl")};
  }
  Result<attest::Claims> verify(const attest::Collateral& collateral) {
    const simulator::Machine machine = folder_.load_machine().value();
    const attest::RootKey roots[] = {machine.root_key()};
    const Bytes quote = machine.make_quote(testing::fake_enclave(3), {});
    return attest::verify_quote(quote, collateral, roots, clock_.now());
  }

  testing::TemporaryFolder temporary_;
  testing::FakeClock clock_;
  crypto::SystemRandom random_;
  StateFolder folder_{temporary_ / "state"};
  std::optional<SimulatedMachine> machine_;
};

TEST_F(Pccs, ServesCollateralUnderWhichItsQuotesVerify) {
  const auto claims = verify(fetch_all());
  ASSERT_TRUE(claims.ok()) << claims.error();
  EXPECT_EQ(claims->tcb_status(), attest::TcbStatus::UpToDate);
}

TEST_F(Pccs, ServesThePckListAsPemUnlessAskedForDer) {
  for (const char* const route : {"/pckcrl?ca=platform", "/pckcrl?encoding=pem&ca=platform"}) {
    const auto claims = verify(fetch_all(route));
    EXPECT_TRUE(claims.ok()) << claims.error();
  }
  EXPECT_EQ(to_string(get_body("/pckcrl?ca=platform")).substr(0, 24), "-----BEGIN X509 CRL-----");
}

TEST_F(Pccs, HeedsAConditionAtTheNextRequest) {
  folder_.store_condition(simulator::Condition::TcbOutOfDate).value();
  EXPECT_EQ(verify(fetch_all()).value().tcb_status(), attest::TcbStatus::OutOfDate);
  folder_.store_condition(simulator::Condition::PckRevoked).value();
  EXPECT_EQ(verify(fetch_all()).error().code, ErrorCode::Untrusted);
  folder_.store_condition(simulator::Condition::CollateralExpired).value();
  EXPECT_EQ(verify(fetch_all()).error().code, ErrorCode::Untrusted);
  folder_.store_condition(simulator::Condition::Good).value();
  EXPECT_EQ(verify(fetch_all()).value().tcb_status(), attest::TcbStatus::UpToDate);
}

TEST_F(Pccs, IssuesDocumentsForTheTimeOfTheRequest) {
  const attest::Collateral old = fetch_all();
  clock_.advance(std::chrono::days(31));
  EXPECT_EQ(verify(old).error().code, ErrorCode::Untrusted);
  EXPECT_TRUE(verify(fetch_all()).ok());
}

TEST_F(Pccs, RefusesWhatItDoesNotServe) {
  const std::pair<const char*, unsigned> cases[] = {
      {"/tcb", 400},
      {"/tcb?fmspc=", 400},
      {"/tcb?fmspc=0053494D00", 400},
      {"/tcb?fmspc=0053494D000100", 400},
      {"/tcb?fmspc=0053494D000g", 400},
      {"/tcb?fmspc=0053494D0002", 404},
      {"/tcb?other=0053494D0001", 400},
      {"/pckcrl", 400},
      {"/pckcrl?ca=root", 400},
      {"/pckcrl?ca=processor", 404},
      {"/pckcrl?ca=platform&encoding=hex", 400},
      {"", 404},
      {"/", 404},
      {"/qe", 404},
      {"/qve/identity", 404},
      {"/../../etc/passwd", 404},
  };
  for (const auto& [route, status] : cases) EXPECT_EQ(get(route).status, status) << route;
  EXPECT_EQ(machine_->answer_pccs("GET", "/tdx/certification/v4/qe/identity").status, 404U);
  EXPECT_EQ(machine_->answer_pccs("GET", "").status, 404U);
  EXPECT_EQ(machine_->answer_pccs("POST", text(kBase, "/qe/identity")).status, 405U);
}

TEST_F(Pccs, SaysSoIfItsConditionCannotBeRead) {
  store_file(folder_.path() / "condition", as_bytes("bad")).value();
  EXPECT_EQ(get("/qe/identity").status, 500U);
}

TEST(PercentEncoding, LeavesOnlyWhatNeedsNone) {
  EXPECT_EQ(percent_encode("aZ09-._~"), "aZ09-._~");
  EXPECT_EQ(percent_encode("a b+/=\n%\xff"), "a%20b%2B%2F%3D%0A%25%FF");
}

}  // namespace
}  // namespace torchkeep::simtee
