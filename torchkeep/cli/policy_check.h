#pragma once

#include "torchkeep/base/file.h"
#include "torchkeep/cli/console.h"
#include "torchkeep/desk/findings.h"

/// A policy held against claims, as a person reads it.
namespace torchkeep::cli {

using desk::check_policy;
using desk::encode;
using desk::name_of;
using desk::parse_holder_role;
using desk::PolicyFindings;

/// Errors: InvalidArgument, naming the file and the field, with what to do about it.
Result<keys::Policy> load_policy_file(const Path& file);

void show(const Console& console, const PolicyFindings& findings);

}  // namespace torchkeep::cli
