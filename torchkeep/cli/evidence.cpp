#include "torchkeep/cli/evidence.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>

#include <unistd.h>

#include "torchkeep/attest/verify.h"
#include "torchkeep/base/encoding.h"
#include "torchkeep/base/text.h"
#include "torchkeep/crypto/x509.h"

namespace torchkeep::cli {
namespace {

Result<Bytes> read_standard_input() {
  Bytes out(kMaxEvidenceBytes + 1);
  std::size_t have = 0;
  while (have < out.size()) {
    const ssize_t got = ::read(STDIN_FILENO, out.data() + have, out.size() - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return invalid_argument("reading standard input: ", std::strerror(errno));
    if (got == 0) break;
    have += static_cast<std::size_t>(got);
  }
  if (have > kMaxEvidenceBytes) {
    return malformed("standard input: found more than ", kMaxEvidenceBytes,
                     " bytes, wanted at most as many; no evidence is that large");
  }
  out.resize(have);
  return out;
}

bool is_blank(std::uint8_t byte) { return byte == ' ' || (byte >= '\t' && byte <= '\r'); }

void describe_body(ByteView bytes, SelfDescription& out) {
  // The body stands at a fixed place, so that even a quote that is cut short says what it is of.
  if (bytes.size() < attest::kQuoteHeaderBytes) return;
  const auto header = attest::parse_quote_header(bytes.first(attest::kQuoteHeaderBytes));
  if (!header || header->version < 3 || header->version > 5) return;
  out.version = header->version;
  const std::size_t body = attest::kQuoteHeaderBytes + (header->version == 5 ? 6 : 0);
  if (header->tee_type == attest::kTeeTypeSgx) {
    out.tee = attest::TeeType::Sgx;
    if (bytes.size() < body + attest::kSgxReportBytes) return;
    auto report = attest::parse_sgx_report(bytes.subspan(body, attest::kSgxReportBytes));
    if (report) out.enclave = *report;
  } else if (header->tee_type == attest::kTeeTypeTdx) {
    out.tee = attest::TeeType::Tdx;
    if (bytes.size() < body + attest::kTdReportBytes) return;
    auto report = attest::parse_td_report(bytes.subspan(body, attest::kTdReportBytes));
    if (report) out.trust_domain = *report;
  }
}

void describe_machine(ByteView pem, SelfDescription& out) {
  const auto chain = crypto::parse_pem_chain(pem);
  if (!chain || chain->size() < 2) return;
  const auto extensions = (*chain)[0].extensions(attest::kPckExtensionOid);
  if (extensions.size() != 1) return;
  const auto machine = attest::parse_pck_extension(extensions[0]);
  if (!machine) return;
  out.machine = *machine;
  // The CA is whichever issued the leaf: some platforms put the root before it.
  for (const crypto::Certificate& certificate : *chain) {
    if (certificate.subject_name() == (*chain)[0].issuer_name()) {
      out.pck_ca = certificate.common_name();
    }
  }
}

}  // namespace

Result<Bytes> load_evidence(const std::string& quote) {
  if (quote == "-") return decode_evidence(TRY(read_standard_input()));
  auto bytes = load_file(quote, kMaxEvidenceBytes);
  if (bytes) return decode_evidence(std::move(bytes).value());
  const Error& error = bytes.error();
  switch (error.code) {
    case ErrorCode::Malformed: return malformed(error.message, "; no evidence is that large");
    case ErrorCode::NotFound:
      return invalid_argument("there is no file ", quote,
                              "; name the file that holds the quote, or write - to read it from "
                              "standard input");
    case ErrorCode::InvalidArgument:
      return invalid_argument(error.message,
                              "; name the file that holds the quote, or write - to read a pipe");
    default: return invalid_argument(error.message);
  }
}

Bytes decode_evidence(Bytes file) {
  std::string digits;
  for (const std::uint8_t byte : file) {
    if (is_blank(byte)) continue;
    if (std::isgraph(byte) == 0) return file;
    digits.push_back(static_cast<char>(byte));
  }
  if (auto bytes = decode_hex(digits); bytes && !bytes->empty()) return std::move(bytes).value();
  if (auto bytes = decode_base64(digits); bytes && !bytes->empty()) return std::move(bytes).value();
  return file;
}

ByteView SelfDescription::report_data() const {
  if (enclave) return enclave->report_data;
  if (trust_domain) return trust_domain->report_data;
  if (guest) return guest->report_data;
  return {};
}

bool SelfDescription::debug() const {
  return (enclave && enclave->debug()) || (trust_domain && trust_domain->debug()) ||
         (guest && guest->debug());
}

SelfDescription describe(ByteView evidence, ByteView pck_chain) {
  SelfDescription out;
  const auto tee = attest::find_tee(evidence);
  if (tee && *tee == attest::TeeType::Snp) {
    out.tee = *tee;
    auto report = attest::parse_snp_report(evidence);
    if (report) {
      out.version = report->version;
      out.guest = std::move(report).value();
    } else {
      out.malformed = report.error().message;
    }
    return out;
  }
  describe_body(evidence, out);
  auto quote = attest::parse_quote(evidence);
  if (!quote) {
    out.malformed = quote.error().message;
    return out;
  }
  if (!quote->td) {
    out.enclave = quote->report;
  } else {
    out.trust_domain = quote->td;
  }
  describe_machine(quote->certification_type == attest::kPckChainPem
                       ? ByteView(quote->certification_data)
                       : pck_chain,
                   out);
  out.quote = std::move(quote).value();
  return out;
}

}  // namespace torchkeep::cli
