# SPDX-License-Identifier: Apache-2.0
# `make help` lists the targets. Finished work leaves a stamp in .stamps/ or its
# own output, so that a second `make` does nothing that is done.

PYTHON ?= python3
# The cores this process may use, not those of the machine.
JOBS ?= $(shell nproc)
VENV := .venv
BIN := $(VENV)/bin
STAMPS := .stamps
BUILD := build/extension

PY_SOURCES := $(shell find emu -name '*.py' -o -name '*.html' -o -name '*.css' -o -name '*.js' -o -name '*.yaml' -o -name '*.j2' 2>/dev/null)
PACKAGES := $(shell find emu -name __init__.py)
CORE_SOURCES := $(shell find emu/bindings emu/core emu/lab/native -name '*.cc' -o -name '*.h' -o -name '*.cmake' 2>/dev/null)
CPP_SOURCES := $(shell find emu/bindings emu/core emu/lab/native tests/cpp benchmarks -name '*.cc' -o -name '*.h' 2>/dev/null)
INPUTS := $(shell find topologies traces -type f 2>/dev/null)
EXPERIMENTS := $(sort $(patsubst experiments/%.yaml,%,$(wildcard experiments/*.yaml)))

REPORT := first-look$(if $(FULL),-full)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: help setup build test lint format fuzz fuzz-short cpp-build cpp-test python-test lab-test ryu validate conformance bench \
        bench-gate agree determinism tsan performance report lab-report lab-failures lab-routing publish docs pcap-demo lock clean \
        $(addprefix experiment-,$(EXPERIMENTS))

help:
	@echo 'make setup            .venv with the emu command and everything it needs'
	@echo 'make report           run experiments/first-look.yaml and write its report'
	@echo 'make report FULL=1    the publishable version (more seeds, loads and ports)'
	@echo 'make test             lint, C++ tests and 20 s of make fuzz under sanitizers, Python tests'
	@echo 'make build            rebuild the C++ extension after a change (seconds)'
	@echo 'make cpp-test         only the C++ tests, under ASan and UBSan'
	@echo 'make fuzz             250,000 damaged captures through all readers of captures'
	@echo 'make python-test      only pytest; ARGS="-k name" narrows it'
	@echo 'make lab-test         only the tests of the lab; without root they are skipped'
	@echo 'make ryu              Ryu in .venv-ryu, for emu lab up --controller-runtime ryu'
	@echo 'make lint             ruff, mypy --strict, clang-format'
	@echo 'make format           let ruff and clang-format rewrite the sources'
	@echo 'make validate         the engine against theory and ns-3; writes docs/validation.md'
	@echo 'make conformance      the test suite of real switches, on the simulated one'
	@echo 'make bench            packet-hops per second of the engine; packets per second of captures'
	@echo 'make bench-gate       instructions per packet-hop against benchmarks/baseline.json (valgrind)'
	@echo 'make performance      measure the engine and write docs/performance.md'
	@echo 'make determinism      make agree, and the same bytes with any --jobs and recording'
	@echo 'make tsan             the C++ tests under ThreadSanitizer'
	@echo 'make agree            the same results from every compiler here, at -O0 and -O3'
	@echo 'make publish          collect finished reports into public/'
	@echo 'make docs             regenerate docs/cli.md, JSON Schemas, the type stub'
	@echo 'make pcap-demo        a walk through emu pcap on captures of an incast; writes docs/pcap.md'
	@echo 'make lock             resolve requirements.in into requirements.lock anew'
	@echo 'make lab-report       the lab beside the simulator: reports/lab/index.html (root)'
	@echo 'make lab-failures     failures in the lab beside the simulator: reports/lab-failures (root)'
	@echo 'make lab-routing      the same of a controller that moves traffic: reports/lab-routing'
	@echo 'make agreement        simulator and lab side by side: docs/agreement.md (root)'
	@echo 'make clean            remove what is built; runs, reports and public/ stay'
	@echo 'make experiment-NAME  NAME is one of: $(EXPERIMENTS)'

# -- environment -------------------------------------------------------------

setup: $(STAMPS)/build

$(STAMPS)/system: scripts/system-packages
	@PYTHON=$(PYTHON) scripts/system-packages
	@mkdir -p $(@D) && touch $@

$(STAMPS)/system-tests: scripts/system-packages
	@PYTHON=$(PYTHON) scripts/system-packages --tests
	@mkdir -p $(@D) && touch $@

$(STAMPS)/system-bench: scripts/system-packages
	@PYTHON=$(PYTHON) scripts/system-packages --bench
	@mkdir -p $(@D) && touch $@

# Only root can use the lab, so only root needs what it runs on.
$(STAMPS)/system-lab: scripts/system-packages
	@PYTHON=$(PYTHON) scripts/system-packages --lab || [ "$$(id -u)" != 0 ]
	@mkdir -p $(@D) && touch $@

$(STAMPS)/venv: requirements.lock $(STAMPS)/system
	@echo 'installing the Python packages of requirements.lock into $(VENV)'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

# The editable install: Python files are used from here; the extension is built
# into $(BUILD) and copied into the venv. It is done anew when a package comes
# or goes, because the import hook knows packages by the list of that moment.
$(STAMPS)/install: pyproject.toml CMakeLists.txt $(PACKAGES) $(STAMPS)/venv
	@echo 'building and installing emu into $(VENV)'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@touch $@

$(STAMPS)/build: $(CORE_SOURCES) $(STAMPS)/install
	@PATH="$(CURDIR)/$(BIN):$$PATH" cmake --build $(BUILD)
	@PATH="$(CURDIR)/$(BIN):$$PATH" cmake --install $(BUILD) --prefix \
	  "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("platlib"))')" >/dev/null
	@touch $@

build: $(STAMPS)/build

# uv resolves for every platform and Python at once, which pip cannot.
lock: $(STAMPS)/venv
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --no-emit-index-url \
	  --python-version 3.11 requirements.in --output-file requirements.lock

# -- checks ------------------------------------------------------------------

test: lint cpp-test fuzz-short python-test lab-test

lint: $(STAMPS)/build
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@$(if $(CPP_SOURCES),$(BIN)/clang-format --dry-run -Werror $(CPP_SOURCES))

format: $(STAMPS)/build
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	@$(if $(CPP_SOURCES),$(BIN)/clang-format -i $(CPP_SOURCES))

# Damaged captures, the short way that belongs to every check and the long one.
FUZZ_CORPUS := build/fuzz-corpus
FUZZ_RUNS ?= 250000
FUZZ_SEED ?= 1

$(FUZZ_CORPUS)/.made: tests/oracle/corpus.py tests/oracle/containers.py emu/wire/scapy_layers.py $(STAMPS)/venv
	@rm -rf $(@D) && $(BIN)/python -m tests.oracle.corpus $(@D) && touch $@

fuzz: build/cpp-tests/capture_fuzz $(FUZZ_CORPUS)/.made
	$< --runs $(FUZZ_RUNS) --seed $(FUZZ_SEED) $(FUZZ_CORPUS)/*.pcap*

fuzz-short: build/cpp-tests/capture_fuzz $(FUZZ_CORPUS)/.made
	$< --seconds 20 --runs 1000000 $(FUZZ_CORPUS)/*.pcap*

.PHONY: build/cpp-tests/capture_fuzz
build/cpp-tests/capture_fuzz: cpp-build

cpp-build: $(STAMPS)/venv
	@PATH="$(CURDIR)/$(BIN):$$PATH" cmake -S . -B build/cpp-tests -G Ninja -DEMU_BUILD_TESTS=ON >/dev/null
	@PATH="$(CURDIR)/$(BIN):$$PATH" cmake --build build/cpp-tests

cpp-test: cpp-build
	build/cpp-tests/core_tests

python-test: $(STAMPS)/build $(STAMPS)/system-tests
	$(BIN)/python -m pytest --numprocesses $(JOBS) --dist worksteal -m 'not lab' $(ARGS)

# Ryu, the original of os-ken, in a venv of its own.
ryu: $(STAMPS)/ryu

$(STAMPS)/ryu: scripts/ryu-venv controllers/ryu-requirements.txt
	@PYTHON=$(PYTHON) scripts/ryu-venv .venv-ryu
	@mkdir -p $(@D) && touch $@

# One after the other: two labs at once would disturb each other's timing.
lab-test: $(STAMPS)/build $(STAMPS)/system-lab $(STAMPS)/ryu
	$(BIN)/python -m pytest -m lab $(ARGS)

validate: $(STAMPS)/build
	$(BIN)/emu validate --out docs/validation.md --jobs $(JOBS)

conformance: $(STAMPS)/build
	$(BIN)/emu validate --part 'Switch test suite (snappi)'

bench: $(STAMPS)/build
	$(BIN)/emu bench
	$(BIN)/emu pcap bench

# Seconds depend on who else is on the machine; instructions do not.
bench-gate: $(STAMPS)/build $(STAMPS)/system-bench
	@PATH="$(CURDIR)/$(BIN):$$PATH" cmake -S . -B build/replay -G Ninja -DEMU_BUILD_REPLAY=ON >/dev/null
	@PATH="$(CURDIR)/$(BIN):$$PATH" cmake --build build/replay
	$(BIN)/python -m emu.bench_gate $(ARGS)

# docs/performance.md, on an idle machine.
performance: bench-gate
	$(BIN)/python scripts/make-performance

# The threads of one run (tests/cpp/test_threads.cc), the lab's, and what the tests start.
tsan: $(STAMPS)/venv
	@PATH="$(CURDIR)/$(BIN):$$PATH" cmake -S . -B build/tsan -G Ninja -DEMU_BUILD_TESTS=ON -DEMU_SANITIZE=thread >/dev/null
	@PATH="$(CURDIR)/$(BIN):$$PATH" cmake --build build/tsan --target core_tests
	build/tsan/core_tests

# The same bytes with 1, 2 and 4 processes, with and without recording, from every compiler.
determinism: agree
	$(BIN)/python -m pytest -q tests/golden/test_determinism.py

agree: $(STAMPS)/build
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m emu.bench_agree

# -- results -----------------------------------------------------------------

report: reports/$(REPORT)/index.html
	@echo "report: $(CURDIR)/$<"

# A run that is whole is not run again (--resume), so this costs nothing when
# only the page has changed.
reports/%/index.html: experiments/%.yaml $(STAMPS)/build $(PY_SOURCES) $(INPUTS)
	$(BIN)/emu run $< --out runs/$* --jobs $(JOBS) --resume
	$(BIN)/emu report runs/$* --out reports/$*

$(addprefix experiment-,$(EXPERIMENTS)): experiment-%: reports/%/index.html
	@echo "report: $(CURDIR)/$<"

publish: $(STAMPS)/build
	$(BIN)/emu publish $(or $(patsubst %/index.html,%,$(wildcard reports/*/index.html)),$(error no \
	  finished report in reports/: run `make report` first)) --out public

