#pragma once

#include "torchkeep/cli/console.h"
#include "torchkeep/cli/evidence.h"

/// What evidence says of the code it is about, as a person or a script reads it.
namespace torchkeep::cli {

/// The fields of the report, named as in DCAP's and AMD's books; empty if it could not be read.
json::Json encode_measurement(const SelfDescription& evidence);

/// The same, those that name the code first.
void show_measurement(const Console& console, const SelfDescription& evidence);

/// The entry of a policy's `workers`, `caches` or `keyservers` that names exactly this code; null if
/// no policy can name it, or it is in debug mode.
json::Json policy_entry(const SelfDescription& evidence);

/// "an Intel SGX quote, version 3", "an AMD SEV-SNP report, version 2"
std::string kind_of(const SelfDescription& evidence);

/// Report data as hex, and as text behind it where it is text.
std::string describe_report_data(ByteView report_data);

}  // namespace torchkeep::cli
