#include <benchmark/benchmark.h>

#include "torchkeep/attest/verify.h"
#include "torchkeep/base/file.h"
#include "torchkeep/crypto/ecdsa.h"

// Verification of a real quote beside what a P-256 verification costs on the same machine.
namespace torchkeep::attest {
namespace {

Bytes load(const char* file) {
  const Path folder = Path(TORCHKEEP_TESTS_FOLDER) / "attest/vectors/dcap/sgx3-cfgswhardening";
  return load_file(folder / file, 1 << 20).value();
}

Collateral load_collateral() {
  return {.tcb_info = load("tcb_info.json"),
          .tcb_info_issuer_chain = load("tcb_info_issuer_chain.pem"),
          .qe_identity = load("qe_identity.json"),
          .qe_identity_issuer_chain = load("qe_identity_issuer_chain.pem"),
          .pck_crl = load("pck_crl.der"),
          .pck_crl_issuer_chain = load("pck_crl_issuer_chain.pem"),
          .root_ca_crl = load("root_ca_crl.der")};
}

const TimePoint kAt = parse_rfc3339("2025-07-04T10:00:00Z").value();

void p256_verification(benchmark::State& state) {
  const auto key = crypto::EcdsaPrivateKey::generate();
  const Bytes message(432);
  const auto signature = key.sign(message);
  const auto point = key.public_point();
  for (auto _ : state) {
    benchmark::DoNotOptimize(crypto::verify_p256(point, message, signature).ok());
  }
}
BENCHMARK(p256_verification);

void quote_warm(benchmark::State& state) {
  const RootKey root = intel_root_key();
  const Bytes quote = load("quote.bin");
  const auto collateral = VerifiedCollateral::verify(load_collateral(), {&root, 1}).value();
  for (auto _ : state) benchmark::DoNotOptimize(verify_quote(quote, collateral, kAt).value());
}
BENCHMARK(quote_warm);

void verify_cold(benchmark::State& state) {
  const RootKey root = intel_root_key();
  const Bytes quote = load("quote.bin");
  const Collateral collateral = load_collateral();
  for (auto _ : state) {
    benchmark::DoNotOptimize(verify_quote(quote, collateral, {&root, 1}, kAt).value());
  }
}

void quote_cold_in_command(benchmark::State& state) { verify_cold(state); }
BENCHMARK(quote_cold_in_command);

// What a service's root has since its start.
void quote_cold_in_service(benchmark::State& state) {
  TORCHKEEP_CHECK(crypto::prepare_p256(intel_root_key()).ok());
  verify_cold(state);
}
BENCHMARK(quote_cold_in_service);

}  // namespace
}  // namespace torchkeep::attest
