#include "torchkeep/simtee/commands/commands.h"

/// torchkeep-simtee: a simulated SGX platform for machines without SGX. Development only.
int main(int argc, char** argv) { return torchkeep::simtee::run(argc, argv); }
