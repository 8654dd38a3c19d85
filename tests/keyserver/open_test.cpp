#include "tests/keyserver/refused.h"
#include "tests/keyserver/world.h"
#include "tests/support/failing_platform.h"

namespace torchkeep::keyserver {
namespace {

class Opening : public ::testing::Test {
 protected:
  World world_;

  Result<std::unique_ptr<KeyServer>> open_with(tee::Platform& platform, const Trust& trust) {
    return KeyServer::open(world_.memory, platform, trust, world_.clock, world_.random, world_.log);
  }
};

TEST_F(Opening, AnEmptyStoreBeginsAnInstanceThatStaysTheSame) {
  const Genesis genesis = world_.open()->genesis();
  EXPECT_FALSE(genesis.is_zero());
  EXPECT_TRUE(world_.log.contains(genesis.hex()));
  EXPECT_EQ(world_.open()->genesis(), genesis);
  testing::MemoryKeyStore another;
  EXPECT_NE(world_.try_open(another).value()->genesis(), genesis);
}

TEST_F(Opening, AnotherEnclaveCannotOpenTheStore) {
  (void)world_.open();
  testing::FakePlatform other(world_.machine, testing::fake_enclave(0x12, 0x5401));
  EXPECT_TRUE(refused(open_with(other, world_.trust()), ErrorCode::Untrusted,
                      "start it where it was made, or begin with an empty store"));
}

TEST_F(Opening, AnotherMachineCannotOpenTheStore) {
  (void)world_.open();
  const auto machine = simulator::Machine::create(world_.random, world_.clock.now());
  testing::FakePlatform other(machine, keyserver_enclave());
  EXPECT_TRUE(refused(open_with(other, world_.trust()), ErrorCode::Untrusted,
                      "start it where it was made, or begin with an empty store"));
}

TEST_F(Opening, OtherRootsCannotOpenTheStore) {
  (void)world_.open();
  Trust trust = world_.trust();
  trust.roots = {Digest256{1}};
  EXPECT_TRUE(refused(open_with(world_.platform, trust), ErrorCode::Untrusted, "--root"));
  trust.roots.push_back(world_.trust().roots[0]);
  EXPECT_TRUE(refused(open_with(world_.platform, trust), ErrorCode::Untrusted, "--root"));
}

TEST_F(Opening, TheOrderOfRootsDoesNotMatter) {
  const Digest256 root = world_.trust().roots[0];
  ASSERT_TRUE(open_with(world_.platform, {{root, Digest256{9}}, true}));
  EXPECT_TRUE(open_with(world_.platform, {{Digest256{9}, root, root}, true}));
}

class RealPlatform final : public tee::Platform {
 public:
  explicit RealPlatform(tee::Platform& machine) : machine_(machine) {}
  tee::PlatformKind kind() const override { return tee::PlatformKind::Sgx; }
  Result<Bytes> make_evidence(const tee::ReportData& data) override {
    return machine_.make_evidence(data);
  }
  Result<SecretBytes> sealing_key(std::string_view purpose) override {
    return machine_.sealing_key(purpose);
  }

