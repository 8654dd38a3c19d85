#include "torchkeep/worker/model_host.h"

#include <algorithm>

namespace torchkeep::worker {
namespace {

template <typename T>
bool contains(const std::vector<T>& all, const T& one) {
  return std::ranges::find(all, one) != all.end();
}

}  // namespace

Result<void> ModelHost::rescan() {
  if (stopped_) return {};
  RepositoryScan scan = TRY(scan_repository(repository_).context("--repository"));
  for (const std::string& line : scan.ignored) {
    if (!last_scan_ || !contains(last_scan_->ignored, line)) bench_.log.warning("ignored: ", line);
  }
  std::set<Key> found;
  for (const ModelPlace& place : scan.models) {
    found.emplace(place.name, place.version);
    // A file that still grows is not looked into yet.
    if (!last_scan_ || contains(last_scan_->models, place)) take_in(place);
  }
  std::erase_if(slots_, [&](const auto& entry) {
    if (found.contains(entry.first)) return false;
    entry.second->stop(not_found("its files are gone from the repository"));
    return true;
  });
  last_scan_ = std::move(scan);
  return {};
}

void ModelHost::take_in(const ModelPlace& place) {
  std::shared_ptr<ModelSlot>& slot = slots_[{place.name, place.version}];
  if (!slot) {
    slot = std::make_shared<ModelSlot>(place, bench_);
    slot->tick();
  } else if (slot->place() != place) {
    slot->replace(place);
  }
}

void ModelHost::tick() {
  for (const auto& slot : all()) slot->tick();
}

void ModelHost::stop() {
  stopped_ = true;
  for (const auto& slot : all()) slot->stop(unavailable("the worker ends"));
}

Result<std::shared_ptr<ModelSlot>> ModelHost::find(std::string_view name,
                                                   std::optional<std::uint64_t> version) const {
  std::shared_ptr<ModelSlot> best;
  for (const auto& slot : versions(name)) {
    if (version && slot->place().version != *version) continue;
    if (!best || slot->state() == SlotState::Ready || best->state() != SlotState::Ready)
      best = slot;
  }
  if (best) return best;
  if (version) return not_found("no model \"", name, "\" version ", *version, " here");
  return not_found("no model \"", name, "\" here");
}

std::vector<std::shared_ptr<ModelSlot>> ModelHost::versions(std::string_view name) const {
  std::vector<std::shared_ptr<ModelSlot>> out;
  for (auto slot = slots_.lower_bound({std::string(name), 0});
       slot != slots_.end() && slot->first.first == name; ++slot) {
    out.push_back(slot->second);
  }
  return out;
}

std::vector<std::shared_ptr<ModelSlot>> ModelHost::all() const {
  std::vector<std::shared_ptr<ModelSlot>> out;
  for (const auto& [key, slot] : slots_) out.push_back(slot);
  return out;
}

bool ModelHost::ready() const {
  bool served = slots_.empty();
  for (const auto& [key, slot] : slots_) {
    if (slot->state() == SlotState::Loading) return false;
    if (slot->state() == SlotState::Ready) served = true;
  }
  return served;
}

}  // namespace torchkeep::worker
