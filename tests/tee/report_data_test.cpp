#include "torchkeep/tee/report_data.h"

#include <functional>

#include <gtest/gtest.h>

#include "torchkeep/base/encoding.h"
#include "torchkeep/crypto/digest.h"

namespace torchkeep::tee {
namespace {

SessionBinding binding() {
  SessionBinding out{};
  out.attester = Role::Worker;
  out.peer = Role::KeyCache;
  out.client_spki = {1, 2, 3};
  out.server_spki = {4, 5};
  out.client_nonce.fill(6);
  out.server_nonce.fill(7);
  out.exporter.fill(8);
  out.context = {9};
  return out;
}

TEST(ReportData, OfASessionIsTheHashOfItsFieldsEachBehindItsLength) {
  Bytes written;
  const auto field = [&](ByteView bytes) {
    append_le32(written, static_cast<std::uint32_t>(bytes.size()));
    append(written, bytes);
  };
  const Bytes sixes(32, 6), sevens(32, 7), eights(32, 8);
  field(as_bytes("torchkeep/session/v1"));
  field(as_bytes("worker"));
  field(as_bytes("keycache"));
  field(Bytes{1, 2, 3});
  field(Bytes{4, 5});
  field(sixes);
  field(sevens);
  field(eights);
  field(Bytes{9});
  EXPECT_EQ(ReportData::for_session(binding()).bytes(), crypto::sha512(written));
}

struct Change {
  const char* name;
  std::function<void(SessionBinding&)> change;
};

class SessionChanges : public ::testing::TestWithParam<Change> {};

TEST_P(SessionChanges, GiveOtherReportData) {
  SessionBinding changed = binding();
  GetParam().change(changed);
  EXPECT_NE(ReportData::for_session(changed).bytes(), ReportData::for_session(binding()).bytes());
}

INSTANTIATE_TEST_SUITE_P(
    Session, SessionChanges,
    ::testing::Values(
        Change{"Attester", [](auto& b) { b.attester = Role::KeyServer; }},
        Change{"Peer", [](auto& b) { b.peer = Role::Client; }},
        Change{"RolesSwapped", [](auto& b) { std::swap(b.attester, b.peer); }},
        Change{"ClientSpki", [](auto& b) { b.client_spki[0] ^= 1; }},
        Change{"NoClientSpki", [](auto& b) { b.client_spki.clear(); }},
        Change{"ServerSpki", [](auto& b) { b.server_spki[0] ^= 1; }},
        Change{"ByteMovedToTheNextField",
               [](auto& b) {
                 b.client_spki = {1, 2};
                 b.server_spki = {3, 4, 5};
               }},
        Change{"SpkisSwapped", [](auto& b) { std::swap(b.client_spki, b.server_spki); }},
        Change{"ClientNonce", [](auto& b) { b.client_nonce[31] ^= 0x80; }},
        Change{"ServerNonce", [](auto& b) { b.server_nonce[0] ^= 1; }},
        Change{"NoncesSwapped", [](auto& b) { std::swap(b.client_nonce, b.server_nonce); }},
        Change{"Exporter", [](auto& b) { b.exporter[0] ^= 1; }},
        Change{"Context", [](auto& b) { b.context.push_back(0); }}),
    [](const auto& test) { return test.param.name; });

TEST(ReportData, OfACertificateIsTheHashOfItsClaimsAndZeros) {
  const Bytes claims{1, 2, 3};
  const auto bytes = ReportData::for_certificate(claims).bytes();
  const Digest256 digest = crypto::sha256(claims);
  EXPECT_TRUE(equal(ByteView(bytes).first(32), digest));
  EXPECT_TRUE(equal(ByteView(bytes).last(32), Bytes(32, 0)));
}

TEST(Role, IsReadBackByItsName) {
  for (const Role role :
       {Role::Owner, Role::KeyServer, Role::KeyCache, Role::Worker, Role::Client}) {
    EXPECT_EQ(parse_role(name_of(role)).value(), role);
  }
}

TEST(Role, RefusesOtherNames) {
  for (const char* const name : {"", "Worker", "worker ", "key-server", "root"}) {
    EXPECT_EQ(parse_role(name).error().code, ErrorCode::Malformed) << name;
  }
}

}  // namespace
}  // namespace torchkeep::tee
