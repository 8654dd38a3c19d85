// An answer of a PCCS: the first line is the header with the issuer chain, the rest the body.
#include "torchkeep/channel/internal/pccs_answer.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::string_view kChain[] = {"tcb-info-issuer-chain"};
  const std::string_view text = torchkeep::as_text({data, size});
  const std::size_t line = std::min(text.find('\n'), text.size());
  auto response = torchkeep::channel::text_response(200, "application/json",
                                                    text.substr(std::min(line + 1, text.size())));
  response.headers.emplace_back(kChain[0], text.substr(0, line));
  using torchkeep::channel::PccsDocumentKind;
  for (const auto kind : {PccsDocumentKind::Json, PccsDocumentKind::Crl}) {
    const auto document = torchkeep::channel::parse_pccs_answer(response, kind, kChain);
    TORCHKEEP_CHECK(!document || document->body.size() == response.body.size());
  }
  return 0;
}
