#include "torchkeep/simtee/sigstruct.h"

#include <functional>

#include <gtest/gtest.h>

#include "torchkeep/crypto/digest.h"

#include "tests/support/files.h"

namespace torchkeep::simtee {
namespace {

Digest256 some_measurement() {
  Digest256 out;
  out.fill(7);
  return out;
}

TEST(Sigstruct, SaysWhatWasSignedAndWhoSigned) {
  const auto key = crypto::EcdsaPrivateKey::generate();
  const Bytes bytes = make_sigstruct(describe(some_measurement(), 0x5403, 2, true), key);
  EXPECT_EQ(bytes.size(), kSigstructBytes);
  const auto enclave = verify_sigstruct(bytes);
  ASSERT_TRUE(enclave.ok()) << enclave.error();
  EXPECT_EQ(enclave->mr_enclave, some_measurement());
  EXPECT_EQ(enclave->mr_signer, crypto::sha256(key.public_point()));
  EXPECT_EQ(enclave->isv_prod_id, 0x5403);
  EXPECT_EQ(enclave->isv_svn, 2);
  EXPECT_TRUE(enclave->debug());
  EXPECT_EQ(enclave->misc_select, 0U);
}

TEST(Sigstruct, RefusesEveryFlippedBitAndTruncation) {
  const auto key = crypto::EcdsaPrivateKey::generate();
  const Bytes bytes = make_sigstruct(describe(some_measurement(), 1, 1, false), key);
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    Bytes forged = bytes;
    forged[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    EXPECT_FALSE(verify_sigstruct(forged)) << bit;
  }
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(verify_sigstruct(ByteView(bytes).first(size)).error().code, ErrorCode::Malformed);
  }
  Bytes longer = bytes;
  longer.push_back(0);
  EXPECT_EQ(verify_sigstruct(longer).error().code, ErrorCode::Malformed);
}

struct Overreach {
  const char* name;
  std::function<void(attest::SgxEnclave&)> claim;
};

class Overreaches : public ::testing::TestWithParam<Overreach> {};

TEST_P(Overreaches, AreRefusedThoughValidlySigned) {
  attest::SgxEnclave enclave = describe(some_measurement(), 1, 1, false);
  GetParam().claim(enclave);
  const Bytes bytes = make_sigstruct(enclave, crypto::EcdsaPrivateKey::generate());
  EXPECT_EQ(verify_sigstruct(bytes).error().code, ErrorCode::Untrusted);
}

INSTANTIATE_TEST_SUITE_P(
    Of, Overreaches,
    ::testing::Values(Overreach{"ProvisioningKey", [](auto& e) { e.attributes[0] |= 0x10; }},
                      Overreach{"NotInitialised", [](auto& e) { e.attributes[0] &= 0xfe; }},
                      Overreach{"A32BitEnclave", [](auto& e) { e.attributes[0] &= 0xfb; }},
                      Overreach{"MoreProcessorState", [](auto& e) { e.attributes[8] |= 0x04; }},
                      Overreach{"AReservedFlag", [](auto& e) { e.attributes[7] = 0x80; }},
                      Overreach{"MiscSelect", [](auto& e) { e.misc_select = 1; }}),
    [](const auto& test) { return test.param.name; });

TEST(Measurement, IsTheHashOfALabelAndTheFile) {
  const testing::TemporaryFolder folder;
  const Path program = folder / "program";
  Bytes bytes(std::size_t{3} << 20, 0x5a);  // more than one piece
  bytes.push_back(1);
  store_file(program, bytes).value();
  Bytes hashed = to_bytes(as_bytes("torchkeep/simulated/mrenclave/v1"));
  append(hashed, bytes);
  EXPECT_EQ(measure_file(program).value(), crypto::sha256(hashed));
  bytes.back() ^= 1;
  store_file(program, bytes).value();
  EXPECT_NE(measure_file(program).value(), crypto::sha256(hashed));
}

TEST(Measurement, RefusesWhatIsNoFile) {
  const testing::TemporaryFolder folder;
  EXPECT_EQ(measure_file(folder / "none").error().code, ErrorCode::NotFound);
  EXPECT_EQ(measure_file(folder.path()).error().code, ErrorCode::InvalidArgument);
}

TEST(Description, IsFoundBesideItsProgramAndNotTakenForAnother) {
  const testing::TemporaryFolder folder;
  const Path program = folder / "program";
  store_file(program, as_bytes("first")).value();
  EXPECT_EQ(load_sigstruct(program).error().code, ErrorCode::NotFound);
  const Digest256 first = measure_file(program).value();
  const Bytes signed_first =
      make_sigstruct(describe(first, 1, 1, false), crypto::EcdsaPrivateKey::generate());
  store_file(folder / "program.sigstruct", signed_first).value();
  EXPECT_TRUE(check_measured(program, first, load_sigstruct(program).value()).ok());

  store_file(program, as_bytes("second")).value();
  const Error refusal =
      check_measured(program, measure_file(program).value(), load_sigstruct(program).value())
          .error();
  EXPECT_EQ(refusal.code, ErrorCode::Untrusted);
  EXPECT_NE(refusal.message.find("found MRENCLAVE"), std::string::npos) << refusal;
}

}  // namespace
}  // namespace torchkeep::simtee
