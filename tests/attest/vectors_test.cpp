#include "tests/attest/vectors.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "torchkeep/base/file.h"

#include "tests/support/files.h"

namespace torchkeep::attest::testing {
namespace {

constexpr const char* kFolder = "attest/vectors/dcap";

}  // namespace

Bytes load_dcap_file(const std::string& folder, const std::string& file) {
  const Path path = Path(TORCHKEEP_TESTS_FOLDER) / kFolder / folder / file;
  if (!std::filesystem::exists(path)) return {};
  return torchkeep::testing::load_vector(text(kFolder, "/", folder, "/", file));
}

Vector load_dcap_vector(const std::string& name) {
  Vector out;
  out.name = name;
  out.manifest = json::parse(as_text(load_dcap_file(name, "manifest.json"))).value();
  out.quote = load_dcap_file(name, "quote.bin");
  out.collateral = {
      .tcb_info = load_dcap_file(name, "tcb_info.json"),
      .tcb_info_issuer_chain = load_dcap_file(name, "tcb_info_issuer_chain.pem"),
      .qe_identity = load_dcap_file(name, "qe_identity.json"),
      .qe_identity_issuer_chain = load_dcap_file(name, "qe_identity_issuer_chain.pem"),
      .pck_crl = load_dcap_file(name, "pck_crl.der"),
      .pck_crl_issuer_chain = load_dcap_file(name, "pck_crl_issuer_chain.pem"),
      .root_ca_crl = load_dcap_file(name, "root_ca_crl.der")};
  return out;
}

std::vector<std::string> dcap_vector_names() {
  std::vector<std::string> names;
  for (const auto& entry :
       std::filesystem::directory_iterator(Path(TORCHKEEP_TESTS_FOLDER) / kFolder)) {
    if (std::filesystem::exists(entry.path() / "manifest.json")) {
      names.push_back(entry.path().filename());
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

TEST(DcapVectors, AreAllThere) { EXPECT_EQ(dcap_vector_names().size(), 41u); }

}  // namespace torchkeep::attest::testing
