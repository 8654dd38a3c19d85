#pragma once

#include <map>
#include <set>

#include "torchkeep/worker/model_slot.h"

namespace torchkeep::worker {

/// All models of the repository folder, kept in step with it. *Lives on one strand.*
class ModelHost {
 public:
  /// `bench` outlives it and all that still runs in its slots.
  ModelHost(Path repository, Workbench& bench)
      : repository_(std::move(repository)), bench_(bench) {}

  /// Looks at the folder: models that came are taken in (after the first time only once they have
  /// stopped growing), models that went are stopped. What is no model is logged once.
  /// Errors: as `scan_repository`; everything stays as it was then.
  Result<void> rescan();
  /// Does what is due in each slot.
  void tick();
  /// Stops all models; to be called once.
  void stop();

  /// That version, or without one the highest that is served, or else the highest.
  /// Errors: NotFound.
  Result<std::shared_ptr<ModelSlot>> find(std::string_view name,
                                          std::optional<std::uint64_t> version) const;
  /// All versions of one model, lowest first.
  std::vector<std::shared_ptr<ModelSlot>> versions(std::string_view name) const;
  /// All, by name, then version.
  std::vector<std::shared_ptr<ModelSlot>> all() const;
  /// True once every model has been served or refused, and one is served (or none is there).
  bool ready() const;

 private:
  using Key = std::pair<std::string, std::uint64_t>;
  void take_in(const ModelPlace& place);

  Path repository_;
  Workbench& bench_;
  std::map<Key, std::shared_ptr<ModelSlot>> slots_;
  std::optional<RepositoryScan> last_scan_;
  bool stopped_ = false;
};

}  // namespace torchkeep::worker
