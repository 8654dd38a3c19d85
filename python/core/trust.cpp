#include "python/core/trust.h"

#include "torchkeep/crypto/digest.h"

namespace torchkeep::python {

Result<desk::Verifier> verifier_of(const Trust& trust) {
  if (trust.root.empty()) {
    if (trust.folder.empty()) {
      return invalid_argument("whose word counts: an owner's folder, or root= and pccs=");
    }
    return desk::load_verifier(trust.folder, trust.pccs);
  }
  if (trust.pccs.empty()) {
    return invalid_argument("root= needs pccs=\"HOST:PORT\" beside it: where collateral is served");
  }
  desk::Verifier verifier;
  verifier.pccs = TRY(channel::parse_pccs_address(trust.pccs).context("pccs"));
  if (!trust.pccs_ca.empty()) {
    verifier.pccs_ca = TRY(load_file(trust.pccs_ca, 64 * 1024).context("pccs_ca"));
  }
  verifier.roots = TRY(channel::load_roots(trust.root).context("root"));
  TRY(desk::make_pccs_client(verifier).context("pccs"));
  return verifier;
}

Result<keys::Policy> parse_policy_text(const std::string& text) {
  const json::Json value = TRY(json::parse(text).context("policy"));
  return keys::parse_policy(value);
}

py::object to_python(const json::Json& value) {
  return py::module_::import("json").attr("loads")(value.dump());
}

void add_trust(py::module_& module) {
  py::class_<Trust>(module, "Trust")
      .def(py::init([](std::string folder, std::string pccs, std::string root, std::string ca) {
             return Trust{std::move(folder), std::move(pccs), std::move(root), std::move(ca)};
           }),
           py::kw_only(), py::arg("folder") = "", py::arg("pccs") = "", py::arg("root") = "",
           py::arg("pccs_ca") = "")
      .def("root_hashes", [](const Trust& self) {
        std::vector<std::string> hashes;
        for (const auto& root : value_or_raise(verifier_of(self)).roots) {
          hashes.push_back(encode_hex(crypto::sha256(root)));
        }
        return hashes;
      });
  module.def(
      "check_policy",
      [](const std::string& text) {
        return to_python(keys::encode(value_or_raise(parse_policy_text(text))));
      },
      py::arg("text"));
}

}  // namespace torchkeep::python
