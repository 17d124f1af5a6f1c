# Everything from a fresh clone, with nothing but Python 3.11+, its venv module, and make.

PYTHON ?= python3
PORT ?=
VENV := .venv
BIN := $(VENV)/bin
# Stamps: the environment is made again only when what it is made from has changed.
RUNTIME := $(VENV)/.runtime
DEV := $(VENV)/.dev
PYTEST := $(BIN)/python -m pytest
# More than the cores of a small machine: half of the time tests wait for a browser or for other processes.
WORKERS ?= 3
# Each process takes neighbours, which share what is made once for a module; one that is done takes over from another.
PARALLEL := -n $(WORKERS) --dist worksteal
LOADERS := .loaders
OFFLINE := HF_HUB_OFFLINE=1 TRL_EXPERIMENTAL_SILENCE=1 TQDM_DISABLE=1

.PHONY: help demo environment test quick check lint bench loaders clean

help:
	@echo "make demo    load the demo in ./potato-demo and serve it (PORT=8000)"
	@echo "make test    every test that needs no service, and what was left out"
	@echo "make quick   the same without those that take long: a browser, other processes, whole lists and pages of the admin"
	@echo "make check   what must hold before a commit: style, types, layers, templates, migrations, tests"
	@echo "make bench   the measurements (ONLY=overview: one of them; DATABASE_URL=postgres://…: on that server)"
	@echo "make loaders what was exported, loaded by TRL and OpenRLHF themselves (downloads PyTorch, twice)"

demo: $(RUNTIME)
	@exec $(BIN)/potato demo $(if $(PORT),-p $(PORT))

environment: $(DEV)

test: $(DEV)
	@$(PYTEST) -q $(PARALLEL)

quick: $(DEV)
	@$(PYTEST) -q $(PARALLEL) -m "not browser and not faults and not slow"

check: lint test

lint: $(DEV)
	$(BIN)/ruff check --no-cache .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/djlint --quiet --lint templates
	$(BIN)/djlint --quiet --check templates
	@SECRET_KEY=only-for-the-check-of-the-migrations-of-this-site DATABASE_URL=sqlite://:memory: \
		$(BIN)/python manage.py makemigrations --check --dry-run

bench: $(DEV)
	@$(BIN)/python -m tests.benchmarks $(ONLY)

# One environment at a time: each holds a PyTorch of its own.
loaders: $(DEV)
	rm -rf $(LOADERS)
	@$(BIN)/python -m tests.loaders.samples $(LOADERS)/data
	$(PYTHON) -m venv $(LOADERS)/old
	$(LOADERS)/old/bin/pip install --quiet --disable-pip-version-check torch==2.13.0 trl==1.13.0
	$(LOADERS)/old/bin/pip install --quiet --disable-pip-version-check --no-deps openrlhf==0.9.5
	@$(OFFLINE) $(LOADERS)/old/bin/python tests/loaders/trl_prm.py $(LOADERS)/data
	@$(OFFLINE) $(LOADERS)/old/bin/python tests/loaders/openrlhf_prm.py $(LOADERS)/data
	rm -rf $(LOADERS)/old
	$(PYTHON) -m venv $(LOADERS)/new
	$(LOADERS)/new/bin/pip install --quiet --disable-pip-version-check torch==2.13.0 trl==1.16.0
	@$(OFFLINE) $(LOADERS)/new/bin/python tests/loaders/trl_now.py $(LOADERS)/data
	rm -rf $(LOADERS)

clean:
	rm -rf $(VENV) $(LOADERS) dist

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name one: make PYTHON=python3.12 …")'
	$(PYTHON) -m venv $(VENV)

$(RUNTIME): pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(DEV): pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	@touch $(RUNTIME) $@
