#include "torchkeep/simtee/state_folder.h"

#include <cerrno>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "torchkeep/base/text.h"

namespace torchkeep::simtee {
namespace {

using simulator::Condition;

constexpr Condition kConditions[] = {Condition::Good, Condition::TcbOutOfDate,
                                     Condition::PckRevoked, Condition::CollateralExpired};
constexpr std::size_t kMaxMachineBytes = 64 * 1024;
constexpr std::size_t kMaxConditionBytes = 64;

}  // namespace

std::string_view name_of(Condition condition) {
  switch (condition) {
    case Condition::Good: return "good";
    case Condition::TcbOutOfDate: return "tcb-out-of-date";
    case Condition::PckRevoked: return "pck-revoked";
    case Condition::CollateralExpired: return "collateral-expired";
  }
  TORCHKEEP_CHECK(false);
  return {};
}

Result<Condition> parse_condition(std::string_view name) {
  std::string known;
  for (const Condition condition : kConditions) {
    if (name_of(condition) == name) return condition;
    known += text(known.empty() ? "" : ", ", name_of(condition));
  }
  return invalid_argument("\"", name, "\" is no condition of a machine; there are ", known);
}

Result<void> StateFolder::make() const {
  std::error_code failure;
  std::filesystem::create_directories(folder_, failure);
  if (!failure) {
    std::filesystem::permissions(folder_, std::filesystem::perms::owner_all, failure);
  }
  if (failure) return unavailable("making ", folder_.string(), ": ", failure.message());
  return {};
}

Result<simulator::Machine> StateFolder::load_machine() const {
  auto state = load_secret_file(machine_file(), kMaxMachineBytes);
  if (!state && state.error().code == ErrorCode::NotFound) {
    return not_found("no simulated machine lives in ", folder_.string(),
                     "; \"torchkeep-simtee serve --state ", folder_.string(), " ...\" makes one");
  }
  if (!state) return std::move(state).error();
  auto machine = TRY(
      simulator::Machine::decode(std::as_const(*state).expose()).context(machine_file().string()));
  machine.set_condition(TRY(load_condition()));
  return machine;
}

Result<simulator::Machine> StateFolder::load_or_create_machine(crypto::Random& random,
                                                               TimePoint now) const {
  auto machine = load_machine();
  if (!machine && machine.error().code == ErrorCode::NotFound) {
    const auto created = simulator::Machine::create(random, now);
    const SecretBytes state = created.encode();
    TRY(store_file(machine_file(), state.expose(), 0600));
    machine = load_machine();
  }
  if (!machine) return machine;
  // Written anew at each start, for a crash may have come between the machine's file and this one.
  const std::string pem = crypto::encode_pem({machine->root_certificate()});
  TRY(store_file(root_certificate(), as_bytes(pem)));
  return machine;
}

Result<Condition> StateFolder::load_condition() const {
  const auto word = load_file(condition_file(), kMaxConditionBytes);
  if (!word && word.error().code == ErrorCode::NotFound) return Condition::Good;
  if (!word) return word.error();
  return parse_condition(as_text(*word)).context(condition_file().string());
}

Result<void> StateFolder::store_condition(Condition condition) const {
  TRY(load_machine());
  return store_file(condition_file(), as_bytes(name_of(condition)));
}

Result<StateLock> StateLock::take(const StateFolder& folder) {
  const Path path = folder.path() / "lock";
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) {
    return unavailable("opening ", path.string(), ": ", std::generic_category().message(errno));
  }
  StateLock lock(descriptor);
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    return unavailable("another torchkeep-simtee serves the machine in ", folder.path().string());
  }
  return lock;
}

StateLock::StateLock(StateLock&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)) {}

StateLock::~StateLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace torchkeep::simtee
