#!/usr/bin/env bash
# Runs each fuzz target in FOLDER for SECONDS, beginning with its committed corpus.
set -euo pipefail
folder=${1:?usage: run_fuzzers.sh FOLDER SECONDS}
seconds=${2:?usage: run_fuzzers.sh FOLDER SECONDS}
found=$(mktemp -d)
trap 'rm -rf "$found"' EXIT
for target in "$folder"/*_fuzz; do
  name=$(basename "$target")
  corpus=$(find tests -type d -path "*/corpus/$name")
  echo "== $name"
  "$target" -max_total_time="$seconds" -rss_limit_mb=2048 -artifact_prefix="$name-" "$found" ${corpus:+"$corpus"}
done
