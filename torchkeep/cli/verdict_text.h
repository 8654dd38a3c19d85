#pragma once

#include "torchkeep/cli/verdict.h"

/// A verdict as a person or a script reads it.
namespace torchkeep::cli {

/// `every_part` also explains the machine's parts, the documents and each advisory.
enum class Detail { Short, EveryPart };
void show(const Console& console, const Verdict& verdict, const Dossier& dossier, Detail detail);

json::Json encode(const Verdict& verdict, const Dossier& dossier);

}  // namespace torchkeep::cli
