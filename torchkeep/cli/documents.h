#pragma once

#include <string>
#include <vector>

#include "torchkeep/attest/collateral.h"
#include "torchkeep/base/clock.h"

/// Which documents a verdict rests on, and from when until when each of them is current.
namespace torchkeep::cli {

/// One document, or one certificate of a chain. Its dates are as written: the verdict says whether
/// it is genuine.
struct Document {
  std::string name;  ///< As its file, without the ending: "tcb_info", "pck_chain".
  std::string what;  ///< For people: "TCB info", "PCK certificate".
  TimePoint from;
  TimePoint until;
};

/// Those of Intel's collateral that can be read; `pck_chain` is PEM, from the quote or the folder.
std::vector<Document> find_documents(const attest::Collateral& collateral, ByteView pck_chain);

/// The certificates of a chain in PEM, or of one in DER.
void add_certificates(std::vector<Document>& documents, std::string_view name, ByteView pem_or_der);

/// The time in which all are current; `from` is after `until` if there is none.
struct Period {
  TimePoint from = TimePoint::min();
  TimePoint until = TimePoint::max();
};
Period common_period(const std::vector<Document>& documents);

/// Names of those that are past their end, or before their start, sorted and each once.
std::vector<std::string> expired_at(const std::vector<Document>& documents, TimePoint now);
std::vector<std::string> not_yet_valid_at(const std::vector<Document>& documents, TimePoint now);

}  // namespace torchkeep::cli
