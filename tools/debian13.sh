#!/usr/bin/env bash
# The Python tests with PyTorch 2, in a Debian 13 root of their own: its compiler, its libraries
# (oneDNN 3 among them), its python3-torch. usage: debian13.sh [--rebuild]
# The root stands in build/debian13/root (2 GB, made in two minutes) and is used again as long as the
# packages are the same. It takes root, since it is entered with chroot; what is mounted there is gone
# with the last process.
set -euo pipefail
cd "$(dirname "$0")/.."
place=build/debian13
jobs=${JOBS:-$(nproc)}

[[ $(id -u) -eq 0 ]] || { echo "debian13.sh enters a root of its own with chroot: run it as root" >&2; exit 1; }
tools/install_packages.sh --debian13
[[ ${1:-} == --rebuild ]] && rm -rf --one-file-system "$place"

packages=(
  g++ cmake ninja-build ccache python3 python3-numpy
  libssl-dev libboost-dev nlohmann-json3-dev libsimdjson-dev libcli11-dev libsqlite3-dev libdnnl-dev
  libgtest-dev libgmock-dev python3-dev pybind11-dev python3-torch python3-torchvision
  python3-hypothesis python3-cryptography python3-onnx python3-pip
)
if [[ ! -d $place/root || $(cat "$place/packages" 2>/dev/null) != "${packages[*]}" ]]; then
  # Where this machine gets its own packages, the next release is too.
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | head -n 1)
  rm -rf --one-file-system "$place/root" "$place/root.part"
  mkdir -p "$place"
  echo "making a Debian 13 root: ${#packages[@]} packages and what they need" >&2
  mmdebstrap --quiet --variant=apt --include="$(IFS=,; echo "${packages[*]}")" trixie \
    "$place/root.part" "${mirror:-http://deb.debian.org/debian}"
  mv "$place/root.part" "$place/root"
  echo "${packages[*]}" > "$place/packages"
fi

inside='set -euo pipefail
cd /src
cmake --preset dev -B build/debian13/dev -DTORCHKEEP_WERROR=OFF
cmake --build build/debian13/dev -j "$JOBS" --target torchkeep torchkeep-simtee torchkeep-keyserver \
  torchkeep-keycache torchkeep-worker torchkeep_core
/usr/bin/python3 -c "import torch; print(\"PyTorch\", torch.__version__)"
ctest --test-dir build/debian13/dev -L "^python$" --output-on-failure'
mounted='mkdir -p "$1/src" && mount --bind . "$1/src" && mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev"
exec chroot "$1" env -i HOME=/root PATH=/usr/bin:/bin LANG=C.UTF-8 JOBS="$3" CCACHE_DIR=/src/build/debian13/ccache bash -c "$2"'
unshare --mount --fork bash -c "$mounted" enter "$PWD/$place/root" "$inside" "$jobs"
