# Two commands are all a newcomer needs: `make demo` and `make test`. Both install what they need.
SHELL := /bin/bash
JOBS ?= $(shell nproc)
# Objects are found again whatever folder the clone is in.
export CCACHE_NOHASHDIR = 1
export CCACHE_BASEDIR = $(CURDIR)

.PHONY: packages demo-packages build python wheel demo test test-torch2 bench conformance zoo bench-runtime bench-python program fuzz tidy format clean help

help: ## What can be made
	@grep -hE '^[a-z-]+:.*##' Makefile | sed 's/:.*## /\t/' | expand -t 12

packages: ## Install the Debian packages that building and testing need
	@tools/install_packages.sh

build: packages ## The programs, optimised, for the simulated platform (build/release/bin)
	cmake --preset release
	cmake --build --preset release -j $(JOBS) --target $(PROGRAMS)

PROGRAMS = torchkeep torchkeep-simtee torchkeep-keyserver torchkeep-keycache torchkeep-worker

python: build ## The same and the Python package (build/release/python)
	cmake --build --preset release -j $(JOBS) --target torchkeep_core

wheel: python ## The Python package and the programs as a wheel (build/torchkeep-*.whl)
	/usr/bin/python3 tools/make_wheel.py build/release --out build

demo-packages:
	@tools/install_packages.sh --demo

demo: demo-packages build ## The whole path on real models: protect, attest, serve, refuse
	@build/release/bin/torchkeep demo

# Fast checks first; then the suite as it is, what is threaded under the thread sanitizer, and all of
# it under address and undefined-behaviour sanitizers.
test: packages ## Install, build and run all tests
	python3 tools/check_rooms.py && python3 tools/check_operators.py
	cmake --preset dev && cmake --build --preset dev -j $(JOBS) && ctest --preset dev -j $(JOBS)
	cmake --preset tsan && cmake --build --preset tsan -j $(JOBS) --target $(THREADED:%=%_test)
	ctest --preset tsan -j $(JOBS) -L '^($(subst $() ,|,$(THREADED)))$$' -E '_corpus$$'
	cmake --preset asan && cmake --build --preset asan -j $(JOBS) && ctest --preset asan -j $(JOBS)
	@tools/test_summary.py build/dev build/tsan build/asan

test-torch2: ## The Python tests with PyTorch 2, in a Debian 13 root of their own; takes root and 4 GB
	@JOBS=$(JOBS) tools/debian13.sh

THREADED = base container runtime channel worker

bench: packages ## Benchmarks, JSON on standard output
	@cmake --preset release >&2 && cmake --build --preset release -j $(JOBS) >&2
	@tools/run_benches.sh build/release/bin

program: packages
	@cmake --preset release >/dev/null && cmake --build --preset release -j $(JOBS) --target torchkeep

# Debian's cases; newer ones too with ONNX_VECTORS=FOLDER.
ONNX_CASES = /usr/share/libonnx-testdata/data
ONNX_SUITES = node simple pytorch-operator pytorch-converted

conformance: program ## ONNX's own cases, ONNX_VECTORS=FOLDER for newer ones; writes docs/conformance.md
	@tools/install_packages.sh --conformance
	@tools/conformance.py --program build/release/bin/torchkeep --output docs/conformance.md \
	  $(foreach suite,$(ONNX_SUITES),$(suite)=$(ONNX_CASES)/$(suite)) $(ONNX_VECTORS:%=newer=%)

zoo: demo-packages program ## Models exported by PyTorch, beside PyTorch, ONLY=PATTERN for some; writes docs/zoo.md
	@/usr/bin/python3 tools/zoo.py --program build/release/bin/torchkeep $(ONLY:%=--only '%')

bench-runtime: demo-packages program ## The engine's speed beside ONNX Runtime's (npm), ONLY=PATTERN BATCH=N; a table, and JSON in build/bench
	@tools/bench_runtime.py --program build/release/bin/torchkeep --json build/bench/runtime.json $(ONLY:%=--only '%') $(BATCH:%=--batch %)

bench-python: python ## What serving, protecting and operator mode cost in Python; two JSONs on standard output
	@PYTHONPATH=build/release/python /usr/bin/python3 -B tests/python/serving_bench.py
	@PYTHONPATH=build/release/python /usr/bin/python3 -B tests/python/operator_bench.py

SECONDS_EACH = $(or $(SECONDS),60)

fuzz: packages ## Build the fuzz targets with clang and run each for SECONDS=60
	@tools/install_packages.sh --clang
	cmake --preset fuzz && cmake --build --preset fuzz -j $(JOBS)
	@tools/run_fuzzers.py build/fuzz/bin --seconds $(SECONDS_EACH) --jobs $(JOBS) $(FUZZ_OPTIONS)

tidy: packages ## clang-tidy over the product's sources
	@tools/install_packages.sh --clang
	cmake --preset dev
	git ls-files 'torchkeep/*.cpp' | xargs -P $(JOBS) -n 4 clang-tidy -p build/dev --quiet

format: ## Format all sources
	@git ls-files '*.h' '*.cpp' | xargs clang-format-14 -i

clean: ## Remove everything that was built
	rm -rf build
