#include "torchkeep/cli/session.h"

namespace torchkeep::cli {

Result<Path> owner_folder(const Invocation& invocation) {
  if (!invocation.owner_folder.empty()) return invocation.owner_folder;
  return client::default_owner_folder();
}

}  // namespace torchkeep::cli
