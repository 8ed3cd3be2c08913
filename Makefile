# Every command of the project. `make trial` and `make test` are all that a newcomer needs: each sets up what it uses.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.8

# Real market data for tests, where this machine has it; elsewhere the tests that need it say so and are skipped.
ifndef REAL_DATA_DIR
ifneq ($(wildcard ../shared/data/README.md),)
export REAL_DATA_DIR := $(abspath ../shared/data)
endif
endif

.DEFAULT_GOAL := help
.PHONY: help install trial test check bench prove lock clean

help: ## List the commands.
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.uv:
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or later is needed, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@touch $@

$(VENV)/.installed: $(VENV)/.uv requirements.txt pyproject.toml
	$(BIN)/uv pip install --quiet --python $(BIN)/python -r requirements.txt
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed tests/requirements-test.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python -r requirements.txt -r tests/requirements-test.txt
	@touch $@

install: $(VENV)/.installed ## Make .venv with seatrial and wheelhouse in it.

trial: install ## Put the bundled wheelhouse through its sea trial.
	$(BIN)/seatrial run

# The trial's own tests measure and break things, so they run one at a time.
test: $(VENV)/.installed-test ## Run every test.
	$(BIN)/pytest tests/wheelhouse -n 2
	$(BIN)/pytest tests --ignore tests/wheelhouse

check: $(VENV)/.installed-test ## Lint, types and layers: what CI asks before the tests.
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/uv lock --check
	$(BIN)/python tools/export_requirements.py --check

bench: $(VENV)/.installed-test ## Measure what the documents quote.
	$(BIN)/python benchmarks/open_loop.py

prove: install ## Prove that every check can fail.
	$(BIN)/seatrial prove

lock: $(VENV)/.uv ## Resolve the dependencies anew and export the requirement files.
	$(BIN)/uv lock
	$(BIN)/python tools/export_requirements.py

clean: ## Remove what the commands made.
	rm -rf $(VENV) build dist seatrial-results .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
