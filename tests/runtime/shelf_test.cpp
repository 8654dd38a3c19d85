#include "torchkeep/runtime/shelf.h"

#include <algorithm>
#include <new>

#include <gtest/gtest.h>

#include "torchkeep/runtime/plan/program.h"

namespace torchkeep::runtime {
namespace {

constexpr std::uint64_t kMegabyte = 1 << 20;

std::shared_ptr<SecretBytes> filled(std::size_t size) {
  auto memory = std::make_shared<SecretBytes>(size);
  std::ranges::fill(memory->expose(), std::uint8_t{7});
  return memory;
}

std::uint64_t offset_in(const SecretBytes& memory, const Shelf::Room& room) {
  return static_cast<std::uint64_t>(room.bytes.data() - memory.expose().data());
}

bool all_are(ByteView bytes, std::uint8_t value) {
  return std::ranges::all_of(bytes, [&](std::uint8_t byte) { return byte == value; });
}

TEST(Shelf, SmallRoomsShareAPiece) {
  Shelf shelf;
  const Shelf::Room first = shelf.take(100), second = shelf.take(100);
  EXPECT_EQ(first.owner, second.owner);
  EXPECT_EQ(second.bytes.data() - first.bytes.data(), 128);
}

TEST(Shelf, RoomsAreAlignedAndOfTheSizeAskedFor) {
  Shelf shelf;
  shelf.give(filled(kMegabyte), 64, 1000);
  for (const std::uint64_t size : {1ULL, 63ULL, 64ULL, 65ULL, 500ULL, 100'000ULL, 5'000'000ULL}) {
    const Shelf::Room room = shelf.take(size);
    EXPECT_EQ(room.bytes.size(), size);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(room.bytes.data()) % 64, 0u) << size;
  }
}

TEST(Shelf, WhatWasGivenIsRoomForTheNext) {
  Shelf shelf;
  const auto memory = filled(kMegabyte);
  shelf.give(memory, 4096, 1000);
  const Shelf::Room room = shelf.take(1000);
  EXPECT_EQ(room.owner, memory);
  EXPECT_EQ(offset_in(*memory, room), 4096u);
}

TEST(Shelf, TheSmallestHoleThatIsLargeEnoughIsTaken) {
  Shelf shelf;
  const auto memory = filled(kMegabyte);
  shelf.give(memory, 0, 500'032);
  shelf.give(memory, 600'064, 2048);
  shelf.give(memory, 700'032, 1024);
  EXPECT_EQ(offset_in(*memory, shelf.take(2000)), 600'064u);
  EXPECT_EQ(offset_in(*memory, shelf.take(2000)), 0u);
}

TEST(Shelf, NoTwoHaveTheSameBytes) {
  Shelf shelf;
  const auto memory = filled(64 * 64);
  shelf.give(memory, 0, 64 * 64);
  std::vector<const std::uint8_t*> starts;
  for (int i = 0; i < 64; ++i) {
    const Shelf::Room room = shelf.take(64);
    EXPECT_EQ(room.owner, memory);
    starts.push_back(room.bytes.data());
  }
  std::ranges::sort(starts);
  EXPECT_EQ(std::ranges::adjacent_find(starts), starts.end());
  EXPECT_NE(shelf.take(64).owner, memory);  // it is full
}

TEST(Shelf, NeighboursBecomeOneHoleInWhateverOrderTheyCome) {
  Shelf shelf;
  const auto memory = filled(kMegabyte);
  shelf.give(memory, 1024, 1024);
  shelf.give(memory, 3072, 1024);
  shelf.give(memory, 2048, 1000);  // up to the next multiple of 64
  const Shelf::Room room = shelf.take(3072);
  EXPECT_EQ(offset_in(*memory, room), 1024u);
}

TEST(Shelf, HolesOfDifferentMemoryStayApart) {
  Shelf shelf;
  const auto one = filled(4096), other = filled(4096);
  shelf.give(one, 0, 4096);
  shelf.give(other, 0, 4096);
  const Shelf::Room room = shelf.take(8192);
  EXPECT_NE(room.owner, one);
  EXPECT_NE(room.owner, other);
}

TEST(Shelf, ClearWipesWhatNobodyTook) {
  Shelf shelf;
  const auto memory = filled(4 * 4096);
  shelf.give(memory, 4096, 2 * 4096);
  const Shelf::Room room = shelf.take(4096);
  shelf.clear();
  const ByteView bytes = std::as_const(*memory).expose();
  EXPECT_TRUE(all_are(bytes.first(4096), 7));
  EXPECT_TRUE(all_are(room.bytes, 7));
  EXPECT_TRUE(all_are(bytes.subspan(2 * 4096, 4096), 0));
  EXPECT_TRUE(all_are(bytes.subspan(3 * 4096), 7));
  EXPECT_NE(shelf.take(64).owner, memory);
}

TEST(Shelf, NothingIsRoomForNothing) {
  Shelf shelf;
  const auto memory = filled(4096);
  shelf.give(memory, 64, 0);
  EXPECT_EQ(shelf.take(0).bytes.size(), 0u);
  EXPECT_NE(shelf.take(1).owner, memory);
}

/// Packs half of a parameter and fails.
class Failing final : public kernels::Kernel {
 public:
  Failing(std::shared_ptr<SecretBytes> from, bool throws)
      : from_(std::move(from)), throws_(throws) {}
  Result<void> plan(plan::Builder& builder) override {
    builder.machine().shelf().give(from_, 0, from_->size());
    if (throws_) throw std::bad_alloc();
    return malformed("it does not fit");
  }

 private:
  std::shared_ptr<SecretBytes> from_;
  bool throws_;
};

// Nothing of what was to be packed is left in memory that nobody looks after.
TEST(Packing, WipesWhatWasGivenWhicheverWayAPlanFails) {
  for (const bool throws : {false, true}) {
    const auto memory = filled(4 * 4096);
    Failing kernel(memory, throws);
    graph::Graph graph;
    graph.values = {{"y", nullptr}};
    graph.nodes.emplace_back().outputs = {0};
    dnn::Machine machine;
    Pool pool(1);
    plan::Program program(graph, {{&graph.nodes[0], &kernel, nullptr}}, {}, {0}, {1 << 20, 1});
    plan::Context context{machine, pool, 1 << 20};
    if (throws) {
      EXPECT_THROW((void)program.prepare({}, context), std::bad_alloc);
    } else {
      EXPECT_EQ(program.prepare({}, context).error().code, ErrorCode::Malformed);
    }
    EXPECT_TRUE(all_are(std::as_const(*memory).expose(), 0)) << (throws ? "thrown" : "returned");
    EXPECT_NE(machine.shelf().take(64).owner, memory) << "the shelf holds nothing of it";
  }
}

TEST(ShelfDeathTest, MemoryEndsWhereItEnds) {
  Shelf shelf;
  const auto memory = filled(4096);
  EXPECT_DEATH(shelf.give(memory, 4096, 1), "");
}

TEST(Shelf, GrowthIsAllowedUpToALimitAndRefusalsCostNothing) {
  Shelf shelf;
  EXPECT_FALSE(shelf.allow_growth(48 * kMegabyte + 1));
  EXPECT_FALSE(shelf.allow_growth(~std::uint64_t{0}));
  EXPECT_TRUE(shelf.allow_growth(40 * kMegabyte));
  EXPECT_FALSE(shelf.allow_growth(8 * kMegabyte + 1));
  EXPECT_TRUE(shelf.allow_growth(8 * kMegabyte));
  EXPECT_FALSE(shelf.allow_growth(1));
  EXPECT_TRUE(shelf.allow_growth(0));
}

}  // namespace
}  // namespace torchkeep::runtime
