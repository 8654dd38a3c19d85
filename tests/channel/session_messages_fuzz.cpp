// Messages of session attestation, as either side reads them: what is read has one spelling.
#include "torchkeep/channel/internal/session_messages.h"

namespace {

using namespace torchkeep::channel;

template <typename Message>
void check(const torchkeep::Result<Message>& message, std::string_view text) {
  TORCHKEEP_CHECK(!message || encode(*message) == text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = torchkeep::as_text({data, size});
  check(parse_session_hello(text), text);
  check(parse_session_offer(text), text);
  check(parse_session_proof(text), text);
  check(parse_session_grant(text), text);
  check(parse_session_refusal(text), text);
  return 0;
}
