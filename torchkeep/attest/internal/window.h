#pragma once

#include <string>

#include "torchkeep/attest/reason.h"
#include "torchkeep/base/clock.h"
#include "torchkeep/crypto/x509.h"

/// The time in which every document behind a verdict is current.
namespace torchkeep::attest {

class Window {
 public:
  /// A document that holds from `from` until `until`, both included. `name` is for people.
  void narrow(std::string_view name, TimePoint from, TimePoint until);
  void narrow(std::string_view name, const crypto::Certificate& certificate);
  void narrow(const Window& other);

  /// Errors: Untrusted, naming the document that is not current and its date; `why` says whether it
  /// is too early or too late for it.
  Result<void> check(TimePoint now, Reason& why) const;

  TimePoint from() const { return from_; }
  TimePoint until() const { return until_; }

 private:
  TimePoint from_ = TimePoint::min();
  TimePoint until_ = TimePoint::max();
  std::string latest_start_;  // the documents that bound it
  std::string earliest_end_;
};

}  // namespace torchkeep::attest
