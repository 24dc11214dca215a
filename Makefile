# What a person and CI type. `make help` lists it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYTEST := $(BIN)/python -m pytest
PIP := $(BIN)/python -m pip --disable-pip-version-check
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-strip-extras pyproject.toml
# One more than there are cores: the fault tests wait more than they work.
TESTERS := $(shell expr $$(nproc 2>/dev/null || echo 2) + 1)
SELF := $(firstword $(MAKEFILE_LIST))

.PHONY: help setup setup-dev demo up down test test-all cover check fix bench chaos lock image
.DEFAULT_GOAL := help

help: ## Show this list
	@grep -E '^[a-z-]+:.*## ' $(SELF) | sed -E 's/^([a-z-]+):[^#]*## /\1\t/' | awk -F'\t' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: $(VENV)/.ready ## Install what the platform needs into .venv (again only when the lock changed)

setup-dev: $(VENV)/.ready-dev ## Install the tools for tests and checks as well

demo: setup ## Start everything, play the journey, print addresses and logins (ARGS=--once: then stop)
	@$(BIN)/clusterskills demo $(ARGS)

up: setup ## Start the whole platform in the background
	@$(BIN)/clusterskills stack up --detach $(ARGS)

down: setup ## Stop it
	@$(BIN)/clusterskills stack down $(ARGS)

test: setup-dev ## Run the tests (ARGS="-k seats" to choose)
	@$(PYTEST) -n $(TESTERS) --dist loadgroup --no-loadscope-reorder $(ARGS)

test-all: setup-dev ## Run the slow ones too
	@$(PYTEST) -n $(TESTERS) --dist loadgroup --no-loadscope-reorder -m "not chaos and not bench and not docker" $(ARGS)

cover: setup-dev ## Run the tests and measure branch coverage
	@$(PYTEST) -n $(TESTERS) --dist loadgroup --no-loadscope-reorder --cov --cov-report=term $(ARGS)
	@echo "Rules and kernel alone:"
	@$(BIN)/coverage report --include='shared/*,services/*/domain.py,services/*/domain/*' --fail-under=95

check: setup-dev ## Check format, lint, types and who may import whom
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

fix: setup-dev ## Format and repair what can be repaired
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: setup-dev ## Measure (a table and build/bench.json)
	@$(BIN)/python -m tests.benchmarks $(ARGS)

chaos: setup-dev ## Kill engines and processes under load, for minutes, and count
	@$(BIN)/python -m tests.chaos $(ARGS)

lock: setup-dev ## Resolve the dependencies anew
	@$(COMPILE) --extra build --extra stack -o requirements.lock
	@$(COMPILE) --all-extras -o requirements-dev.lock

image: ## Build our image
	docker build -f deploy/docker/Dockerfile -t clusterskills .

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Python 3.11 or newer is needed; $$($(PYTHON) --version) was found. Try: make setup PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "This Python cannot make virtual environments. On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@$(PYTHON) -m venv $(VENV)

# The locks are complete, so nothing is resolved: pip would refuse a name that is locked with its extras only.
$(VENV)/.ready: requirements.lock pyproject.toml | $(VENV)/bin/python
	@test -e $(VENV)/.ready-dev || { echo "Installing (once; a few minutes, mostly downloads)"; \
		$(PIP) install --no-compile --no-deps --require-hashes -r requirements.lock; }
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.ready-dev: requirements-dev.lock pyproject.toml | $(VENV)/bin/python
	@echo "Installing with the tools for tests and checks (once; a few minutes, mostly downloads)"
	@$(PIP) install --no-compile --no-deps --require-hashes -r requirements-dev.lock
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@ $(VENV)/.ready
