#include "torchkeep/attest/internal/window.h"

#include "torchkeep/base/text.h"

namespace torchkeep::attest {

void Window::narrow(std::string_view name, TimePoint from, TimePoint until) {
  if (from > from_) {
    from_ = from;
    latest_start_ = name;
  }
  if (until < until_) {
    until_ = until;
    earliest_end_ = name;
  }
}

void Window::narrow(std::string_view name, const crypto::Certificate& certificate) {
  narrow(text(name, " \"", certificate.common_name(), '"'), certificate.not_before(),
         certificate.not_after());
}

void Window::narrow(const Window& other) {
  if (other.from_ > from_) {
    from_ = other.from_;
    latest_start_ = other.latest_start_;
  }
  if (other.until_ < until_) {
    until_ = other.until_;
    earliest_end_ = other.earliest_end_;
  }
}

Result<void> Window::check(TimePoint now, Reason& why) const {
  if (now > until_) {
    why = Reason::Expired;
    return untrusted(earliest_end_, ": found an expiry at ", format_rfc3339(until_),
                     ", wanted one after ", format_rfc3339(now),
                     "; fetch fresh collateral from the PCCS, and see that this machine's clock "
                     "and the PCCS's cache are right");
  }
  if (now < from_) {
    why = Reason::NotYetValid;
    return untrusted(latest_start_, ": found a start at ", format_rfc3339(from_),
                     ", wanted one before ", format_rfc3339(now),
                     "; it is not valid yet: see that this machine's clock is right");
  }
  return {};
}

}  // namespace torchkeep::attest
