#pragma once

#include <utility>

#include "torchkeep/simulator/machine.h"
#include "torchkeep/tee/platform.h"

namespace torchkeep::testing {

/// An enclave on a simulated machine, in this process: real quotes, no socket.
class FakePlatform final : public tee::Platform {
 public:
  FakePlatform(const simulator::Machine& machine, attest::SgxEnclave enclave)
      : machine_(machine), enclave_(enclave) {}

  tee::PlatformKind kind() const override { return tee::PlatformKind::Simulated; }
  Result<Bytes> make_evidence(const tee::ReportData& report_data) override {
    return machine_.make_quote(enclave_, report_data.bytes());
  }
  Result<SecretBytes> sealing_key(std::string_view purpose) override {
    return machine_.sealing_key(enclave_, purpose);
  }

 private:
  const simulator::Machine& machine_;
  attest::SgxEnclave enclave_;
};

/// An enclave with every byte of MRENCLAVE and MRSIGNER set to `name`; initialised, 64 bit, no debug.
inline attest::SgxEnclave fake_enclave(std::uint8_t name, std::uint16_t product = 0x5401) {
  attest::SgxEnclave enclave;
  enclave.mr_enclave.fill(name);
  enclave.mr_signer.fill(static_cast<std::uint8_t>(name + 1));
  enclave.isv_prod_id = product;
  enclave.isv_svn = 1;
  enclave.attributes[0] = 0x05;
  enclave.attributes[8] = 0x03;
  return enclave;
}

}  // namespace torchkeep::testing
