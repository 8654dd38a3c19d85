#include "torchkeep/base/version.h"
#include "torchkeep/tee/platform.h"

#include "python/core/engine.h"
#include "python/core/parts.h"
#include "python/core/trust.h"

/// torchkeep._core: what the package needs of C++. Its types stand in torchkeep/_core.pyi.
PYBIND11_MODULE(_core, module) {
  using namespace torchkeep;
  module.attr("version") = std::string(kVersion);
  module.attr("simulation") = tee::built_for_simulation();
  python::add_engine(module);
  python::add_trust(module);
  python::add_owner(module);
  python::add_quantise(module);
  python::add_session(module);
}
