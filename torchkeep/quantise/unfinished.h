#pragma once

#include <utility>

#include "torchkeep/base/file.h"

namespace torchkeep::quantise {

/// A model that is written but not yet judged: it stands in a folder of its own beside its place,
/// under its own name, which its external data goes by, and is gone with this object unless it took
/// that place. Move-only.
class Unfinished {
 public:
  /// Errors: NotFound if the output's folder is not there; Unavailable.
  static Result<Unfinished> beside(const Path& output);
  Unfinished(Unfinished&& other) noexcept : folder_(std::exchange(other.folder_, Path())) {}
  Unfinished& operator=(Unfinished&&) = delete;
  ~Unfinished();

  /// Where to write the model that is to be `output`.
  Path file_for(const Path& output) const { return folder_ / output.filename(); }

  /// Moves the model, and its external data unless `data` is empty, to where `output` is. An older
  /// model goes first if there is data: it must not stand beside another one's.
  /// Errors: Unavailable.
  Result<void> take_place(const Path& data, const Path& output) const;

 private:
  explicit Unfinished(Path folder) : folder_(std::move(folder)) {}
  Path folder_;
};

}  // namespace torchkeep::quantise
