# make demo        a figure in one command, from a fresh clone
# make test        every check a change must pass (make test-fast leaves out the slow ones)
# make bench       measure start-up, delivery, and networks beside NEST and Brian2
# make lint        style, types and import rules only
# make format      rewrite the code in the house style
# make venv        .venv with the package and its tools; PYTHON=... names the interpreter

VENV := .venv
BIN := $(VENV)/bin
CORE := $(VENV)/.installed-core
STAMP := $(VENV)/.installed
LAVA := $(VENV)/.installed-lava
SPINNAKER := $(VENV)/.installed-spinnaker
EXTRAS := dev,analysis,brian2,datasets,nest,nir-readers,pynn,torch,tutorials
WORKERS ?= 2
PYTHON ?=

export MPLBACKEND := Agg
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := test
.DELETE_ON_ERROR:
.PHONY: demo test test-fast lint format venv bench

demo: $(CORE)
	$(BIN)/python tools/demo.py

# The kernels are tested twice: as the Python they are written in, and compiled.
test: lint $(LAVA) $(SPINNAKER)
	NUMBA_DISABLE_JIT=1 $(BIN)/python -m pytest tests/kernels -n $(WORKERS) -m "not compiled"
	$(BIN)/python -m pytest -n $(WORKERS)

test-fast: lint $(LAVA) $(SPINNAKER)
	$(BIN)/python -m pytest -n $(WORKERS) -m "not slow"

bench: venv
	$(BIN)/python -m benchmarks start-up --peer all
	$(BIN)/python -m benchmarks delivery
	$(BIN)/python -m benchmarks --workload cuba-4000 --workload coba-4000 --workload cobahh \
	    --workload brunel --workload microcircuit-0.1 --peer nest --peer brian2-cpp
	$(BIN)/python docs/make_performance.py

lint: venv
	$(BIN)/python -m ruff check
	$(BIN)/python -m ruff format --check
	$(BIN)/python -m mypy
	$(BIN)/lint-imports --no-logo

format: venv
	$(BIN)/python -m ruff check --fix
	$(BIN)/python -m ruff format

venv: $(STAMP)

# A name on the PATH may be a shim that leads nowhere, or a Python without venv: run each to see.
USABLE := import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))

# What the demo and the tutorials need; the rest comes with the first check.
$(CORE): pyproject.toml .ci/constraints.txt
	@if ! $(BIN)/python -c '$(USABLE)' >/dev/null 2>&1; then \
	    for candidate in $(or $(PYTHON),python3.11 python3 python3.12 python3.13); do \
	        if "$$candidate" -c '$(USABLE)' >/dev/null 2>&1; then found=$$candidate; break; fi; \
	    done; \
	    if [ -z "$${found:-}" ]; then \
	        echo "make venv: no working Python 3.11, 3.12 or 3.13 (with venv) found; name one: make venv PYTHON=/path/to/python" >&2; \
	        exit 1; \
	    fi; \
	    echo "make venv: using $$("$$found" -c 'import sys; print(sys.executable, sys.version.split()[0])')"; \
	    "$$found" -m venv --clear $(VENV); \
	fi
	$(BIN)/python -m pip install --quiet -c .ci/constraints.txt -e ".[tutorials]"
	@touch $@

# The tools, and the other simulators: most of it is PyTorch.
$(STAMP): $(CORE)
	$(BIN)/python -m pip install --quiet -c .ci/constraints.txt -e ".[$(EXTRAS)]"
	@touch $@

# Lava lives in an environment of its own, with a Python 3.10, in the user's data directory. On a
# desk without one its tests are left out, and integers are compared with what Lava once did; CI
# (CI=true) goes no further.
$(LAVA): $(STAMP) backends/neurosim_backends/lava/environment.py
	@if $(BIN)/neurosim backend install lava; then touch $@; \
	else test -z "$${CI:-}"; fi

# sPyNNaker, which places networks on virtual boards: the same, with our own Python.
$(SPINNAKER): $(STAMP) backends/neurosim_backends/spinnaker/environment.py
	@if $(BIN)/neurosim backend install spinnaker; then touch $@; \
	else test -z "$${CI:-}"; fi
