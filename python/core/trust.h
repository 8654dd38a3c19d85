#pragma once

#include "torchkeep/channel/roots.h"
#include "torchkeep/desk/counter.h"
#include "torchkeep/json/json.h"
#include "torchkeep/keys/policy.h"

#include "python/core/patience.h"

namespace torchkeep::python {

/// By whose word evidence is judged: an owner's folder, or a root certificate and a PCCS.
struct Trust {
  std::string folder;
  std::string pccs;
  std::string root;  ///< PEM file; empty: what the folder remembers.
  std::string pccs_ca;
};

/// Errors: InvalidArgument, NotFound, with what to give.
Result<desk::Verifier> verifier_of(const Trust& trust);

/// Errors: Malformed.
Result<keys::Policy> parse_policy_text(const std::string& text);

/// A JSON document as Python's own dicts and lists.
py::object to_python(const json::Json& value);

void add_trust(py::module_& module);

}  // namespace torchkeep::python
