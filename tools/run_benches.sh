#!/usr/bin/env bash
# Runs every benchmark program in FOLDER and prints one JSON document: {"NAME": Google Benchmark's JSON, ...}.
set -euo pipefail
folder=${1:?usage: run_benches.sh FOLDER}
separator='{'
for bench in "$folder"/*_bench; do
  [[ -x $bench ]] || { echo "no benchmark in $folder; configure with TORCHKEEP_BENCHMARKS=ON" >&2; exit 1; }
  printf '%s"%s":' "$separator" "$(basename "$bench")"
  "$bench" --benchmark_format=json 2>/dev/null
  separator=','
done
echo '}'
