# A thin face over the CMake presets (CMakePresets.json): each target does all that it needs, from installing
# packages on. Building by hand is as good: deploy/build-caf.sh, cmake --preset release, cmake --build build.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

PREFIX ?= /usr/local
JOBS ?= $(shell nproc)
# Tests at a time; those that would disturb each other say so themselves.
TEST_JOBS ?= $(JOBS)
FUZZ_RUNS ?= 20000
# clang-tidy begins no new file past this many minutes; 0: no limit.
TIDY_MINUTES_MAX ?= 0
FUZZ_RUNS_LONG ?= 1000000

FIRST_BUILD := The first build takes about 10 minutes on 2 cores, the tests 10 more; later ones what has changed.

export JOBS
# Make strips what ends a line, but not before an empty variable.
export NINJA_STATUS ?= [%f/%t, %es] $(empty)
# Trials and tests run `python3`: Debian's, whose scikit-learn the packages bring, comes first.
export PATH := /usr/bin:$(PATH)
# Another checkout compiles what this one has compiled already.
export CCACHE_BASEDIR ?= $(CURDIR)
export CCACHE_NOHASHDIR ?= 1
# TSan of g++ 12 dies where the kernel places memory too randomly, hence a fixed layout for what it built.
NO_ASLR := $(shell setarch $$(uname -m) -R true 2>/dev/null && echo setarch $$(uname -m) -R)
# CMake speaks when something is wrong.
QUIETLY := --log-level=WARNING >/dev/null

.PHONY: help
help: ## this list
	@echo 'make TARGET, where TARGET is'
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16
	@echo 'Variables: PREFIX=$(PREFIX) JOBS=$(JOBS) FUZZ_RUNS=$(FUZZ_RUNS)'
	@echo '$(FIRST_BUILD)'

.PHONY: run
run: build ## installs, builds, and runs the quick start (a minute)
	build/bin/autotune run examples/quickstart/experiment.yaml

.PHONY: build
build: packages configure ## build/bin/autotune
	@cmake --build --preset release -j $(JOBS) --target autotune

.PHONY: test
test: packages-test all ## all tests but the long ones
	ctest --preset release -j $(TEST_JOBS)

.PHONY: test-asan
test-asan: packages-test caf ## the same under ASan and UBSan
	cmake --preset asan $(QUIETLY)
	cmake --build --preset asan -j $(JOBS)
	ctest --preset asan -j $(TEST_JOBS)

.PHONY: test-tsan
test-tsan: packages-test ## the same under TSan, CAF included
	deploy/build-caf.sh --sanitize thread
	$(NO_ASLR) cmake --preset tsan $(QUIETLY)
	$(NO_ASLR) cmake --build --preset tsan -j $(JOBS)
	$(NO_ASLR) ctest --preset tsan -j $(TEST_JOBS)

.PHONY: soak
SOAK_SECONDS ?= 3600
soak: packages-test all ## an hour of chaos over a head and three agents (root)
	cd tests/cluster && AUTOTUNE_CHAOS_SECONDS=$(SOAK_SECONDS) PYTHONPATH=../e2e PYTHONDONTWRITEBYTECODE=1 \
	  AUTOTUNE_BINARY=$(CURDIR)/build/bin/autotune python3 -m unittest -v test_chaos

.PHONY: fuzz
fuzz: packages-fuzz ## each fuzz target FUZZ_RUNS times
	cmake --preset fuzz $(QUIETLY)
	cmake --build --preset fuzz -j $(JOBS) --target fuzzers
	tests/fuzz/run.sh $(FUZZ_RUNS)

.PHONY: bench
bench: packages-test all ## the speed table of the README, then quality and speed of the tuners
	cmake --build --preset release -j $(JOBS) --target tuner_quality multi_quality advisor_quality
	bench/run.sh
	bench/tuners.sh

.PHONY: check-quick
check-quick: packages-check ## format, include layers, scripts: what CI checks
	deploy/check-format.sh
	deploy/check-layers.py --self-test
	deploy/check-layers.py
	deploy/check-scripts.sh

.PHONY: check
check: check-quick caf configure ## the same and clang-tidy
	cmake --build --preset release -j $(JOBS) --target autotune_proto
	deploy/check-tidy.py --build build --jobs $(JOBS) --minutes-max $(TIDY_MINUTES_MAX)

.PHONY: check-long
check-long: test-tsan test-long ## TSan, the Keras example, a million runs of each fuzz target (hours)
	$(MAKE) fuzz FUZZ_RUNS=$(FUZZ_RUNS_LONG)

.PHONY: test-long
test-long: packages-test all ## the long tests: Keras, the tutorial
	ctest --preset long

.PHONY: install
install: ## into PREFIX, building first where that was not done
# Not by depending on it: `sudo make install` must not build with root's caches what is built already.
	@[ -x build/bin/autotune ] || $(MAKE) build
	cmake --install build --prefix $(PREFIX)

.PHONY: clean
clean: ## removes the build folders; CAF stays in its cache
	rm -rf build build-asan build-tsan build-fuzz

# What the targets above are made of.
.PHONY: packages packages-test packages-fuzz packages-check caf configure all
packages:
	@deploy/install-packages.sh build run
packages-test:
	@deploy/install-packages.sh build run test
packages-fuzz packages-check:
	@deploy/install-packages.sh build run test check
caf: packages
	@[ -e build/build.ninja ] || echo '$(FIRST_BUILD)'
	@deploy/build-caf.sh
configure: caf
	@cmake --preset release $(QUIETLY)
all: configure
	@cmake --build --preset release -j $(JOBS)
