#include "torchkeep/attest/verify.h"
#include "torchkeep/base/process.h"
#include "torchkeep/channel/collateral_check.h"
#include "torchkeep/channel/collateral_folder.h"
#include "torchkeep/cli/collateral_text.h"
#include "torchkeep/cli/session.h"

namespace torchkeep::cli {
namespace {

constexpr std::size_t kMaxQuoteBytes = 256 * 1024;

struct Options {
  Path quote;
  std::string fmspc, ca, tee = "sgx";
  Path root, cache, folder;
};

/// Whom we believe and where the cache is: the owner's, unless the options say otherwise.
Result<Verifier> find_verifier(const Invocation& invocation, const Options& options) {
  const Path owner = TRY(owner_folder(invocation));
  Verifier out;
  auto owners = load_verifier(owner, invocation.pccs);
  if (owners) {
    out = std::move(owners).value();
  } else if (owners.error().code != ErrorCode::NotFound) {
    return std::move(owners).error();
  } else {
    if (!invocation.pccs.empty()) {
      out.pccs = TRY(channel::parse_pccs_address(invocation.pccs).context("--pccs"));
    }
    out.roots = TRY(channel::load_roots(options.root));
    out.collateral_cache = desk::collateral_folder(owner);
  }
  if (!options.root.empty()) out.roots = TRY(channel::load_roots(options.root));
  if (!options.cache.empty()) out.collateral_cache = options.cache;
  if (!invocation.pccs_ca.empty()) {
    out.pccs_ca = TRY(load_file(invocation.pccs_ca, 64 * 1024).context("--pccs-ca"));
  }
  return out;
}

Result<std::optional<attest::CollateralKey>> find_key(const Options& options) {
  if (!options.quote.empty()) {
    const Bytes quote = TRY(load_file(options.quote, kMaxQuoteBytes));
    return std::optional(TRY(attest::find_collateral_key(quote).context(options.quote.string())));
  }
  if (options.fmspc.empty()) return std::optional<attest::CollateralKey>();
  attest::CollateralKey key;
  if (options.tee != "sgx" && options.tee != "tdx") {
    return invalid_argument("--tee ", options.tee, ": it is sgx or tdx");
  }
  key.tee = options.tee == "tdx" ? attest::TeeType::Tdx : attest::TeeType::Sgx;
  const auto fmspc = decode_hex_array<6>(options.fmspc);
  if (!fmspc) return invalid_argument("--fmspc ", options.fmspc, ": it has 12 hex digits");
  key.fmspc = *fmspc;
  key.ca = options.ca;
  TRY(channel::check_askable(key).context("--ca"));
  return std::optional(std::move(key));
}

/// The one platform meant, of those in the cache.
Result<channel::CachedCollateral> find_cached(const channel::CollateralCache& cache,
                                              std::optional<attest::CollateralKey> key) {
  if (!key) {
    const auto keys = TRY(cache.list());
    if (keys.size() > 1) {
      return invalid_argument(cache.folder().string(), " holds collateral of ", keys.size(),
                              " platform families: name one by a quote, or by --fmspc and --ca");
    }
    if (!keys.empty()) key = keys.front();
  }
  auto cached = key ? TRY(cache.find(*key)) : std::nullopt;
  if (cached) return std::move(*cached);
  return not_found(cache.folder().string(), " holds no collateral",
                   key ? " of " + channel::to_text(*key) : std::string(),
                   ": torchkeep collateral fetch QUOTE --pccs HOST:PORT");
}

/// What is printed of one platform; true if it holds.
bool tell(const Console& console, const CollateralReport& report, json::Json& told) {
  show(console, report);
  told.push_back(encode(report));
  return report.fault.empty();
}

Result<void> fetch(const Invocation& invocation, const Options& options) {
  const auto key = TRY(find_key(options));
  if (!key) return invalid_argument("name the platform: a quote of it, or --fmspc HEX --ca CA");
  const Verifier verifier = TRY(find_verifier(invocation, options));
  if (verifier.pccs.host.empty()) {
    return invalid_argument(
        "where collateral is served: --pccs HOST:PORT, or for Intel's own "
        "service --pccs https://api.trustedservices.intel.com");
  }
  TRY(make_pccs_client(verifier).context("--pccs-ca"));
  Desk desk(verifier);
  const auto collateral = TRY(desk.wait(desk.collateral().fetch_anew(*key)));
  const channel::CollateralCache cache(verifier.collateral_cache);
  // The store goes on without a disk; who fetches into a cache wants to hear of it.
  if (!TRY(cache.find(*key)))
    return unavailable("nothing could be written to ", cache.folder().string());
  CollateralReport report = report_on(*collateral, key, verifier.roots, desk.clock().now());
  json::Json told = json::Json::array();
  tell(invocation.console, report, told);
  invocation.console.line("Kept in ", cache.folder().string());
  invocation.console.answer({{"cache", cache.folder().string()}, {"platforms", std::move(told)}});
  return {};
}

Result<void> show_all(Invocation& invocation, const Options& options) {
  const Verifier verifier = TRY(find_verifier(invocation, options));
  const SystemClock clock;
  json::Json told = json::Json::array();
  bool all_hold = true;
  if (!options.folder.empty()) {
    const auto collateral = TRY(channel::load_collateral_folder(options.folder));
    all_hold =
        tell(invocation.console, report_on(collateral, {}, verifier.roots, clock.now()), told);
  } else {
    const channel::CollateralCache cache(verifier.collateral_cache);
    const auto only = TRY(find_key(options));
    const auto keys = only ? std::vector{*only} : TRY(cache.list());
    if (keys.empty()) TRY(find_cached(cache, only));
    for (const attest::CollateralKey& key : keys) {
      const auto cached = find_cached(cache, key);
      CollateralReport report;
      if (cached) {
        report = report_on(cached->collateral, key, verifier.roots, clock.now());
        report.fetched = cached->fetched;
      } else if (cached.error().code == ErrorCode::Malformed) {
        report.key = key;
        report.fault = cached.error().message;
      } else {
        return cached.error();
      }
      all_hold = tell(invocation.console, report, told) && all_hold;
    }
  }
  invocation.console.answer({{"platforms", std::move(told)}});
  if (!all_hold) invocation.status = exit_code(ErrorCode::Untrusted);
  return {};
}

Result<void> export_folder(const Invocation& invocation, const Options& options) {
  const Verifier verifier = TRY(find_verifier(invocation, options));
  const channel::CollateralCache cache(verifier.collateral_cache);
  const auto cached = TRY(find_cached(cache, TRY(find_key(options))));
  TRY(channel::store_collateral_folder(options.folder, cached.collateral));
  invocation.console.line("Collateral of ", channel::to_text(cached.key), " written to ",
                          options.folder.string());
  invocation.console.line("There: torchkeep collateral import ", options.folder.string());
  invocation.console.answer(
      {{"folder", options.folder.string()}, {"of", channel::to_text(cached.key)}});
  return {};
}

Result<void> import_folder(const Invocation& invocation, const Options& options) {
  const Verifier verifier = TRY(find_verifier(invocation, options));
  const SystemClock clock;
  const auto collateral = TRY(channel::load_collateral_folder(options.folder));
  const std::string where = options.folder.string();
  const auto key = TRY(channel::find_key_of(collateral).context(where));
  const auto verified =
      TRY(channel::check_collateral(collateral, key, verifier.roots).context(where));
  TRY(channel::check_dates(verified, clock.now()).context(where));
  const channel::CollateralCache cache(verifier.collateral_cache);
  TRY(cache.store({key, clock.now(), collateral}));
  invocation.console.line("Collateral of ", channel::to_text(key), " verifies, holds until ",
                          format_rfc3339(verified.expires()), ", and is kept in ",
                          cache.folder().string());
  invocation.console.answer({{"cache", cache.folder().string()},
                             {"of", channel::to_text(key)},
                             {"valid_until", format_rfc3339(verified.expires())}});
  return {};
}

void add_trust(Command command, Options& options) {
  command
      .add_option("--root", options.root,
                  "Root certificate (PEM) to judge by; default the owner's, or Intel's")
      .type_name("FILE");
  command.add_option("--cache", options.cache, "The cache's folder; default in the owner's folder")
      .type_name("FOLDER");
}

void add_key(Command command, Options& options) {
  const CommandOption quote =
      command.add_option("--quote", options.quote, "A quote of the platform").type_name("FILE");
  const CommandOption fmspc =
      command.add_option("--fmspc", options.fmspc, "The platform's family, 12 hex digits")
          .type_name("HEX")
          .excludes(quote);
  command
      .add_option("--ca", options.ca, "Which CA its PCK certificate is of: platform or processor")
      .needs(fmspc);
  command.add_option("--tee", options.tee, "sgx or tdx").needs(fmspc).show_default();
}

}  // namespace

void add_collateral(Command app, Invocation& invocation) {
  const Command group =
      app.add_command("collateral", "What vouches for a machine: fetch it, look at it, carry it");
  group.require_command();
  const auto options = std::make_shared<Options>();
  const auto add = [&](const char* name, const char* help, const char* example, auto body) {
    const Command command = group.add_command(name, help);
    command.footer(std::string("Example: torchkeep collateral ") + example);
    add_trust(command, *options);
    run_when_called(command, invocation, options, body);
    return command;
  };
  const Command fetching = add(
      "fetch", "Fetch a platform family's collateral from a PCCS into the cache, once it verifies",
      "fetch quote.bin --pccs https://api.trustedservices.intel.com", fetch);
  fetching.add_option("QUOTE", options->quote, "A quote of the platform").type_name("FILE");
  add_key(fetching, *options);
  const Command showing = add(
      "show", "Show what is cached, or in a folder: dates, verdict; exit code 1 if any of it fails",
      "show --json", show_all);
  showing.add_option("FOLDER", options->folder, "A folder with collateral; default the cache")
      .type_name("FOLDER");
  add_key(showing, *options);
  const Command exporting =
      add("export", "Write cached collateral to a folder of files, for a machine without a network",
          "export /media/stick/collateral --quote quote.bin", export_folder);
  exporting.add_option("FOLDER", options->folder, "The folder to write")
      .required()
      .type_name("FOLDER");
  add_key(exporting, *options);
  const Command importing =
      add("import", "Take a folder's collateral into the cache, if it verifies",
          "import /media/stick/collateral", import_folder);
  importing.add_option("FOLDER", options->folder, "The folder to read")
      .required()
      .type_name("FOLDER");
}

}  // namespace torchkeep::cli
