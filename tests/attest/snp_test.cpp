#include "torchkeep/attest/snp.h"

#include <cstdio>
#include <functional>

#include <gtest/gtest.h>

#include "torchkeep/base/encoding.h"
#include "torchkeep/crypto/x509.h"

#include "tests/attest/vectors.h"

// AMD's evidence: real reports of Milan machines, their certificates, and what must not pass for
// them.
namespace torchkeep::attest {
namespace {

using json::Json;
using testing::text_at;

struct Machine {
  explicit Machine(const std::string& name = "snp-milan-vcek")
      : manifest(testing::load_dcap_vector(name).manifest),
        report(testing::load_dcap_file(name, "quote.bin")),
        endorsements{.leaf = testing::load_dcap_file(name, "leaf.der"),
                     .ask = testing::load_dcap_file(name, "ask.pem"),
                     .ark = testing::load_dcap_file(name, "ark.pem")},
        now(parse_rfc3339(text_at(manifest, "verify_at")).value()) {}

  Judgement judge() const { return judge_snp_report(report, endorsements, roots, now); }

  Json manifest;
  Bytes report;
  SnpEndorsements endorsements;
  TimePoint now;
  std::vector<Digest256> roots = {amd_milan_root()};
};

std::vector<std::string> snp_vectors() {
  std::vector<std::string> names;
  for (const std::string& name : testing::dcap_vector_names()) {
    if (text_at(testing::load_dcap_vector(name).manifest, "tee") == "snp") names.push_back(name);
  }
  return names;
}

std::string hex(std::uint64_t value) {
  char out[24];
  std::snprintf(out, sizeof out, "0x%llx", static_cast<unsigned long long>(value));
  return out;
}

void expect_guest(const SnpReport& guest, const Json& expected) {
  EXPECT_EQ(guest.version, expected.at("version"));
  EXPECT_EQ(guest.guest_svn, expected.at("guest_svn"));
  EXPECT_EQ(hex(guest.policy), text_at(expected, "policy"));
  EXPECT_EQ(guest.vmpl, expected.at("vmpl"));
  EXPECT_EQ(name_of(guest.signer), text_at(expected, "signing_key"));
  EXPECT_EQ(encode_hex(guest.report_data), text_at(expected, "report_data"));
  EXPECT_EQ(encode_hex(guest.measurement), text_at(expected, "measurement"));
  EXPECT_EQ(encode_hex(guest.host_data), text_at(expected, "host_data"));
  EXPECT_EQ(encode_hex(guest.id_key_digest), text_at(expected, "id_key_digest"));
  EXPECT_EQ(encode_hex(guest.chip_id), text_at(expected, "chip_id"));
  EXPECT_EQ(hex(load_le64(guest.current_tcb)), text_at(expected, "current_tcb"));
  EXPECT_EQ(hex(load_le64(guest.reported_tcb)), text_at(expected, "reported_tcb"));
  EXPECT_EQ(hex(load_le64(guest.committed_tcb)), text_at(expected, "committed_tcb"));
  EXPECT_EQ(guest.debug(), expected.at("debug_allowed"));
}

class SnpEvidence : public ::testing::TestWithParam<std::string> {
 protected:
  Machine machine_{GetParam()};
};

TEST_P(SnpEvidence, GetsTheVerdictOfItsManifest) {
  const Judgement judgement = machine_.judge();
  const Json& expected = machine_.manifest.at("expected");
  EXPECT_EQ(judgement.claims.ok(), expected.at("result") == "verified");
  expect_guest(std::get<SnpReport>(judgement.attested.value()), expected);
  EXPECT_EQ(format_rfc3339(judgement.window_start.value()), text_at(expected, "window_start"));
  EXPECT_EQ(format_rfc3339(judgement.window_end.value()), text_at(expected, "window_end"));
  if (judgement.claims) {
    EXPECT_EQ(judgement.claims->tee(), TeeType::Snp);
    EXPECT_EQ(judgement.claims->find_enclave(), nullptr);
    EXPECT_FALSE(judgement.claims->tcb_status().has_value());
    EXPECT_EQ(judgement.claims->root_key_hash(), amd_milan_root());
    EXPECT_EQ(encode_hex(judgement.claims->platform_instance()), text_at(expected, "chip_id"));
    return;
  }
  const bool chain_holds = expected.at("checks").at("leaf_by_ask");
  EXPECT_EQ(judgement.reason.value(),
            chain_holds ? Reason::BadQuoteSignature : Reason::UntrustedChain);
}

TEST_P(SnpEvidence, IsRefusedJustOutsideItsWindow) {
  const Json& expected = machine_.manifest.at("expected");
  if (expected.at("result") != "verified") return;
  const TimePoint from = parse_rfc3339(text_at(expected, "window_start")).value();
  const TimePoint until = parse_rfc3339(text_at(expected, "window_end")).value();
  for (const TimePoint inside : {from, until}) {
    machine_.now = inside;
    EXPECT_TRUE(machine_.judge().claims.ok());
  }
  machine_.now = from - Duration(1000);
  EXPECT_EQ(machine_.judge().reason, Reason::NotYetValid);
  machine_.now = until + Duration(1000);
  EXPECT_EQ(machine_.judge().reason, Reason::Expired);
}

INSTANTIATE_TEST_SUITE_P(All, SnpEvidence, ::testing::ValuesIn(snp_vectors()),
                         [](const auto& vector) {
                           std::string name = vector.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

struct Forgery {
  const char* name;
  std::function<void(Machine&)> forge;
  Reason expected;
};
class SnpForgeries : public ::testing::TestWithParam<Forgery> {};

TEST_P(SnpForgeries, AreRefused) {
  Machine machine;
  GetParam().forge(machine);
  const Judgement judgement = machine.judge();
  ASSERT_FALSE(judgement.claims.ok());
  EXPECT_EQ(name_of(judgement.reason.value()), name_of(GetParam().expected))
      << judgement.claims.error();
}

INSTANTIATE_TEST_SUITE_P(
    All, SnpForgeries,
    ::testing::Values(
        Forgery{"NoReport", [](Machine& m) { m.report.clear(); }, Reason::Malformed},
        Forgery{"CutShort", [](Machine& m) { m.report.pop_back(); }, Reason::Malformed},
        Forgery{"LongerByOne", [](Machine& m) { m.report.push_back(0); }, Reason::Malformed},
        Forgery{"Version1", [](Machine& m) { m.report[0] = 1; }, Reason::Malformed},
        Forgery{"Version4", [](Machine& m) { m.report[0] = 4; }, Reason::Malformed},
        Forgery{"Version6", [](Machine& m) { m.report[0] = 6; }, Reason::Malformed},
        Forgery{"OtherAlgorithm", [](Machine& m) { m.report[0x34] = 2; }, Reason::Malformed},
        Forgery{"UnknownSigner", [](Machine& m) { m.report[0x48] = 2 << 2; }, Reason::Malformed},
        Forgery{"BytesBehindTheSignature", [](Machine& m) { m.report.back() = 1; },
                Reason::Malformed},
        Forgery{"LongR", [](Machine& m) { m.report[0x2a0 + 48] = 1; }, Reason::Malformed},
        Forgery{"Unsigned", [](Machine& m) { m.report[0x48] = 7 << 2; }, Reason::BadQuoteSignature},
        Forgery{"AnotherKindOfKey", [](Machine& m) { m.report[0x48] = 1 << 2; },
                Reason::BadQuoteSignature},
        Forgery{"NoDebugBit", [](Machine& m) { m.report[0x0a] ^= 8; }, Reason::BadQuoteSignature},
        Forgery{"ReportOfAnotherMachine",
                [](Machine& m) { m.report = Machine("snp-milan-vcek-b").report; },
                Reason::BadQuoteSignature},
        Forgery{
            "LeafOfAnotherMachine",
            [](Machine& m) { m.endorsements.leaf = Machine("snp-milan-vcek-b").endorsements.leaf; },
            Reason::BadQuoteSignature},
        Forgery{"NoLeaf", [](Machine& m) { m.endorsements.leaf.clear(); }, Reason::Malformed},
        Forgery{"NoAsk", [](Machine& m) { m.endorsements.ask.clear(); }, Reason::Malformed},
        Forgery{"NoArk", [](Machine& m) { m.endorsements.ark.clear(); }, Reason::Malformed},
        Forgery{"TwoCertificatesForOne",
                [](Machine& m) { append(m.endorsements.ask, m.endorsements.ark); },
                Reason::Malformed},
        Forgery{"ArkForAsk", [](Machine& m) { m.endorsements.ask = m.endorsements.ark; },
                Reason::UntrustedChain},
        Forgery{"AskForArk", [](Machine& m) { m.endorsements.ark = m.endorsements.ask; },
                Reason::UntrustedChain},
        Forgery{"AskForLeaf", [](Machine& m) { m.endorsements.leaf = m.endorsements.ask; },
                Reason::UntrustedChain},
        Forgery{"NoRoot", [](Machine& m) { m.roots.clear(); }, Reason::UntrustedChain},
        Forgery{"AnotherRoot", [](Machine& m) { m.roots[0][0] ^= 1; }, Reason::UntrustedChain},
        Forgery{"NoCrl",
                [](Machine& m) {
                  m.endorsements.crl = {1, 2, 3};
                },
                Reason::Malformed},
        Forgery{"CrlOfAnotherCa",
                [](Machine& m) {
                  m.endorsements.crl =
                      testing::load_dcap_file("sgx3-cfgswhardening", "root_ca_crl.der");
                },
                Reason::CrlIssuerMismatch}),
    [](const auto& forgery) { return std::string(forgery.param.name); });

TEST(SnpEvidence, MayComeWithCertificatesInEitherForm) {
  Machine machine;
  const auto pem = [](ByteView der) {
    return to_bytes(as_bytes(crypto::encode_pem({crypto::Certificate::from_der(der).value()})));
  };
  machine.endorsements.leaf = pem(machine.endorsements.leaf);
  machine.endorsements.ask = crypto::parse_pem_chain(machine.endorsements.ask).value()[0].der();
  machine.endorsements.ark = crypto::parse_pem_chain(machine.endorsements.ark).value()[0].der();
  EXPECT_TRUE(machine.judge().claims.ok());
}

// A later version says more in bytes that were reserved before; no signature of one is at hand.
TEST(SnpReport, OfLaterVersionsTellsMore) {
  Machine machine;
  EXPECT_FALSE(parse_snp_report(machine.report)->processor.has_value());
  machine.report[0x188] = 0x1a;
  machine.report[0x189] = 0x02;
  machine.report[0x1f8] = 3;
  machine.report[0x200] = 7;
  machine.report[0] = 3;
  const SnpReport third = parse_snp_report(machine.report).value();
  EXPECT_EQ(third.processor, (SnpReport::Processor{0x1a, 2, 0}));
  EXPECT_FALSE(third.mitigations.has_value());
  machine.report[0] = 5;
  const SnpReport fifth = parse_snp_report(machine.report).value();
  EXPECT_EQ(fifth.processor, third.processor);
  EXPECT_EQ(fifth.mitigations, (SnpReport::Mitigations{3, 7}));
}

}  // namespace
}  // namespace torchkeep::attest