# Root, and at most 20 minutes on two cores: the lab beside the simulator. What is whole stays,
# so that an interrupted one goes on.
lab-report: $(STAMPS)/lab-ready $(STAMPS)/build
	$(BIN)/emu lab report experiments/lab-report.yaml --scenarios experiments/agreement

lab-failures lab-routing: lab-%: $(STAMPS)/lab-ready $(STAMPS)/build
	$(BIN)/emu lab report experiments/$@.yaml --out runs/$@ --page reports/$@

# The lab's packages, or what is missing: without root the target ends here.
.PHONY: $(STAMPS)/lab-ready
$(STAMPS)/lab-ready: scripts/system-packages
	@[ "$$(id -u)" = 0 ] || { echo 'error: the lab needs root, which makes network namespaces' >&2; \
	  echo "hint: sudo make $(or $(MAKECMDGOALS),lab-report)" >&2; PYTHON=$(PYTHON) scripts/system-packages --lab; exit 1; }
	@PYTHON=$(PYTHON) scripts/system-packages --lab

# Root, and a few minutes: every agreement scenario on both backends.
.PHONY: agreement
agreement: $(STAMPS)/build
	$(BIN)/emu lab agree --out runs/agreement

docs: $(STAMPS)/build
	$(BIN)/python scripts/make-docs

# A walk through `emu pcap` on captures of a small incast; the page is docs/pcap.md.
pcap-demo: $(STAMPS)/build
	$(BIN)/python scripts/pcap-demo
	@echo 'captures: $(CURDIR)/runs/pcap-demo, walk: $(CURDIR)/docs/pcap.md'

clean:
	rm -rf $(VENV) .venv-ryu $(STAMPS) build test-artefacts .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find emu tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
