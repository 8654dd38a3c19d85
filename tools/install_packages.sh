#!/usr/bin/env bash
# Installs what building and testing need, from Debian bookworm alone. `--demo` adds what the demo
# needs: the ONNX package that counts nodes, and the real images. `--clang` adds the
# other compiler, which fuzzes and checks style. `--conformance` adds ONNX's own cases, `--debian13`
# what makes a root of the next release.
set -euo pipefail

packages=(
  g++ cmake ninja-build ccache make python3 python3-numpy curl
  libssl-dev libboost1.81-dev nlohmann-json3-dev libsimdjson-dev libcli11-dev libsqlite3-dev
  libdnnl-dev
  libgtest-dev libgmock-dev libbenchmark-dev
  python3-dev pybind11-dev python3-torch python3-torchvision python3-hypothesis
)
if [[ ${1:-} == --demo ]]; then
  packages+=(python3-onnx dataset-fashion-mnist)
elif [[ ${1:-} == --conformance ]]; then
  packages+=(libonnx-testdata)
elif [[ ${1:-} == --debian13 ]]; then
  packages=(mmdebstrap)
elif [[ ${1:-} == --clang ]]; then
  packages+=(clang libclang-rt-14-dev llvm clang-tidy clang-format)  # llvm names the lines of a crash
fi

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
[[ ${#missing[@]} -eq 0 ]] && exit 0

as_root=()
if [[ $(id -u) -ne 0 ]]; then
  command -v sudo >/dev/null || {
    echo "these packages are missing: ${missing[*]}; install them as root, or install sudo" >&2
    exit 1
  }
  as_root=(sudo)
fi
echo "installing: ${missing[*]}" >&2
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
