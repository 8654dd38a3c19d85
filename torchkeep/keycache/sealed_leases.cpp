#include "torchkeep/keycache/sealed_leases.h"

#include <charconv>
#include <system_error>

namespace torchkeep::keycache {
namespace {

namespace filesystem = std::filesystem;

constexpr std::string_view kMagic = "TKL1";
constexpr std::string_view kPurpose = "torchkeep/keycache/lease/v1";
constexpr std::string_view kExtension = ".lease";
constexpr std::size_t kMaxFileBytes = std::size_t{16} << 20;

Bytes associated_data(const LeaseId& id) {
  Bytes aad = to_bytes(as_bytes(kPurpose));
  append(aad, id.model.bytes);
  append_le64(aad, id.version);
  return aad;
}

void append_time(Bytes& out, TimePoint time) {
  append_le64(out, static_cast<std::uint64_t>(time.time_since_epoch().count()));
}

Result<TimePoint> take_time(ByteReader& reader, std::string_view field) {
  const std::uint64_t milliseconds = TRY(reader.take_le64(field));
  return TimePoint(Duration(static_cast<Duration::rep>(milliseconds)));
}

// contact, end, newest (LE64 milliseconds since 1970), requests left (LE64), how slow the host's
// clock is (LE64 milliseconds), release.
SecretBuffer encode_lease(const HeldLease& lease) {
  Bytes times;
  append_time(times, lease.times().contact);
  append_time(times, lease.times().end);
  append_time(times, lease.times().newest);
  append_le64(times, lease.times().requests_left);
  append_le64(times, static_cast<std::uint64_t>(lease.times().host_is_slow_by.count()));
  const keys::ReleasedKey& key = lease.key();
  const keys::Release release{.lease = key.lease(),
                              .statements = key.chain().statements(),
                              .data_key = key.data_key().clone()};
  const SecretBuffer encoded = keys::encode(release);
  SecretBuffer out;
  out.reserve(times.size() + encoded.size());
  append(out, times);
  append(out, encoded);
  return out;
}

Result<HeldLease> parse_lease(const LeaseId& id, ByteView bytes) {
  ByteReader reader(bytes);
  HeldLease::Times times;
  times.contact = TRY(take_time(reader, "contact"));
  times.end = TRY(take_time(reader, "end"));
  times.newest = TRY(take_time(reader, "newest time"));
  times.requests_left = TRY(reader.take_le64("requests left"));
  const std::uint64_t slow = TRY(reader.take_le64("slowness of the host's clock"));
  times.host_is_slow_by = Duration(static_cast<Duration::rep>(slow));
  keys::Release release = TRY(keys::parse_release(reader.rest()));
  // Sealed by ourselves, but verified again: the code that sealed it may have been another
  // version's.
  const keys::ModelChain chain = TRY(keys::ModelChain::verify(release.statements));
  if (chain.model() != id.model) return untrusted("the lease is for another model");
  const keys::ReleaseRequest request{.owner = chain.owner(),
                                     .name = chain.name(),
                                     .version = id.version,
                                     .nonce = release.lease.nonce,
                                     .renewal = false};
  keys::ReleasedKey key =
      TRY(keys::open_release(std::move(release), request, chain.genesis(), nullptr));
  return HeldLease::restored(std::move(key), times);
}

// MODEL-VERSION.lease, 64 hex digits and a decimal number.
Result<LeaseId> parse_file_name(const std::string& stem) {
  const std::size_t dash = stem.find('-');
  if (dash == std::string::npos) return malformed("no lease by its name");
  LeaseId id;
  id.model = TRY(ModelId::parse(std::string_view(stem).substr(0, dash)));
  const char* end = stem.data() + stem.size();
  const auto [stop, failure] = std::from_chars(stem.data() + dash + 1, end, id.version);
  if (failure != std::errc() || stop != end) return malformed("no lease by its name");
  return id;
}

}  // namespace

Path SealedLeases::path_of(const LeaseId& id) const {
  return folder_ / text(id.model.hex(), "-", id.version, kExtension);
}

Result<void> SealedLeases::store(const LeaseId& id, const HeldLease& lease) {
  std::error_code failure;
  filesystem::create_directories(folder_, failure);
  if (failure) return unavailable("cannot make ", folder_.string(), ": ", failure.message());
  const SecretBuffer secret = encode_lease(lease);
  const Bytes sealed = TRY(tee::seal(platform_, kPurpose, associated_data(id), secret));
  Bytes file = to_bytes(as_bytes(kMagic));
  append(file, sealed);
  return store_file(path_of(id), file, 0600);
}

Result<void> SealedLeases::remove(const LeaseId& id) {
  std::error_code failure;
  filesystem::remove(path_of(id), failure);
  if (failure) return unavailable("cannot remove ", path_of(id).string(), ": ", failure.message());
  return {};
}

std::map<LeaseId, HeldLease> SealedLeases::load(TimePoint now) {
  std::map<LeaseId, HeldLease> leases;
  const auto open = [&](const Path& path, const LeaseId& id) -> Result<HeldLease> {
    const Bytes file = TRY(load_file(path, kMaxFileBytes));
    if (!as_text(file).starts_with(kMagic)) return malformed("no lease of this version");
    const ByteView sealed = ByteView(file).subspan(kMagic.size());
    const SecretBytes secret = TRY(tee::unseal(platform_, kPurpose, associated_data(id), sealed));
    return parse_lease(id, secret.expose());
  };
  std::error_code failure;
  filesystem::directory_iterator files(folder_, failure);
  if (failure == std::errc::no_such_file_or_directory) return leases;
  for (; !failure && files != filesystem::directory_iterator(); files.increment(failure)) {
    const Path& path = files->path();
    if (path.extension() != kExtension) continue;
    const auto id = parse_file_name(path.stem().string());
    // One name a lease: a copy under another spelling of it would outlive `remove`.
    if (!id || path_of(*id).filename() != path.filename()) {
      log_.warning("ignoring ", path.string(), ": no lease by its name");
      continue;
    }
    auto lease = open(path, *id);
    if (!lease) {
      log_.warning("ignoring ", path.string(), ": ", lease.error().message);
      continue;
    }
    if (lease->over(lease->observe(now))) {
      if (const auto removed = remove(*id); !removed) log_.warning(removed.error().message);
      continue;
    }
    leases.emplace(*id, std::move(lease).value());
  }
  if (failure) log_.warning("reading ", folder_.string(), ": ", failure.message());
  return leases;
}

}  // namespace torchkeep::keycache
