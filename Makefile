# SPDX-License-Identifier: Apache-2.0
# The few words a person types; meson and ninja do the work.
#   make            build/postern, the hardened release build
#   make run        installs what is missing, builds, starts the demonstration (ARGS="...")
#   make test       installs what is missing, builds with sanitizers, runs everything
#   make check      the same and clang-tidy
#   make unit       the unit tests and checks alone
#   make fuzz       each fuzz target for SECONDS (T=name: that one alone)
#   make sim        the simulated system (SEED=n: that run alone)
#   make bench      measures beside Postfix and Dovecot
#   make docs       rebuilds the generated pages
#   make clean      removes the build folders
MAKEFLAGS += --no-print-directory
JOBS ?= $(shell nproc)
SECONDS ?= 60
ARGS ?=

RELEASE = -Dhardened=true -Dbuildtype=release -Db_pie=true -Db_lto=false -Dwerror=false
SANITIZED = -Dtests=true -Db_sanitize=address,undefined
FUZZING = -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false -Dwerror=false

.PHONY: all build run test check unit fuzz sim bench docs clean deps-build deps-test

all build: deps-build
	@[ -f build/build.ninja ] || meson setup build $(RELEASE) >/dev/null
	@ninja -j $(JOBS) -C build

run: build
	exec build/postern demo $(ARGS)

test: deps-test build sanitized
	@ninja -j $(JOBS) -C build sim
	@tools/run-tests build-test

check: test
	@tools/check-tidy build-test

unit: deps-test sanitized
	@tools/run-tests build-test unit checks

sim: build
	@ninja -j $(JOBS) -C build sim
	@build/sim $(if $(SEED),--seed $(SEED),--seeds 200)

fuzz:
	@tools/install-deps build fuzz
	@[ -f build-fuzz/build.ninja ] || CC=clang-16 meson setup build-fuzz $(FUZZING) >/dev/null
	@ninja -j $(JOBS) -C build-fuzz
	@tools/run-fuzz build-fuzz $(SECONDS) $(T)

bench: build
	@tools/install-deps bench
	@/usr/bin/python3 bench/run.py $(ARGS)

docs: build
	@tools/make-rfc-map
	@build/postern config manual > doc/man/postern.conf.5

clean:
	rm -rf build build-test build-fuzz

.PHONY: sanitized
sanitized:
	@[ -f build-test/build.ninja ] || meson setup build-test $(SANITIZED) >/dev/null
	@ninja -j $(JOBS) -C build-test

deps-build:
	@tools/install-deps build

deps-test:
	@tools/install-deps build test