 private:
  tee::Platform& machine_;
};

TEST_F(Opening, ASimulatedStoreNeverBecomesARealOne) {
  (void)world_.open();
  RealPlatform real(world_.platform);
  Trust trust = world_.trust();
  EXPECT_TRUE(refused(open_with(real, trust), ErrorCode::InvalidArgument, "simulated or real"));
  trust.simulated = false;
  EXPECT_TRUE(refused(open_with(real, trust), ErrorCode::Untrusted, "simulated"));
}

TEST_F(Opening, ARealStoreNeverBecomesASimulatedOne) {
  RealPlatform real(world_.platform);
  Trust trust = world_.trust();
  trust.simulated = false;
  ASSERT_TRUE(open_with(real, trust));
  EXPECT_TRUE(refused(open_with(world_.platform, world_.trust()), ErrorCode::Untrusted, "real"));
}

TEST_F(Opening, WithMoreRootsThanAGenesisHoldsNothingIsBegun) {
  Trust trust = world_.trust();
  for (std::uint8_t i = 1; i < 17; ++i) trust.roots.push_back(Digest256{i});
  EXPECT_TRUE(refused(open_with(world_.platform, trust), ErrorCode::Malformed, "roots"));
  EXPECT_TRUE(is_empty(world_.memory).value());
}

TEST_F(Opening, NeedsARoot) {
  EXPECT_TRUE(refused(open_with(world_.platform, {{}, true}), ErrorCode::InvalidArgument, "root"));
}

TEST_F(Opening, WithoutAPlatformNothingIsBegun) {
  testing::FailingPlatform away;
  EXPECT_TRUE(refused(open_with(away, world_.trust()), ErrorCode::Unavailable, "platform"));
  EXPECT_TRUE(is_empty(world_.memory).value());
  const Genesis genesis = world_.open()->genesis();
  EXPECT_TRUE(refused(open_with(away, world_.trust()), ErrorCode::Unavailable, "platform"));
  EXPECT_EQ(world_.open()->genesis(), genesis);
}

TEST_F(Opening, AStoreThatDoesNotAnswerIsNotTakenForAnEmptyOne) {
  const Genesis genesis = world_.open()->genesis();
  bool opened = false;
  for (std::size_t reads = 0; !opened; ++reads) {
    ASSERT_LT(reads, 100u);
    world_.store.fail_reads_after(reads);
    const auto server = world_.try_open(world_.store);
    opened = server.ok();
    EXPECT_TRUE(opened || server.error().code == ErrorCode::Unavailable) << server.error();
    EXPECT_TRUE(!opened || (*server)->genesis() == genesis);
  }
}

class Vault : public ::testing::Test {
 protected:
  World world_;
  Genesis genesis_{{1}};
  keys::OwnerKey owner_ = testing::fake_owner_key(kOwner).public_key();
  DataKeyOwner belongs_{genesis_,          owner_, ModelId{{2}}, 3, ContainerDigest{{4}},
                        StatementHash{{5}}};
  Bytes kek_ = make_sealed_kek(world_.platform, world_.random, genesis_, owner_).value();
  crypto::DataKey data_key_ = testing::fake_data_key(1);
  Bytes wrapped_ = wrap_data_key(world_.platform, world_.random, kek_, belongs_, data_key_).value();
};

TEST_F(Vault, UnwrapsWhatItWrapped) {
  const auto unwrapped = unwrap_data_key(world_.platform, kek_, belongs_, wrapped_);
  ASSERT_TRUE(unwrapped) << unwrapped.error();
  EXPECT_TRUE(equal(unwrapped->expose(), data_key_.expose()));
}

TEST_F(Vault, ADekIsBoundToAllThatItBelongsTo) {
  const std::vector<std::function<void(DataKeyOwner&)>> changes = {
      [](DataKeyOwner& belongs) { belongs.model.bytes[0] ^= 1; },
      [](DataKeyOwner& belongs) { belongs.version += 1; },
      [](DataKeyOwner& belongs) { belongs.container_digest.bytes[31] ^= 1; },
      [](DataKeyOwner& belongs) { belongs.statement.bytes[7] ^= 1; },
      [](DataKeyOwner& belongs) { belongs.genesis.bytes[7] ^= 1; },
      [](DataKeyOwner& belongs) { belongs.owner.bytes[7] ^= 1; }};
  for (const auto& change : changes) {
    DataKeyOwner other = belongs_;
    change(other);
    EXPECT_TRUE(
        refused(unwrap_data_key(world_.platform, kek_, other, wrapped_), ErrorCode::Untrusted, ""));
  }
}

TEST_F(Vault, NoBitOfAWrappingMayChange) {
  for (std::size_t bit = 0; bit < wrapped_.size() * 8; ++bit) {
    Bytes changed = wrapped_;
    changed[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    EXPECT_TRUE(refused(unwrap_data_key(world_.platform, kek_, belongs_, changed),
                        ErrorCode::Untrusted, "DEK"));
  }
  for (std::size_t bit = 0; bit < kek_.size() * 8; ++bit) {
    Bytes changed = kek_;
    changed[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    EXPECT_FALSE(unwrap_data_key(world_.platform, changed, belongs_, wrapped_));
  }
}

TEST_F(Vault, AnotherEnclaveOrOwnerHasNoUseForAKek) {
  testing::FakePlatform other(world_.machine, testing::fake_enclave(0x12, 0x5401));
  EXPECT_TRUE(
      refused(unwrap_data_key(other, kek_, belongs_, wrapped_), ErrorCode::Untrusted, "KEK"));
  const Bytes others_kek = make_sealed_kek(world_.platform, world_.random, genesis_,
                                           testing::fake_owner_key(kOtherOwner).public_key())
                               .value();
  EXPECT_TRUE(refused(unwrap_data_key(world_.platform, others_kek, belongs_, wrapped_),
                      ErrorCode::Untrusted, "KEK"));
}

TEST_F(Vault, NoBitOfASealedIdentityMayChange) {
  const Identity identity = make_identity(world_.trust().roots, true, world_.random).value();
  const Bytes row = seal_identity(identity, world_.platform).value();
  const auto unsealed = unseal_identity(row, world_.platform);
  ASSERT_TRUE(unsealed) << unsealed.error();
  EXPECT_EQ(unsealed->genesis, identity.genesis);
  for (std::size_t bit = 0; bit < row.size() * 8; ++bit) {
    Bytes changed = row;
    changed[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    EXPECT_FALSE(unseal_identity(changed, world_.platform)) << bit;
  }
  for (std::size_t size = 0; size < row.size(); ++size) {
    EXPECT_FALSE(unseal_identity(ByteView(row).first(size), world_.platform)) << size;
  }
}

}  // namespace
}  // namespace torchkeep::keyserver
